package postgres

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// endOrphan stops a server of the data directory whose parent has died. It returns the PID in
// postmaster.pid, which no longer belongs to a server of this directory, or 0 if there is no such
// file.
func endOrphan(ctx context.Context, data string) (int, error) {
	pid, _ := readPIDFile(data)
	if pid == 0 {
		return 0, nil
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if !serves(pid, data) {
			return pid, nil
		}
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return 0, fmt.Errorf("stop the server left behind, process %d: %w", pid, err)
		}
		if err := waitGone(ctx, pid, data); err != nil {
			return 0, fmt.Errorf("wait for the server left behind, process %d: %w", pid, err)
		}
	}
	if serves(pid, data) {
		return 0, fmt.Errorf("the server left behind, process %d, does not end", pid)
	}
	return pid, nil
}

// waitGone returns when the process has ended, or after a time limit.
func waitGone(ctx context.Context, pid int, data string) error {
	limit := time.After(fastStopTime)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for serves(pid, data) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-limit:
			return nil
		case <-tick.C:
		}
	}
	return nil
}
