package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	pollInterval = 5 * time.Millisecond

	// The backends of a dead server notice its death soon; until then, their shared memory prevents
	// a new server from starting.
	leftoverRetries = 50
	leftoverPause   = 200 * time.Millisecond
)

var errLeftover = errors.New("processes of an earlier server are still running")

// process is the postmaster, the parent of all of a server's processes.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// launch starts cmd from a thread that lives as long as the process, because Linux sends Pdeathsig
// when the starting thread ends, not the program.
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
		_ = cmd.Wait() // state() has the result
	}()
	return p, <-started
}

func (p *process) state() *os.ProcessState { return p.cmd.ProcessState }

// stop shuts the server down, and kills it if that takes too long.
func (p *process) stop(ctx context.Context) error {
	limit, cancel := context.WithTimeout(ctx, fastStopTime)
	defer cancel()
	if p.signal(limit, syscall.SIGINT) {
		return nil
	}
	return p.quit()
}

// quit stops the server without closing the cluster.
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

// signal sends sig, waits for the end, and reports whether the server has ended.
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
func (c *cluster) serve(ctx context.Context, settings []string) (*process, error) {
	log, err := newLog(c.dir)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	for attempt := 0; ; attempt++ {
		p, err := c.serveOnce(ctx, settings, log)
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

func (c *cluster) serveOnce(ctx context.Context, settings []string, log *os.File) (*process, error) {
	// The server outlives ctx.
	cmd, release, err := c.command(context.Background(), c.binaries.postgres, c.data, settings...)
	if err != nil {
		return nil, err
	}
	defer release()
	cmd.Stdout, cmd.Stderr = log, log
	said, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	before := modified(pidFile(c.data))
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

// waitReady returns when the server has reported in postmaster.pid that it is ready (as pg_ctl
// checks it), or has ended.
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
		if modified(pidFile(c.data)).Equal(before) {
			continue // an old file may contain the same PID
		}
		if pid, status := readPIDFile(c.data); pid == p.cmd.Process.Pid && status == "ready" {
			return nil
		}
	}
}

// failure returns the reason why the server did not start.
func failure(p *process, log *os.File, offset int64) error {
	said := readLog(log, offset)
	if strings.Contains(said, "pre-existing shared memory block") {
		return errLeftover
	}
	return fmt.Errorf("the server ended: %v\n%s", p.state(), lastLines(said))
}
