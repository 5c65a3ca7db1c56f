package platformtest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/database/migrate"
	"function/shared/postgres"
)

// server returns the DSN of a PostgreSQL superuser: on the server at TEST_POSTGRES_URL, or on one
// that this test binary starts.
var server = sync.OnceValues(func() (string, error) {
	if url := os.Getenv("TEST_POSTGRES_URL"); url != "" {
		return url, nil
	}
	dir, err := os.MkdirTemp("", "aic-test-")
	if err != nil {
		return "", err
	}
	s, err := postgres.Start(context.Background(), postgres.Options{Dir: dir})
	if err != nil {
		return "", fmt.Errorf("tests need a real PostgreSQL: %w", err)
	}
	cleanups = append(cleanups, func() { _ = s.Stop(context.Background()); _ = os.RemoveAll(dir) })
	return s.ConnString(postgres.Superuser), nil
})

var cleanups []func()

// Server returns the DSN of the test server's superuser, for tests of the databases themselves. The
// platform's roles exist once a Platform has been created.
func Server(t testing.TB) string {
	t.Helper()
	dsn, err := server()
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

// AtEnd makes [Run] call a function after the tests. Call it before Run.
func AtEnd(cleanup func()) { cleanups = append(cleanups, cleanup) }

// Run runs the tests for TestMain and then stops what they started.
func Run(m *testing.M) {
	code := m.Run()
	for _, cleanup := range cleanups {
		cleanup()
	}
	os.Exit(code)
}

// templates are migrated databases, one per kind and state of the migrations. Each test clones its
// own in tens of milliseconds.
var (
	templatesMu sync.Mutex
	templates   = map[database.Name]string{}
)

func template(ctx context.Context, kind database.Name, dsn string) (string, error) {
	templatesMu.Lock()
	defer templatesMu.Unlock()
	if name, ok := templates[kind]; ok {
		return name, nil
	}
	fingerprint, err := migrate.Fingerprint(kind)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("template_%s_%s", kind, fingerprint)
	admin, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", fmt.Errorf("connect to the test server: %w", err)
	}
	defer admin.Close(ctx)
	// Tests of other packages share the server; one of them creates the template.
	if _, err := admin.Exec(ctx, `SELECT pg_advisory_lock(hashtext('platformtest'))`); err != nil {
		return "", fmt.Errorf("lock the test server: %w", err)
	}
	var ready bool
	if err := admin.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)`, name).Scan(&ready); err != nil {
		return "", fmt.Errorf("look for template: %w", err)
	}
	if !ready {
		if err := makeTemplate(ctx, admin, kind, name, dsn); err != nil {
			return "", fmt.Errorf("make template %s: %w", name, err)
		}
	}
	templates[kind] = name
	return name, nil
}

func makeTemplate(ctx context.Context, admin *pgx.Conn, kind database.Name, name, dsn string) error {
	if err := migrate.Bootstrap(ctx, admin, nil); err != nil {
		return err
	}
	if err := migrate.Create(ctx, admin, kind, name); err != nil {
		return err
	}
	config, err := pgx.ParseConfig(loginAs(dsn, migrate.Owners[kind], name))
	if err != nil {
		return err
	}
	if err := migrate.Up(ctx, kind, config); err != nil {
		return err
	}
	administrator := admin.Config()
	administrator.Database = name
	if err := migrate.Protect(ctx, administrator); err != nil {
		return err
	}
	_, err = admin.Exec(ctx, `UPDATE pg_database SET datistemplate = true WHERE datname = $1`, name)
	return err
}

// cloneDatabase creates a database for this test and returns a function that returns its DSN for a
// role.
func cloneDatabase(t testing.TB, kind database.Name) func(role string) string {
	t.Helper()
	ctx := context.Background()
	dsn := Server(t)
	from, err := template(ctx, kind, dsn)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	// A clone keeps the template's contents, but not its owner and its database grants.
	if _, err := admin.Exec(ctx, fmt.Sprintf(`CREATE DATABASE %s TEMPLATE %s OWNER %s`, name, from, migrate.AuditOwner)); err != nil {
		t.Fatal(err)
	}
	if err := migrate.Create(ctx, admin, kind, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		admin, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return
		}
		defer admin.Close(ctx)
		_, _ = admin.Exec(ctx, fmt.Sprintf(`DROP DATABASE %s WITH (FORCE)`, name))
	})
	return func(role string) string { return loginAs(dsn, role, name) }
}

func loginAs(dsn, role, name string) string {
	url, err := postgres.As(dsn, role, name)
	if err != nil {
		panic("TEST_POSTGRES_URL: " + err.Error())
	}
	return url
}
