// Command testpostgres runs a command beside a throw-away PostgreSQL server:
//
//	go run ./scripts/testpostgres -- go test ./...
//
// The command finds a connection URI of the superuser in TEST_POSTGRES_URL.
// The exit code is the command's, 128 and the signal's number when a signal
// ended it, and 1 when the server did not start.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"function/shared/postgres"
)

// maxConnections suffices for the packages that `go test` runs at a time.
const maxConnections = 400

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: testpostgres -- command [argument ...]")
		os.Exit(2)
	}
	code, err := run(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testpostgres:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// run returns the command's exit code, or what kept it from running.
func run(args []string) (code int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	dir, err := os.MkdirTemp(scratch(), "testpostgres-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := postgres.Start(ctx, postgres.Options{Dir: dir, MaxConnections: maxConnections})
	if err != nil {
		return 0, err
	}
	// Nothing is kept, so the server need not close its files in order.
	atOnce, cancel := context.WithCancel(context.Background())
	cancel()
	defer func() { err = errors.Join(err, server.Stop(atOnce)) }()
	return command(ctx, args, server.ConnString(postgres.Superuser))
}

// command runs args, as a process group of their own, until they end. Where
// this process is told to end first, it tells the group, which gets a while
// to do so.
func command(ctx context.Context, args []string, url string) (int, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "TEST_POSTGRES_URL="+url)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return 0, err
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what the command left behind
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

// scratch is the directory for the server's files: in memory if there is
// room, else "", the system's own.
func scratch() string {
	const memory, room = "/dev/shm", 4 << 30
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memory, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < room {
		return ""
	}
	return memory
}
