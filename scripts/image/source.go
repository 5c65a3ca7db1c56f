package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// source is the state of the project that is built.
type source struct {
	commit  string
	changed bool      // has uncommitted changes
	time    time.Time // of the commit; used for every time in the image
}

func readSource(ctx context.Context, root string) (source, error) {
	said, err := git(ctx, root, "log", "-1", "--format=%H %ct")
	if err != nil {
		return source{}, err
	}
	commit, at, _ := strings.Cut(said, " ")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return source{}, fmt.Errorf("read commit: %w", err)
	}
	changes, err := git(ctx, root, "status", "--porcelain")
	return source{commit: commit, changed: changes != "", time: time.Unix(seconds, 0).UTC()}, err
}

func (s source) tag() string {
	tag := s.commit[:12]
	if s.changed {
		tag += "-changed"
	}
	return tag
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

// compile links everything into the program, including DuckDB's C++, libc and the time zone
// database, so that the image needs no other files.
func compile(ctx context.Context, root, program string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", "netgo,osusergo,timetzdata",
		"-ldflags", "-s -w -buildid= -linkmode external -extldflags '-static -Wl,--build-id=none'", "-o", absolute(program), "./knative/serve")
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=1", "GOOS=linux")
	// The output of a successful build is ignored: the linker warns that a static libc cannot
	// resolve names and users, but Go's own code does that.
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build knative/serve: %w\n%s", err, out)
	}
	return nil
}
