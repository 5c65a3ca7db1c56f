package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	dataName = "data"
	newName  = "data.new" // a cluster that initdb has not finished

	initdbLimit = 2 * time.Minute // many times what it takes
)

// cluster is a data directory with the programs and the account that serve it.
type cluster struct {
	dir      string // holds data, server.log and lock
	data     string
	binaries binaries
	account  *syscall.Credential // nil: the caller's own
	stalePID int                 // of an earlier server in postmaster.pid, now dead; or 0
}

// openCluster finds or makes the cluster of dir, and ends a server that still
// runs on it. The caller holds the lock of dir.
func openCluster(ctx context.Context, dir string, durable bool) (*cluster, error) {
	account, err := serverAccount(dir)
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, data: filepath.Join(dir, dataName), account: account}
	old, err := exists(c.data)
	if err != nil {
		return nil, err
	}
	if !old {
		if c.binaries, err = findBinaries(ctx, anyMajor); err != nil {
			return nil, err
		}
		return c, c.initialize(ctx, durable)
	}
	major, err := clusterMajor(c.data)
	if err != nil {
		return nil, err
	}
	if c.binaries, err = findBinaries(ctx, major); err != nil {
		return nil, err
	}
	c.stalePID, err = endOrphan(ctx, c.data)
	return c, err
}

// clusterMajor reads which major version of PostgreSQL wrote the cluster.
func clusterMajor(data string) (int, error) {
	b, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if err != nil {
		return 0, fmt.Errorf("not a PostgreSQL cluster: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0, fmt.Errorf("read PG_VERSION of %s: %w", data, err)
	}
	return major, nil
}

// initialize runs initdb beside the final place and renames the result, so
// that data is either absent or whole.
func (c *cluster) initialize(ctx context.Context, durable bool) error {
	fresh := filepath.Join(c.dir, newName)
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("remove an unfinished cluster: %w", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return err
	}
	if err := c.own(fresh); err != nil {
		return err
	}
	args := []string{
		"--username=" + Superuser, "--encoding=UTF8", "--locale=" + locale(), "--no-instructions",
		"--auth-local=trust", "--auth-host=reject",
	}
	if durable {
		args = append(args, "--data-checksums")
	} else {
		args = append(args, "--no-sync")
	}
	if err := c.initdb(ctx, fresh, args); err != nil {
		os.RemoveAll(fresh)
		return fmt.Errorf("initdb: %w", err)
	}
	if err := os.Rename(fresh, c.data); err != nil {
		return err
	}
	return syncDir(c.dir)
}

func (c *cluster) initdb(ctx context.Context, data string, args []string) error {
	// It is not interrupted: it takes a second, and killed processes leave
	// shared memory behind.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), initdbLimit)
	defer cancel()
	cmd, release, err := c.command(ctx, c.binaries.initdb, data, args...)
	if err != nil {
		return err
	}
	defer release()
	cmd.WaitDelay = time.Second
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	runtime.LockOSThread() // see launch
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w\n%s", err, lastLines(output.String()))
	}
	return nil
}

// locale sorts by code point everywhere; only Linux has the variant that also
// knows the letters outside ASCII.
func locale() string {
	if runtime.GOOS == "linux" {
		return "C.UTF-8"
	}
	return "C"
}

// own gives path to the account that the server runs as.
func (c *cluster) own(path string) error {
	if c.account == nil {
		return nil
	}
	return os.Chown(path, int(c.account.Uid), int(c.account.Gid))
}

// command prepares a program of the server to run on a data directory, in its
// own process group, so that the terminal's Ctrl-C does not reach it. The
// caller calls release when the program has started.
func (c *cluster) command(ctx context.Context, program, data string, args ...string) (_ *exec.Cmd, release func(), _ error) {
	name, inherit, err := c.reach(data)
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, program, append([]string{"-D", name}, args...)...)
	cmd.Dir = "/"
	cmd.Env = c.environ()
	cmd.SysProcAttr = sysProcAttr(c.account)
	if inherit == nil {
		return cmd, func() {}, nil
	}
	cmd.ExtraFiles = []*os.File{inherit}
	return cmd, func() { inherit.Close() }, nil
}

// environ is the caller's without what steers PostgreSQL programs.
func (c *cluster) environ() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "PG") && !strings.HasPrefix(e, "LC_") && !strings.HasPrefix(e, "TZ=") {
			env = append(env, e)
		}
	}
	env = append(env, "TZ=UTC", "LC_ALL=C")
	if c.stalePID != 0 {
		// The server refuses to start while the process named by an old
		// postmaster.pid lives, unless that is this one. Pids are reused, and
		// whether that process is a server of this cluster is settled.
		env = append(env, fmt.Sprintf("PG_GRANDPARENT_PID=%d", c.stalePID))
	}
	return env
}

// syncDir makes a rename within dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
