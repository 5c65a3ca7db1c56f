package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
)

const asCommand = "TESTPOSTGRES_AS_COMMAND"

// TestMain also serves as the command that the tests run with a server.
func TestMain(m *testing.M) {
	if os.Getenv(asCommand) == "" {
		os.Exit(m.Run())
	}
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, os.Getenv("TEST_POSTGRES_URL"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	var n int
	if err := conn.QueryRow(ctx, "SELECT 7").Scan(&n); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(n)
}

func TestRun(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		command []string
		want    int
		fails   bool
	}{
		{name: "uses the server", command: []string{"env", asCommand + "=1", os.Args[0]}, want: 7},
		{name: "succeeds", command: []string{"true"}, want: 0},
		{name: "ends by a signal", command: []string{"sh", "-c", "kill -TERM $$"}, want: 143},
		{name: "does not exist", command: []string{"/nowhere/command"}, fails: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, err := run(tt.command)
			if code != tt.want || (err != nil) != tt.fails {
				t.Errorf("run = %d, %v", code, err)
			}
		})
	}
}

func TestRun_Ended_LeavesNothing(t *testing.T) {
	parent := t.TempDir()
	left := filepath.Join(parent, "pid")
	if _, err := run([]string{"sh", "-c", `sleep 1000 & echo $! >"$0"; echo "$TEST_POSTGRES_URL" >>"$0"`, left}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(left)
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	var url string
	if _, err := fmt.Sscan(string(b), &pid, &url); err != nil {
		t.Fatal(err)
	}
	if out, _ := exec.Command("ps", "-o", "stat=", "-p", fmt.Sprint(pid)).Output(); len(out) > 0 && out[0] != 'Z' {
		t.Errorf("process %d is still there: %s", pid, out)
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(config.Host); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", config.Host, err)
	}
}
