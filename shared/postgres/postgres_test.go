package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// startServer starts a server that is stopped at the end of the test.
func startServer(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(context.Background()) })
	return s
}

// stopServer stops a server and fails the test if a process of it remains.
func stopServer(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantGone(t, s.process.cmd.Process.Pid)
}

func wantGone(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is still there: %v", pid, err)
	}
}

func query[T any](t *testing.T, s *Server, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.ConnString("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	v, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func TestStartQueryStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startServer(t, Options{Dir: dir, MaxConnections: 20})
	for sql, want := range map[string]string{
		"SELECT current_user::text":                         "postgres",
		"SELECT lower('ÄÖ')":                                "äö",
		"SELECT current_setting('server_encoding')":         "UTF8",
		"SELECT current_setting('TimeZone')":                "UTC",
		"SELECT current_setting('fsync')":                   "off",
		"SELECT current_setting('listen_addresses')":        "",
		"SELECT current_setting('max_connections')":         "20",
		"SELECT min(x) FROM (VALUES ('b'), ('B')) AS v(x)":  "B",
		"SELECT current_setting('unix_socket_directories')": ".",
		"SELECT current_setting('data_directory_mode')":     "0700",
		"SELECT count(*)::text FROM pg_hba_file_rules WHERE type <> 'local' AND auth_method <> 'reject'": "0",
	} {
		if got := query[string](t, s, sql); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
	backend := query[int](t, s, "SELECT pg_backend_pid()")
	stopServer(t, s)
	wantGone(t, backend)
	select {
	case <-s.Done():
	default:
		t.Error("Done is open after Stop")
	}
	if _, err := os.Stat(filepath.Join(dir, "data", ".s.PGSQL.5432")); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestSocket_OtherAccounts_CannotConnect(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startServer(t, Options{Dir: dir})
	st, err := os.Stat(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o700 {
		t.Errorf("the socket's directory has mode %v", st.Mode())
	}
	if uid := st.Sys().(*syscall.Stat_t).Uid; uid == 0 {
		t.Error("the socket's directory belongs to root")
	}
}

func TestServer_Restarted_KeepsData(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir(), Durable: true}
	s := startServer(t, o)
	createTable(t, s)
	if got := query[string](t, s, "SELECT current_setting('data_checksums') || current_setting('fsync')"); got != "onon" {
		t.Errorf("checksums and fsync: %s", got)
	}
	stopServer(t, s)
	s = startServer(t, o)
	wantTable(t, s)
	stopServer(t, s)
}

func createTable(t *testing.T, s *Server) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.ConnString("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n"); err != nil {
		t.Fatal(err)
	}
}

func wantTable(t *testing.T, s *Server) {
	t.Helper()
	if got := query[int](t, s, "SELECT sum(n)::int FROM kept"); got != 500500 {
		t.Errorf("the table's sum is %d", got)
	}
}

func TestServer_Killed_Recovers(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir(), Durable: true}
	s := startServer(t, o)
	createTable(t, s)
	if err := s.process.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	if err := s.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "ended by itself") {
		t.Errorf("Stop: %v", err)
	}
	s = startServer(t, o)
	wantTable(t, s)
	stopServer(t, s)
}

func TestLongAndOddPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), `a "quoted", spaced 'näme' %41&host=x`, strings.Repeat("long", 40))
	s := startServer(t, Options{Dir: dir})
	if got := query[int](t, s, "SELECT 7"); got != 7 {
		t.Errorf("got %d", got)
	}
	link := s.socket.temp
	stopServer(t, s)
	if _, err := os.Stat(link); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", link, err)
	}
}

func TestStart_DirectoryInUse_IsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var (
		wg      sync.WaitGroup
		servers = make([]*Server, 4)
		errs    = make([]error, 4)
	)
	for i := range servers {
		wg.Go(func() { servers[i], errs[i] = Start(t.Context(), Options{Dir: dir}) })
	}
	wg.Wait()
	started := 0
	for i, s := range servers {
		var inUse *InUseError
		switch {
		case s != nil:
			started++
			defer stopServer(t, s)
		case !errors.As(errs[i], &inUse):
			t.Errorf("Start: %v", errs[i])
		}
	}
	if started != 1 {
		t.Errorf("%d servers started", started)
	}
	_, err := Start(t.Context(), Options{Dir: dir})
	if want := fmt.Sprintf("already in use by process %d", os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Start: %v, want: %s", err, want)
	}
}

func TestStart_OrphanedServer_IsStopped(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir()}
	s := startServer(t, o)
	createTable(t, s)
	unlockDir(s.lock) // as if the caller had died
	s2 := startServer(t, o)
	<-s.Done()
	wantGone(t, s.process.cmd.Process.Pid)
	wantTable(t, s2)
	stopServer(t, s2)
}

func TestReusedPID(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir(), Durable: true}
	s := startServer(t, o)
	createTable(t, s)
	if err := s.process.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.Done()
	s.Stop(t.Context())

	// Another server of the same account stands for any process that reuses the PID.
	other := startServer(t, Options{Dir: t.TempDir()})
	pid := fmt.Sprint(other.process.cmd.Process.Pid)
	for _, name := range []string{"postmaster.pid", ".s.PGSQL.5432.lock"} {
		path := filepath.Join(o.Dir, "data", name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(b), "\n")
		if err := os.WriteFile(path, []byte(pid+"\n"+rest), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = startServer(t, o)
	wantTable(t, s)
	stopServer(t, s)
	if got := query[int](t, other, "SELECT 7"); got != 7 {
		t.Errorf("the other server answers %d", got)
	}
}

func TestInterruptedInit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	half := filepath.Join(dir, newName, "base")
	if err := os.MkdirAll(half, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(half, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, Options{Dir: dir})
	if _, err := os.Stat(filepath.Join(dir, newName)); !os.IsNotExist(err) {
		t.Errorf("the half cluster is still there: %v", err)
	}
	stopServer(t, s)
}

func TestCancelledStart(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir()}
	for _, limit := range []time.Duration{0, 20 * time.Millisecond, 200 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		s, err := Start(ctx, o)
		if err == nil {
			stopServer(t, s)
		}
		cancel()
	}
	stopServer(t, startServer(t, o))
}

func TestStopWithoutTime(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir(), Durable: true}
	s := startServer(t, o)
	createTable(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	wantGone(t, s.process.cmd.Process.Pid)
	s = startServer(t, o)
	wantTable(t, s)
	stopServer(t, s)
}

func TestUnusableDirectories(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		prepare func(dir string) error
		want    string
	}{
		{
			name:    "another major version",
			prepare: func(dir string) error { return writeData(dir, "PG_VERSION", "13\n") },
			want:    "the cluster was made by PostgreSQL 13, which is not installed",
		},
		{
			name:    "not a cluster",
			prepare: func(dir string) error { return writeData(dir, "letter.txt", "dear") },
			want:    "not a PostgreSQL cluster",
		},
		{
			name:    "no version",
			prepare: func(dir string) error { return writeData(dir, "PG_VERSION", "\x00") },
			want:    "read PG_VERSION",
		},
		{
			name: "a file in the way",
			prepare: func(dir string) error {
				return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600))
			},
			want: "not a directory",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "dir")
			if err := tt.prepare(dir); err != nil {
				t.Fatal(err)
			}
			_, err := Start(t.Context(), Options{Dir: dir})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Start: %v, want: %s", err, tt.want)
			}
		})
	}
}

func writeData(dir, name, content string) error {
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(data, name), []byte(content), 0o600)
}

func TestStart_BrokenConfiguration_IsReported(t *testing.T) {
	t.Parallel()
	o := Options{Dir: t.TempDir()}
	stopServer(t, startServer(t, o))
	f, err := os.OpenFile(filepath.Join(o.Dir, "data", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\nno_such_setting = 1\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("Start: %v", err)
	}
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]int{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n": 15,
		"postgres (PostgreSQL) 18beta1\n":                        18,
		"postgres (PostgreSQL) 17devel\n":                        17,
		"postgres (PostgreSQL) 9.6.24\n":                         0,
		"postgres (PostgreSQL) 99999999999999999999.1\n":         0,
		"sh: not found": 0,
		"":              0,
	} {
		if got, err := parseVersion(answer); got != want || (err == nil) != (want != 0) {
			t.Errorf("parseVersion(%q) = %d, %v", answer, got, err)
		}
	}
}
