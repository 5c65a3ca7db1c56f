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
	newName  = "data.new" // a cluster whose initdb has not finished

	initdbLimit = 2 * time.Minute // many times the usual duration
)

// cluster is a data directory with the programs and the account that serve it.
type cluster struct {
	dir      string // holds data, server.log and lock
	data     string
	binaries binaries
	account  *syscall.Credential // nil: the caller's own
	stalePID int                 // of an earlier, dead server in postmaster.pid; or 0
}

// openCluster opens or creates the cluster in dir and stops a server that still runs on it. The
// caller holds the lock of dir.
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

// clusterMajor returns the major version of PostgreSQL that created the cluster.
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

// initialize runs initdb in a temporary directory and renames the result, so that data is either
// absent or complete.
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
	// initdb is not interrupted: it takes a second, and killed processes leave shared memory
	// behind.
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

// locale returns a locale that sorts by code point. Only Linux has the variant that also classifies
// non-ASCII letters.
func locale() string {
	if runtime.GOOS == "linux" {
		return "C.UTF-8"
	}
	return "C"
}

// own makes the server's account the owner of path.
func (c *cluster) own(path string) error {
	if c.account == nil {
		return nil
	}
	return os.Chown(path, int(c.account.Uid), int(c.account.Gid))
}

// command prepares a server program to run on a data directory. It runs in its own process group,
// so that the terminal's Ctrl-C does not reach it. The caller must call release once the program
// has started.
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

// environ returns the caller's environment without variables that affect PostgreSQL programs.
func (c *cluster) environ() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "PG") && !strings.HasPrefix(e, "LC_") && !strings.HasPrefix(e, "TZ=") {
			env = append(env, e)
		}
	}
	env = append(env, "TZ=UTC", "LC_ALL=C")
	if c.stalePID != 0 {
		// The server refuses to start while the process in an old postmaster.pid is alive, unless
		// it is this one. PIDs are reused, and endOrphan has made sure that the process is not a
		// server of this cluster.
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
