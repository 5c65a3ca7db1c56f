package postgres

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// parentVariable is the environment variable with the directory in which this test program, run as
// a parent that is killed, starts a server.
const parentVariable = "TEST_POSTGRES_PARENT"

func TestMain(m *testing.M) {
	dir := os.Getenv(parentVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	s, err := start(context.Background(), Options{Dir: dir, Durable: true})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.process.cmd.Process.Pid, s.ConnString("postgres"))
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func TestServer_ParentKilled_Ends(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"="+dir)
	if _, err := parent.StdinPipe(); err != nil { // closed when the test ends
		t.Fatal(err)
	}
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(said, " ")
	server, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(said)
	}
	if !serves(server, filepath.Join(dir, "data")) {
		t.Fatalf("process %d is not the server", server)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	parent.Wait()
	if err := waitGone(t.Context(), server, filepath.Join(dir, "data")); err != nil {
		t.Fatal(err)
	}
	if serves(server, filepath.Join(dir, "data")) {
		t.Errorf("the server outlives its parent")
	}
	stopServer(t, startServer(t, Options{Dir: dir, Durable: true}))
}

// TestAsNormalUser repeats, as nobody, the tests for which the server's account matters, if they
// ran as root.
func TestAsNormalUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return
	}
	dir, err := os.MkdirTemp("", "normal-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	const nobody = 65534
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "test")
	b, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, b, 0o755); err != nil {
		t.Fatal(err)
	}
	tests := []string{"StartQueryStop", "Start_DirectoryInUse_IsRefused", "Start_OrphanedServer_IsStopped", "ReusedPID", "Server_ParentKilled_Ends"}
	cmd := exec.Command(program, "-test.v", "-test.run=^Test("+strings.Join(tests, "|")+")$")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if passed := strings.Count(string(out), "\n--- PASS: Test"); err != nil || passed != len(tests) {
		t.Errorf("as nobody: %v, and %d of %d tests passed\n%s", err, passed, len(tests), out)
	}
}
