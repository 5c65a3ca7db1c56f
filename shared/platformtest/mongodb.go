package platformtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/postgres"
)

// MongoDB returns the URL of a new, empty database on a server with MongoDB's protocol: FerretDB on
// the test PostgreSQL. The server is a separate program (scripts/ferretdb), built when a test
// process first needs it.
func MongoDB(t testing.TB) string {
	t.Helper()
	Server(t)
	url, err := ferretDB()
	if err != nil {
		t.Fatal("tests need a MongoDB: ", err)
	}
	return url + "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
}

// ferretDB starts this test binary's server.
var ferretDB = sync.OnceValues(func() (string, error) {
	dsn, err := server()
	if err != nil {
		return "", err
	}
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", fmt.Errorf("connect to the test server: %w", err)
	}
	defer admin.Close(ctx)
	name := "ferretdb_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("create FerretDB's database: %w", err)
	}
	url, err := postgres.As(dsn, postgres.Superuser, name)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "ferretdb-")
	if err != nil {
		return "", err
	}
	cleanups = append(cleanups, func() { _ = os.RemoveAll(dir) })
	program := filepath.Join(dir, "ferretdb")
	build := exec.Command("go", "build", "-o", program, ".")
	_, here, _, _ := runtime.Caller(0)
	build.Dir = filepath.Join(filepath.Dir(here), "..", "..", "scripts", "ferretdb")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build scripts/ferretdb: %w\n%s", err, out)
	}
	running, err := startFerretDB(program, url)
	cleanups = append(cleanups, func() { drop(dsn, name) })
	return running, err
})

func drop(dsn, name string) {
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return
	}
	defer admin.Close(ctx)
	_, _ = admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
}

// startFerretDB starts the server and returns the URL that it prints. The server runs until this
// process ends or closes the server's input.
func startFerretDB(program, url string) (string, error) {
	command := exec.Command(program, "-postgresql", url)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return "", err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := command.Start(); err != nil {
		return "", fmt.Errorf("start FerretDB: %w", err)
	}
	cleanups = append(cleanups, func() { _ = stdin.Close(); _ = command.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return "", errors.Join(fmt.Errorf("FerretDB did not start: %w", err), command.Wait())
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	return strings.TrimSpace(line), nil
}
