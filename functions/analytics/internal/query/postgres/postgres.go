// Package postgres queries an organization's projections, the tables users, datasets and logins,
// in PostgreSQL's SQL.
package postgres

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/functions/analytics/internal/query"
	"function/shared/access"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/resultset"
)

// defaultTimeout is the time limit of a query whose limits set none.
const defaultTimeout = 10 * time.Second

type backend struct {
	db     *outbox.DB    // issues grants
	reader *pgxpool.Pool // connects as the role analytics_reader
}

// Open connects to the projections twice: as the role that reads them and as the role that issues
// its grants.
func Open(ctx context.Context, env *function.Env) (query.Backend, error) {
	db, err := env.Database(ctx, database.Analytics)
	if err != nil {
		return nil, err
	}
	reader, err := env.Reader(ctx)
	if err != nil {
		return nil, err
	}
	return &backend{db: db, reader: reader}, nil
}

const (
	grantFor = `SELECT tenancy.grant_for($1)`

	// These settings are local to the transaction, which is always rolled back.
	beginReading = `
BEGIN READ ONLY;
SET LOCAL lock_timeout = '1s';
SET LOCAL search_path = projections;
SET LOCAL work_mem = '16MB';
SET LOCAL hash_mem_multiplier = 1;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL jit = off;
SET LOCAL DateStyle = 'ISO';
SET LOCAL bytea_output = 'hex'`

	useGrant = `SELECT set_config('tenancy.grant', $1, true), set_config('TimeZone', $2, true), set_config('statement_timeout', $3, true)`

	// The newline keeps a trailing comment in the query from swallowing the parenthesis.
	wrapBefore = "SELECT * FROM (\n"
	wrapAfter  = "\n) AS result LIMIT %d"
)

// Tables implements query.Backend. Every organization has the same tables.
func (b *backend) Tables(context.Context, access.Reader) ([]string, error) {
	return []string{"datasets", "logins", "users"}, nil
}

// Run implements query.Backend. It runs the query as the role analytics_reader; row-level
// security limits the role to the rows of the organization for which it holds a grant.
func (b *backend) Run(ctx context.Context, r access.Reader, q query.Query, limits query.Limits) (*resultset.Set, error) {
	limits = limits.WithDefaults(defaultTimeout)
	if err := checkForbidden(q.SQL); err != nil {
		return nil, err
	}
	statement, err := bind(q.SQL, q.Parameters)
	if err != nil {
		return nil, err
	}
	var grant string
	if err := b.db.QueryRow(ctx, grantFor, r.Organization).Scan(&grant); err != nil {
		return nil, fmt.Errorf("make grant: %w", err)
	}
	pooled, err := b.reader.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect as analytics_reader: %w", err)
	}
	defer pooled.Release()
	conn := pooled.Conn()
	defer reset(ctx, conn)
	if err := begin(ctx, conn.PgConn(), grant, cmp.Or(q.TimeZone, "UTC"), limits.Time); err != nil {
		return nil, fmt.Errorf("begin to read as analytics_reader: %w", err)
	}
	set, err := read(ctx, conn, fmt.Sprintf(wrapBefore+"%s"+wrapAfter, statement.Text.SQL, limits.Rows+1), textual(statement.Values), limits)
	if err != nil {
		return nil, explain(ctx, err, statement.Text, limits)
	}
	return set, nil
}

func begin(ctx context.Context, conn *pgconn.PgConn, grant, timeZone string, limit time.Duration) error {
	if _, err := conn.Exec(ctx, beginReading).ReadAll(); err != nil {
		return err
	}
	return conn.ExecParams(ctx, useGrant, [][]byte{[]byte(grant), []byte(timeZone), strconv.AppendInt(nil, max(1, limit.Milliseconds()), 10)}, nil, nil, nil).Read().Err
}

// reset clears the state of the connection before another organization uses it. If that fails, it
// closes the connection and the pool discards it.
func reset(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, statement := range []string{"ROLLBACK", "DISCARD ALL"} {
		if _, err := conn.PgConn().Exec(ctx, statement).ReadAll(); err != nil {
			_ = conn.Close(ctx)
			return
		}
	}
}
