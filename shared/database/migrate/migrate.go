// Package migrate creates the platform's databases and brings them to the schema that this code
// expects. It runs before the functions: as a Job on a cluster, when the local platform starts, and
// for the template databases of tests.
package migrate

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"golang.org/x/sync/errgroup"

	"function/shared/database"
)

//go:embed migrations
var migrations embed.FS

// directories holds each database's own migrations; those of `every` apply to all databases.
var directories = map[database.Name]string{
	database.Users:     "users",
	database.Datasets:  "datasets",
	database.Analytics: "analytics",
}

// Owners are the roles that domains' functions log in as. They own everything in their database
// except the audit trail.
var Owners = map[database.Name]string{
	database.Users:     "user_management",
	database.Datasets:  "data_management",
	database.Analytics: "analytics",
}

// AuditOwner is the role that owns the databases and their audit trails. It cannot log in.
const AuditOwner = "audit_owner"

// Readers are the roles that see only part of a database: what token checks read, what queries over
// data sets read, the role of users' own SQL, and the role that reads the audit trails of other
// domains. compliance also writes to its own schema.
var Readers = map[string][]database.Name{
	"token_verifier":   {database.Users},
	"catalog_reader":   {database.Datasets},
	"analytics_reader": {database.Analytics},
	"audit_reader":     {database.Datasets, database.Analytics},
	"compliance":       {database.Users},
}

// Bootstrap creates missing roles through a connection that may do so. passwords maps roles to
// passwords; a role without one can log in only where the server asks for none.
func Bootstrap(ctx context.Context, admin *pgx.Conn, passwords map[string]string) error {
	roles := slices.Sorted(maps.Values(Owners))
	roles = append(roles, slices.Sorted(maps.Keys(Readers))...)
	for _, role := range roles {
		if err := createRole(ctx, admin, role, "LOGIN", passwords[role]); err != nil {
			return fmt.Errorf("create role %s: %w", role, err)
		}
		if err := limitTime(ctx, admin, role); err != nil {
			return fmt.Errorf("limit role %s: %w", role, err)
		}
	}
	if err := createRole(ctx, admin, AuditOwner, "NOLOGIN", ""); err != nil {
		return fmt.Errorf("create role %s: %w", AuditOwner, err)
	}
	return limitReader(ctx, admin)
}

// timeLimits stop statements and transactions that hang, since they hold locks and keep vacuum from
// removing dead rows. They are set on the roles rather than by the pools because a transaction
// pooler does not pass session settings on. A transaction that needs longer calls
// database.AllowTime.
var timeLimits = []string{"statement_timeout=1min", "idle_in_transaction_session_timeout=1min"}

// limitTime sets the limits of a role where they are missing.
func limitTime(ctx context.Context, admin *pgx.Conn, role string) error {
	var present []string
	if err := admin.QueryRow(ctx, "SELECT coalesce(rolconfig, '{}') FROM pg_roles WHERE rolname = $1", role).Scan(&present); err != nil {
		return err
	}
	for _, limit := range timeLimits {
		if slices.Contains(present, limit) {
			continue
		}
		name, value, _ := strings.Cut(limit, "=")
		if _, err := admin.Exec(ctx, "ALTER ROLE "+pgx.Identifier{role}.Sanitize()+" SET "+name+" = '"+value+"'"); err != nil {
			return err
		}
	}
	return nil
}

// unlimited returns a connection's configuration without time limits.
func unlimited(config *pgx.ConnConfig) *pgx.ConnConfig {
	config = config.Copy()
	for _, limit := range timeLimits {
		name, _, _ := strings.Cut(limit, "=")
		config.RuntimeParams[name] = "0"
	}
	return config
}

// limitReader limits the temporary files of users' own SQL, such as for a sort. Only a superuser
// may set that; otherwise the server's own limit applies.
func limitReader(ctx context.Context, admin *pgx.Conn) error {
	_, err := admin.Exec(ctx, "ALTER ROLE analytics_reader SET temp_file_limit = '256MB'")
	var e *pgconn.PgError
	if err != nil && !(errors.As(err, &e) && e.Code == "42501") { // insufficient_privilege
		return fmt.Errorf("limit role analytics_reader: %w", err)
	}
	return nil
}

func createRole(ctx context.Context, admin *pgx.Conn, role, login, password string) error {
	var exists bool
	err := admin.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role).Scan(&exists)
	if err != nil {
		return err
	}
	name := pgx.Identifier{role}.Sanitize()
	if !exists {
		if _, err := admin.Exec(ctx, "CREATE ROLE "+name+" "+login); err != nil {
			return err
		}
	}
	if password == "" {
		return nil
	}
	literal, err := admin.PgConn().EscapeString(password)
	if err != nil {
		return err
	}
	_, err = admin.Exec(ctx, "ALTER ROLE "+name+" PASSWORD '"+literal+"'")
	return err
}

// Create creates a database with the given name, or leaves an existing one alone. It grants access
// only to the domain's role, which owns a new database until [Protect], and to its readers.
func Create(ctx context.Context, admin *pgx.Conn, kind database.Name, name string) error {
	var exists bool
	err := admin.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists)
	if err != nil {
		return fmt.Errorf("look for database %s: %w", name, err)
	}
	db := pgx.Identifier{name}.Sanitize()
	statements := []string{"REVOKE ALL ON DATABASE " + db + " FROM PUBLIC", "GRANT ALL ON DATABASE " + db + " TO " + Owners[kind]}
	if !exists {
		statements = slices.Insert(statements, 0, "CREATE DATABASE "+db+" OWNER "+Owners[kind])
	}
	for role, readable := range Readers {
		if slices.Contains(readable, kind) {
			statements = append(statements, "GRANT CONNECT ON DATABASE "+db+" TO "+role)
		}
	}
	for _, statement := range statements {
		if _, err := admin.Exec(ctx, statement); err != nil {
			return fmt.Errorf("prepare database %s: %w", name, err)
		}
	}
	return nil
}

// Up applies missing migrations as the database's owner. A lock lets several processes call it at
// once. It refuses a database that a newer version of this code has migrated.
func Up(ctx context.Context, kind database.Name, config *pgx.ConnConfig) error {
	db := stdlib.OpenDB(*unlimited(config))
	defer db.Close()
	for _, directory := range []string{"every", directories[kind]} {
		if err := up(ctx, db, directory); err != nil {
			return fmt.Errorf("migrate %s: %w", kind, err)
		}
	}
	return nil
}

// Protect transfers the audit trail of a migrated database to [AuditOwner], out of reach of the
// roles that functions log in as. It needs an administrator's connection to that database.
func Protect(ctx context.Context, admin *pgx.ConnConfig) error {
	db := stdlib.OpenDB(*unlimited(admin))
	defer db.Close()
	if err := up(ctx, db, "audit"); err != nil {
		return fmt.Errorf("protect the audit trail of %s: %w", admin.Database, err)
	}
	return nil
}

func up(ctx context.Context, db *sql.DB, directory string) error {
	files, err := fs.Sub(migrations, "migrations/"+directory)
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName("schema_version_"+directory), goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	known := sources[len(sources)-1].Version
	switch present, err := provider.GetDBVersion(ctx); {
	case err != nil:
		return err
	case present > known:
		return fmt.Errorf("%w: it is at version %d, but this program only knows version %d", ErrNewer, present, known)
	case present == known:
		return nil
	}
	_, err = provider.Up(ctx)
	return err
}

// All creates missing roles and databases through an administrator's connection, migrates each
// database as its owner, and protects its audit trail. owners holds the owners' URLs. The roles of
// all URLs, including readers', get the passwords in their URLs.
func All(ctx context.Context, admin string, owners map[database.Name]string, readers ...string) error {
	passwords := map[string]string{}
	for _, url := range readers {
		config, err := pgx.ParseConfig(url)
		if err != nil {
			return errors.New("the URL of a reader is not a PostgreSQL connection string")
		}
		passwords[config.User] = config.Password
	}
	configs := map[database.Name]*pgx.ConnConfig{}
	for kind, url := range owners {
		config, err := pgxpool.ParseConfig(url) // removes the pool's settings
		if err != nil {
			return fmt.Errorf("the URL of %s is not a PostgreSQL connection string", kind)
		}
		configs[kind], passwords[config.ConnConfig.User] = config.ConnConfig, config.ConnConfig.Password
	}
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return fmt.Errorf("connect as administrator: %w", err)
	}
	defer conn.Close(ctx)
	if err := Bootstrap(ctx, conn, passwords); err != nil {
		return err
	}
	for kind, config := range configs {
		if err := Create(ctx, conn, kind, config.Database); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	for kind, config := range configs {
		group.Go(func() error {
			if err := Up(ctx, kind, config); err != nil {
				return err
			}
			administrator := conn.Config()
			administrator.Database = config.Database
			return Protect(ctx, administrator)
		})
	}
	return group.Wait()
}

// ErrNewer is returned for a database that a newer version of this program has migrated.
var ErrNewer = errors.New("the database is newer than this program")

// Fingerprint returns a hash of a database's migrations.
func Fingerprint(kind database.Name) (string, error) {
	return fingerprint(migrations, "migrations/every", "migrations/"+directories[kind], "migrations/audit")
}
