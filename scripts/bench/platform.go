package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"function/scripts/bench/process"
)

// timeout is the time limit for a run that hangs.
const timeout = 10 * time.Minute

// limits are high enough that one client cannot reach them, but still checked.
const limits = "RATE_LIMITS=caller=1000000/1s,account=1000000/1s"

// platform is a running bin/local.
type platform struct {
	url     string
	started duration // from exec to ready
	cmd     *exec.Cmd
}

// startPlatform runs bin/local on a free port and waits until it is ready.
func startPlatform(ctx context.Context, dataDir string) (*platform, error) {
	cmd := exec.CommandContext(ctx, "bin/local")
	cmd.Env = append(os.Environ(), "PORT=0", "DATA_DIR="+dataDir, limits)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // this process handles Ctrl-C
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the platform: %w", err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			p := &platform{url: url, started: duration(time.Since(began)), cmd: cmd}
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return p, nil
		}
	}
	return nil, errors.Join(errors.New("the platform ended before it was ready"), cmd.Wait())
}

// stop stops the platform with SIGTERM and returns how long that took. If one of its processes
// survives, that is an error.
func (p *platform) stop() (duration, error) {
	family, err := process.Descendants(p.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	took, err := timed(func() error {
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		if err := p.cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) { // Ctrl-C has stopped it
			return err
		}
		return nil
	})
	if err != nil {
		return took, fmt.Errorf("stop the platform: %w", err)
	}
	for _, member := range family {
		if member.Alive() {
			err = errors.Join(err, fmt.Errorf("the platform has left process %d", member.PID))
		}
	}
	return took, err
}
