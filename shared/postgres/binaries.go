package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

const (
	minMajor = 14
	anyMajor = 0
)

// binaries are the programs of one installed version.
type binaries struct {
	major            int
	initdb, postgres string
}

// findBinaries returns the programs of the given major version or of the newest one installed. If
// there is none, it downloads a private copy.
func findBinaries(ctx context.Context, major int) (binaries, error) {
	var found []binaries
	for _, dir := range searchDirs() {
		if b, err := inspect(ctx, dir); err == nil {
			found = append(found, b)
		}
	}
	slices.SortStableFunc(found, func(a, b binaries) int { return b.major - a.major })
	for _, b := range found {
		if b.major == major || major == anyMajor && b.major >= minMajor {
			return b, nil
		}
	}
	if (major == anyMajor || major == embeddedMajor) && os.Geteuid() != 0 {
		b, err := embedded(ctx)
		if err != nil {
			return binaries{}, fmt.Errorf("PostgreSQL is not installed (run %s), and fetching a copy failed: %w", installCommand(), err)
		}
		return b, nil
	}
	if major == anyMajor {
		return binaries{}, fmt.Errorf("PostgreSQL %d or newer is not installed: run %s", minMajor, installCommand())
	}
	return binaries{}, fmt.Errorf("the cluster was made by PostgreSQL %d, which is not installed (found: %s): "+
		"install it, or move the directory away to begin with an empty one", major, versions(found))
}

// searchDirs lists the directories that may contain the programs: the PATH, and where Debian and
// Homebrew install versions side by side.
func searchDirs() []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
	} {
		match, _ := filepath.Glob(pattern) // the patterns are well formed
		dirs = append(dirs, match...)
	}
	return dirs
}

// inspect returns the programs in dir if both exist and run.
func inspect(ctx context.Context, dir string) (binaries, error) {
	b := binaries{initdb: filepath.Join(dir, "initdb"), postgres: filepath.Join(dir, "postgres")}
	if _, err := os.Stat(b.initdb); err != nil {
		return b, err
	}
	out, err := exec.CommandContext(ctx, b.postgres, "--version").Output()
	if err != nil {
		return b, fmt.Errorf("run %s: %w", b.postgres, err)
	}
	b.major, err = parseVersion(string(out))
	return b, err
}

var versionPattern = regexp.MustCompile(`^postgres \(PostgreSQL\) (\d{2,4})\D`)

// parseVersion parses the major version in the output of `postgres --version`.
func parseVersion(answer string) (int, error) {
	m := versionPattern.FindStringSubmatch(answer)
	if m == nil {
		return 0, errors.New("unknown version: " + strings.TrimSpace(answer))
	}
	return strconv.Atoi(m[1])
}

func versions(found []binaries) string {
	if len(found) == 0 {
		return "none"
	}
	var s []string
	for _, b := range found {
		s = append(s, strconv.Itoa(b.major))
	}
	return strings.Join(slices.Compact(s), ", ")
}

// installCommand returns the command that installs a server on this system.
func installCommand() string {
	if runtime.GOOS == "darwin" {
		return "`brew install postgresql@17`"
	}
	return "scripts/setup.sh, or `apt-get install postgresql`"
}
