// Command testpostgres runs a command with a temporary PostgreSQL server:
//
//	go run ./scripts/testpostgres -- go test ./...
//
// It sets TEST_POSTGRES_URL to the superuser's connection URI. The exit code is the command's, 128
// plus the signal's number if a signal ended it, and 1 if the server did not start.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"function/shared/postgres"
)

// maxConnections suffices for the packages that `go test` runs at the same time.
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

// run returns the command's exit code, or an error if it could not run.
func run(args []string) (code int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	dir, remove, err := directory()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	server, err := postgres.Start(ctx, postgres.Options{Dir: dir, MaxConnections: maxConnections})
	if err != nil {
		return 0, err
	}
	// Nothing is kept, so the server need not shut down cleanly.
	atOnce, cancel := context.WithCancel(context.Background())
	cancel()
	defer func() { err = errors.Join(err, server.Stop(atOnce)) }()
	return command(ctx, args, server.ConnString(postgres.Superuser))
}

// command runs args in their own process group until they end. If this process receives a signal,
// it passes it to the group, which gets some time to end.
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
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // kill remaining processes of the command
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

// directory creates the directory for the server's files and returns the function that removes it.
// Every run in a working directory gets the same one, unless another run has it: the server's URL
// then stays the same, and `go test` reuses the results of packages in which nothing changed.
func directory() (dir string, remove func() error, err error) {
	working, err := os.Getwd()
	if err != nil {
		return "", nil, err
	}
	sum := fnv.New32a()
	fmt.Fprint(sum, os.Getuid(), working)
	dir = filepath.Join(cmp.Or(scratch(), os.TempDir()), fmt.Sprintf("testpostgres-%08x", sum.Sum32()))
	lock, err := os.OpenFile(dir+".lock", os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return temporary()
	}
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil || os.RemoveAll(dir) != nil || os.Mkdir(dir, 0o700) != nil {
		lock.Close()
		return temporary()
	}
	return dir, func() error { return errors.Join(os.RemoveAll(dir), lock.Close()) }, nil
}

// temporary is like directory, with a name that no other run has.
func temporary() (dir string, remove func() error, err error) {
	dir, err = os.MkdirTemp(scratch(), "testpostgres-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}

// scratch returns the directory for the server's files: in memory if there is room, otherwise ""
// for the system's default.
func scratch() string {
	const memory, room = "/dev/shm", 4 << 30
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memory, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < room {
		return ""
	}
	return memory
}
