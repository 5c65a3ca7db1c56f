package migrate_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/database/migrate"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var roles sync.Once

// empty creates a database without migrations and returns its owner's connection.
func empty(t *testing.T, kind database.Name) *pgx.ConnConfig {
	t.Helper()
	ctx := context.Background()
	roles.Do(func() { platformtest.New(t) })
	dsn := platformtest.Server(t)
	admin, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	for range 2 { // an existing one is left alone
		if err := migrate.Create(ctx, admin, kind, name); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		admin, err := pgx.Connect(ctx, dsn)
		if err != nil {
			t.Error(err)
			return
		}
		defer admin.Close(ctx)
		if _, err := admin.Exec(ctx, `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Error(err)
		}
	})
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.Database, config.User, config.Password = name, migrate.Owners[kind], ""
	return config
}

// up migrates a database and protects its audit trail.
func up(t *testing.T, kind database.Name, config *pgx.ConnConfig) error {
	administrator, err := pgx.ParseConfig(platformtest.Server(t))
	if err != nil {
		return err
	}
	administrator.Database = config.Database
	return errors.Join(migrate.Up(context.Background(), kind, config), migrate.Protect(context.Background(), administrator))
}

func exec(t *testing.T, config *pgx.ConnConfig, statement string) {
	t.Helper()
	ctx := context.Background()
	connection, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(ctx)
	if _, err := connection.Exec(ctx, statement); err != nil {
		t.Fatal(err)
	}
}

func TestUp_ConcurrentCalls_MigrateOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range database.Names {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			config := empty(t, kind)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if err := up(t, kind, config); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if err := up(t, kind, config); err != nil {
				t.Error(err)
			}
			exec(t, config, `INSERT INTO outbox (id, event, next_attempt_at) VALUES (gen_random_uuid(), '{}', now())`)
		})
	}
}

func TestUp_NewerDatabase_IsRefusedUnchanged(t *testing.T) {
	t.Parallel()
	for table, statement := range map[string]string{
		"every": `INSERT INTO schema_version_every (version_id, is_applied) VALUES (9999, true)`,
		"own":   `INSERT INTO schema_version_users (version_id, is_applied) VALUES (9999, true)`,
	} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			config := empty(t, database.Users)
			if err := migrate.Up(context.Background(), database.Users, config); err != nil {
				t.Fatal(err)
			}
			exec(t, config, statement)
			err := migrate.Up(context.Background(), database.Users, config)
			if !errors.Is(err, migrate.ErrNewer) || !strings.Contains(err.Error(), "9999") || !strings.Contains(err.Error(), string(database.Users)) {
				t.Errorf("error %v, want ErrNewer with the version and the database", err)
			}
		})
	}
}

func TestCreate_OtherRoles_CannotConnect(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for kind := range migrate.Owners {
		config := empty(t, kind)
		for role, may := range map[string]bool{
			"user_management": kind == database.Users, "data_management": kind == database.Datasets, "analytics": kind == database.Analytics,
			"token_verifier": kind == database.Users, "catalog_reader": kind == database.Datasets, "analytics_reader": kind == database.Analytics,
			migrate.AuditOwner: false,
		} {
			as := config.Copy()
			as.User = role
			connection, err := pgx.ConnectConfig(ctx, as)
			if (err == nil) != may {
				t.Errorf("%s into %s: %v, want let in: %t", role, kind, err, may)
			}
			if err == nil {
				connection.Close(ctx)
			}
		}
	}
}

func TestBootstrap_Twice_ChangesNothing(t *testing.T) {
	t.Parallel()
	platformtest.New(t)
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, platformtest.Server(t))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(ctx)
	if err := migrate.Bootstrap(ctx, admin, nil); err != nil {
		t.Error(err)
	}
	var powerful int
	err = admin.QueryRow(ctx, `
SELECT count(*) FROM pg_roles WHERE rolname = ANY($1) AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls OR rolreplication)`,
		[]string{"user_management", "data_management", "analytics", "token_verifier", "catalog_reader", "analytics_reader", migrate.AuditOwner}).Scan(&powerful)
	if err != nil || powerful != 0 {
		t.Errorf("%d of the platform's roles have powers over the server (%v)", powerful, err)
	}
}

func TestFingerprint_DiffersBetweenDatabases(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, kind := range database.Names {
		fingerprint, err := migrate.Fingerprint(kind)
		if err != nil || len(fingerprint) != 16 || seen[fingerprint] {
			t.Errorf("fingerprint %q of %s, %v", fingerprint, kind, err)
		}
		seen[fingerprint] = true
	}
}
