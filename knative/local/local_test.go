package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"function/knative/walk"
)

// TestWalkTwice runs `make run` as a new user does, twice on one data directory, with a kill -9 of
// the platform in between.
func TestWalkTwice(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	first := start(t, dir)
	t.Run("on an empty directory", func(t *testing.T) { walk.Run(t, first.target()) })
	first.kill()
	second := start(t, dir)
	t.Run("again, after a crash", func(t *testing.T) { walk.Run(t, second.target()) })
	second.stop(syscall.SIGINT)
}

func TestLocal_TwoPlatforms_RunSideBySide(t *testing.T) {
	t.Parallel()
	one, other := start(t, shortDir(t)), start(t, shortDir(t))
	for _, p := range []*process{one, other} {
		response, err := http.Get(p.url + "/health/readiness")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	one.stop(syscall.SIGTERM)
	other.stop(syscall.SIGTERM)
}

func TestLocal_CannotStart_SaysWhyInOneSentence(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	running := start(t, shortDir(t))
	defer running.stop(syscall.SIGTERM)
	for name, test := range map[string]struct{ port, dir, want string }{
		"port in use":              {port(taken.Addr()), shortDir(t), "is in use"},
		"directory not a folder":   {freePort(t), file, "cannot be made"},
		"directory in use already": {freePort(t), running.dir, "already in use"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(binary(t))
			cmd.Env = append(os.Environ(), "PORT="+test.port, "DATA_DIR="+test.dir)
			output, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(output), test.want) || strings.Count(strings.TrimSpace(string(output)), "\n") > 0 {
				t.Errorf("%v, output %q; want a failure and one sentence with %q", err, output, test.want)
			}
		})
	}
}

// process is a platform started by make.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	dir string
	url string
}

// ready is the time limit of a start, including the build.
const ready = 10 * time.Minute

func start(t *testing.T, dir string, settings ...string) *process {
	t.Helper()
	p := &process{t: t, dir: dir, cmd: exec.Command("make", "run")}
	p.cmd.Dir = "../.."
	p.cmd.Env = append(os.Environ(), "PORT="+freePort(t), "DATA_DIR="+dir, "MAKEFLAGS=")
	p.cmd.Env = append(p.cmd.Env, settings...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stderr = os.Stderr
	output, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); _ = p.cmd.Wait() })
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	deadline := time.After(ready)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatal("the platform ended before it was ready")
			}
			if url, found := strings.CutPrefix(line, "ready "); found {
				p.url = url
				go func() {
					for range lines { //nolint:revive // keeps the pipe empty
					}
				}()
				return p
			}
		case <-deadline:
			t.Fatal("the platform did not get ready")
		}
	}
}

func (p *process) target() walk.Target {
	return walk.Target{URL: p.url, Metrics: p.url + "/metrics", Data: "../../testdata", Fire: func(t *testing.T, schedule string) {
		response, err := http.Post(p.url+"/_local/schedules/"+schedule+"/fire", "", nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusNoContent {
			t.Errorf("fire %s: %s", schedule, response.Status)
		}
	}}
}

// stop ends the platform as Ctrl-C does (a signal to the whole group), and fails unless all of its
// processes have ended.
func (p *process) stop(signal syscall.Signal) {
	p.t.Helper()
	server := p.postgres()
	if err := syscall.Kill(-p.cmd.Process.Pid, signal); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait() // make reports the signal in its exit code
	p.wantGone(server)
}

// kill ends the platform and its PostgreSQL as a power failure does.
func (p *process) kill() {
	p.t.Helper()
	server := p.postgres()
	for _, pid := range []int{-p.cmd.Process.Pid, server} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			p.t.Fatal(err)
		}
	}
	_ = p.cmd.Wait()
	p.wantGone(server)
}

// postgres returns the PID of the platform's own server.
func (p *process) postgres() int {
	p.t.Helper()
	content, err := os.ReadFile(filepath.Join(p.dir, "postgres", "data", "postmaster.pid"))
	if err != nil {
		p.t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		p.t.Fatal(err)
	}
	return pid
}

// wantGone waits until the port is free and the server's process has ended.
func (p *process) wantGone(server int) {
	p.t.Helper()
	address := strings.TrimPrefix(p.url, "http://")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			connection.Close()
		} else if errors.Is(syscall.Kill(server, 0), syscall.ESRCH) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("left behind: port taken %v, PostgreSQL %d", err == nil, server)
		}
	}
}

// shortDir returns a temporary directory that PostgreSQL's user may enter.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "aic-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// binary is the program that `make run` runs.
func binary(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../bin/local")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return port(l.Addr())
}

func port(a net.Addr) string { return fmt.Sprint(a.(*net.TCPAddr).Port) }
