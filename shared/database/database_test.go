package database_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/database"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

func open(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return platformtest.New(t).DB(database.Analytics)
}

func run(t *testing.T, db *pgxpool.Pool, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.Exec(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpen_BadURL_IsNotQuoted(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://u:s3cret@[", "host=x password=s3cret port=none", "s3cret", "postgres://u:s3cret@h/d?pool_max_conns=s3cret"} {
		if _, err := database.Open(context.Background(), url); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Open: %v, want an error without the password", err)
		}
	}
}

func TestViolates_NamesTheConstraint(t *testing.T) {
	t.Parallel()
	db := open(t)
	run(t, db, `CREATE TABLE a (x int CONSTRAINT a_x UNIQUE)`, `INSERT INTO a VALUES (1)`)
	_, err := db.Exec(context.Background(), `INSERT INTO a VALUES (1)`)
	if !database.Violates(err, "a_x") || database.Violates(err, "a_y") || database.Violates(nil, "a_x") || database.Violates(context.Canceled, "") {
		t.Errorf("error %v", err)
	}
	if database.IsUnavailable(err) || database.IsUnstorable(err) || database.IsNoRows(err) {
		t.Errorf("error %v passes for another", err)
	}
}

func TestIsUnstorable_InvalidText(t *testing.T) {
	t.Parallel()
	db := open(t)
	run(t, db, `CREATE TABLE a (x text, j jsonb)`)
	for _, value := range []string{"a\x00b", "\xff"} {
		if _, err := db.Exec(context.Background(), `INSERT INTO a (x) VALUES ($1)`, value); !database.IsUnstorable(err) {
			t.Errorf("storing %q: %v", value, err)
		}
	}
	if _, err := db.Exec(context.Background(), `INSERT INTO a (j) VALUES ($1)`, []byte(`"\u0000"`)); !database.IsUnstorable(err) {
		t.Errorf("storing a NUL in JSON: %v", err)
	}
}

func TestOpen_TimesAreUTC(t *testing.T) {
	t.Parallel()
	var at time.Time
	if err := open(t).QueryRow(context.Background(), `SELECT '2026-07-01 12:00:00+02'::timestamptz`).Scan(&at); err != nil {
		t.Fatal(err)
	}
	if got := at.Format(time.RFC3339); got != "2026-07-01T10:00:00Z" {
		t.Errorf("read %s", got)
	}
}

func TestStatement_ServerUnreachable_IsUnavailable(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := closed.Addr().(*net.TCPAddr).Port
	closed.Close()
	config, err := pgxpool.ParseConfig("host=127.0.0.1 dbname=x user=x sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.Port = uint16(port)
	db, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(context.Background(), `SELECT 1`); !database.IsUnavailable(err) {
		t.Errorf("error %v is not unavailable", err)
	}
}

func TestStatement_ConnectionClosed_IsUnavailable(t *testing.T) {
	t.Parallel()
	db, ctx := open(t), context.Background()
	for name, use := range map[string]func(*pgxpool.Conn) error{
		"the statement that is ended": func(c *pgxpool.Conn) error {
			_, err := c.Exec(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`)
			return err
		},
		"the statement after": func(c *pgxpool.Conn) error {
			run(t, db, `SELECT 1`)
			if _, err := db.Exec(ctx, `SELECT pg_terminate_backend($1)`, c.Conn().PgConn().PID()); err != nil {
				return nil
			}
			for {
				if _, err := c.Exec(ctx, `SELECT 1`); err != nil {
					return err
				}
			}
		},
		"the commit": func(c *pgxpool.Conn) error {
			return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
				_, err := db.Exec(ctx, `SELECT pg_terminate_backend($1)`, tx.Conn().PgConn().PID())
				return err
			})
		},
		"the network": func(c *pgxpool.Conn) error {
			if err := c.Conn().PgConn().Conn().Close(); err != nil {
				return err
			}
			_, err := c.Exec(ctx, `SELECT 1`)
			return err
		},
	} {
		connection, err := db.Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := use(connection); !database.IsUnavailable(err) {
			t.Errorf("%s: error %v is not unavailable", name, err)
		}
		connection.Release()
	}
	run(t, db, `SELECT 1`)
}

func TestStatement_Cancelled_IsNotUnavailable(t *testing.T) {
	t.Parallel()
	db := open(t)
	_, err := db.Exec(context.Background(), `SET LOCAL statement_timeout = 1; SELECT pg_sleep(60)`)
	if err == nil || database.IsUnavailable(err) {
		t.Errorf("error %v of a statement that took too long", err)
	}
}

func TestTransact_Deadlock_IsRetried(t *testing.T) {
	t.Parallel()
	db, ctx := open(t), context.Background()
	run(t, db, `CREATE TABLE a (id int PRIMARY KEY, n int NOT NULL)`, `INSERT INTO a VALUES (1, 0), (2, 0)`)
	var locked, ended sync.WaitGroup
	locked.Add(2)
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		ended.Go(func() {
			attempts := 0
			err := database.Transact(ctx, db, func(tx *database.Tx) error {
				if _, err := tx.Exec(ctx, `UPDATE a SET n = n + 1 WHERE id = $1`, order[0]); err != nil {
					return err
				}
				if attempts++; attempts == 1 {
					locked.Done()
					locked.Wait()
				}
				_, err := tx.Exec(ctx, `UPDATE a SET n = n + 1 WHERE id = $1`, order[1])
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	ended.Wait()
	var total int
	if err := db.QueryRow(ctx, `SELECT sum(n) FROM a`).Scan(&total); err != nil || total != 4 {
		t.Errorf("%d updates (%v), want 4", total, err)
	}
}

func TestQuery_RowOfAGigabyte_IsRefused(t *testing.T) {
	t.Parallel()
	db := open(t)
	var text string
	if err := db.QueryRow(context.Background(), `SELECT repeat('x', 100 * 1000 * 1000)`).Scan(&text); err == nil {
		t.Errorf("read a row of %d bytes", len(text))
	}
	run(t, db, `SELECT 1`)
}

func show(t *testing.T, db interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}, setting string) (value string) {
	t.Helper()
	if err := db.QueryRow(t.Context(), `SELECT current_setting($1)`, setting).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestPool_TimeLimits_HoldForEveryRoleAndAreLiftedForATransaction(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t)
	catalog, err := p.Env.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reader, err := p.Env.Reader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pools := []*pgxpool.Pool{catalog, reader}
	for _, name := range database.Names {
		pools = append(pools, p.DB(name))
	}
	for _, db := range pools {
		for _, setting := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
			if got := show(t, db, setting); got != "1min" {
				t.Errorf("%s of %s is %s, want 1min", setting, db.Config().ConnConfig.User, got)
			}
			err := database.Transact(t.Context(), db, func(tx *database.Tx) error {
				if err := database.AllowTime(t.Context(), tx, 10*time.Minute); err != nil {
					return err
				}
				if got := show(t, tx, setting); got != "10min" {
					t.Errorf("%s in a long transaction is %s, want 10min", setting, got)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			if got := show(t, db, setting); got != "1min" {
				t.Errorf("%s after the long transaction is %s, want 1min", setting, got)
			}
		}
	}
}

func TestTransaction_IdleForTooLong_IsUnavailable(t *testing.T) {
	t.Parallel()
	db := open(t)
	err := database.Transact(t.Context(), db, func(tx *database.Tx) error {
		if err := database.AllowTime(t.Context(), tx, 20*time.Millisecond); err != nil {
			return err
		}
		pid := tx.Conn().PgConn().PID()
		for alive := true; alive; time.Sleep(5 * time.Millisecond) {
			if err := db.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)`, pid).Scan(&alive); err != nil {
				return err
			}
		}
		_, err := tx.Exec(t.Context(), `SELECT 1`)
		return err
	})
	if !database.IsUnavailable(err) {
		t.Errorf("error %v, want one that a retry mends", err)
	}
}
