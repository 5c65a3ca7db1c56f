package postgres

import (
	"context"
	"errors"
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
	pollInterval = 5 * time.Millisecond

	// A dead server's backends notice within moments that they are alone;
	// until then their shared memory keeps a new server out.
	leftoverRetries = 25
	leftoverPause   = 200 * time.Millisecond
)

var errLeftover = errors.New("processes of an earlier server are still running")

// process is the postmaster, the parent of all of a server's processes.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// launch starts cmd from a thread that lives as long as the process, because
// Linux sends Pdeathsig when the starting thread ends, not the program.
func launch(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		defer close(p.done)
		_ = cmd.Wait() // state has the outcome
	}()
	return p, <-started
}

func (p *process) state() *os.ProcessState { return p.cmd.ProcessState }

// stop ends the server, the harder the longer it takes.
func (p *process) stop(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, fastStopTime)
	defer cancel()
	if p.signal(limit, syscall.SIGINT) {
		return nil
	}
	return p.quit()
}

// quit ends the server without closing the cluster.
func (p *process) quit() error {
	limit, cancel := context.WithTimeout(context.Background(), immediateStopTime)
	defer cancel()
	if p.signal(limit, syscall.SIGQUIT) {
		return nil
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	return errors.New("the server did not react to signals and was killed")
}

// signal sends sig and waits for the end; it tells whether that came.
func (p *process) signal(ctx context.Context, sig os.Signal) bool {
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// serve starts the server and waits until it accepts connections.
func (c *cluster) serve(ctx context.Context, socket socketDir, settings []string) (*process, error) {
	log, err := newLog(c.dir)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	for attempt := 0; ; attempt++ {
		p, err := c.serveOnce(ctx, socket, settings, log)
		if !errors.Is(err, errLeftover) || attempt == leftoverRetries {
			return p, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(leftoverPause):
		}
	}
}

func (c *cluster) serveOnce(ctx context.Context, socket socketDir, settings []string, log *os.File) (*process, error) {
	// The server outlives ctx.
	cmd, release, err := c.command(context.Background(), c.binaries.postgres, c.data)
	if err != nil {
		return nil, err
	}
	defer release()
	settings = append(settings, "unix_socket_directories="+socket.setting(cmd.Args[2]))
	for _, s := range settings {
		cmd.Args = append(cmd.Args, "-c", s)
	}
	cmd.Stdout, cmd.Stderr = log, log
	said, err := log.Seek(0, 2)
	if err != nil {
		return nil, err
	}
	before := modified(c.pidFile())
	p, err := launch(cmd)
	if err != nil {
		return nil, err
	}
	if err := c.waitReady(ctx, p, before); err != nil {
		return nil, errors.Join(err, p.quit())
	}
	select {
	case <-p.done:
		return nil, failure(p, log, said)
	default:
		return p, nil
	}
}

// waitReady returns when the server has written to postmaster.pid that it is
// ready, as pg_ctl does, or has ended.
func (c *cluster) waitReady(ctx context.Context, p *process, before time.Time) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w", context.Cause(ctx))
		case <-tick.C:
		}
		if modified(c.pidFile()).Equal(before) {
			continue // an old file may name this very pid
		}
		if pid, status := readPIDFile(c.data); pid == p.cmd.Process.Pid && status == "ready" {
			return nil
		}
	}
}

// failure says why the server did not start.
func failure(p *process, log *os.File, offset int64) error {
	said := readLog(log, offset)
	if strings.Contains(said, "pre-existing shared memory block") {
		return errLeftover
	}
	return fmt.Errorf("the server ended: %v\n%s", p.state(), lastLines(said))
}

func (c *cluster) pidFile() string { return filepath.Join(c.data, "postmaster.pid") }

func modified(path string) time.Time {
	st, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}

// readPIDFile returns the first and the eighth line of postmaster.pid, its
// server's pid and state, as far as they are there.
func readPIDFile(data string) (pid int, status string) {
	b, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0, ""
	}
	lines := strings.Split(string(b), "\n")
	pid, err = strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 1 {
		return 0, ""
	}
	if len(lines) > 7 {
		status = strings.TrimSpace(lines[7])
	}
	return pid, status
}

// endOrphan stops a server of the data directory that its parent has left
// behind. It returns the pid that postmaster.pid names, 0 without that file.
func endOrphan(ctx context.Context, data string) (int, error) {
	pid, _ := readPIDFile(data)
	if pid == 0 {
		return 0, nil
	}
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, fastStopTime}, {syscall.SIGQUIT, immediateStopTime}, {syscall.SIGKILL, immediateStopTime}} {
		for deadline := time.Now().Add(step.wait); ; time.Sleep(pollInterval) {
			if !serves(pid, data) {
				return pid, nil
			}
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			if step.signal != 0 {
				if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
					return 0, fmt.Errorf("stop the server left behind, process %d: %w", pid, err)
				}
				step.signal = 0
			}
			if time.Now().After(deadline) {
				break
			}
		}
	}
	return 0, fmt.Errorf("the server left behind, process %d, does not end", pid)
}
