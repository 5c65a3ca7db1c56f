// Package database opens PostgreSQL pools for functions, of which many run at
// once, and names what went wrong in a statement.
package database

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"
)

// Name is one of the platform's databases.
type Name string

// The databases of the platform.
const (
	Users     Name = "user_management_db"
	Datasets  Name = "data_management_db"
	Analytics Name = "analytics_db"
)

// Compliance is user_management_db as the compliance domain sees it: its own schema, and
// what publishing and auditing take.
const Compliance Name = "compliance"

// Names lists the databases.
var Names = []Name{Users, Datasets, Analytics}

// maxMessage bounds one message of the server, and so one row: a query may make a
// value of a gigabyte, and this process must not.
const maxMessage = 32 << 20

// Open prepares a pool of a few connections (`pool_max_conns` in the URL says how
// many). It connects at the first statement, so that a cold start pays only for
// the databases that its request needs. A statement may take a minute, and a
// transaction may be idle for one (see migrate.Bootstrap and [AllowTime]).
func Open(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx's error quotes the URL, and that may hold a password.
		return nil, errors.New("parse database URL: not a PostgreSQL connection string")
	}
	config.MaxConnIdleTime = 5 * time.Minute
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	config.ConnConfig.MaxProtocolMessageBodyLen = maxMessage
	config.ConnConfig.DialFunc = dial
	config.AfterConnect = registerTypes
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open pool: %w", err)
	}
	return pool, nil
}

// registerTypes makes a connection read times in UTC, wherever the process runs, and
// send UUIDs as they are: by database/sql's interface they would be text, after pgx has
// tried everything else.
func registerTypes(_ context.Context, conn *pgx.Conn) error {
	codec := &pgtype.TimestamptzCodec{ScanLocation: time.UTC}
	conn.TypeMap().RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: codec})
	pgxuuid.Register(conn.TypeMap())
	return nil
}

// Violates tells whether a statement was refused by the named constraint or
// unique index. Constraints decide, so that two requests at once cannot both win.
func Violates(err error, constraint string) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.ConstraintName == constraint
}

// IsNoRows tells whether a query for one row found none.
func IsNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// IsUnstorable tells whether a text holds what PostgreSQL cannot store: the
// character U+0000, or bytes that are not UTF-8.
func IsUnstorable(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "22021" || e.Code == "22P05")
}

// IsUnavailable tells whether the server could not be reached, or ended the
// connection: a retry may succeed.
func IsUnavailable(err error) bool {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) || errors.Is(err, ErrLost) {
		return true
	}
	var e *pgconn.PgError
	if errors.As(err, &e) {
		class := e.Code[:min(2, len(e.Code))]
		return e.Code == "25P03" || class == "08" || class == "53" || class == "57" && e.Code != "57014" // idle for too long, connection, resources, shutdown (not query_canceled)
	}
	return pgconn.SafeToRetry(err)
}

const allowTime = `SELECT set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $1, true)`

// AllowTime lets each statement of a transaction take this long, and lets the transaction
// wait as long between two of them: for deletions of many rows, or with objects in between.
func AllowTime(ctx context.Context, tx pgx.Tx, d time.Duration) error {
	if _, err := tx.Exec(ctx, allowTime, strconv.FormatInt(d.Milliseconds(), 10)); err != nil {
		return fmt.Errorf("allow the transaction %s: %w", d, err)
	}
	return nil
}

// retries bounds how often a transaction that lost a race is run again.
const retries = 5

// Tx is a transaction.
type Tx struct {
	pgx.Tx
	last pgx.Batch
}

// Write keeps a statement for the end of the transaction, where all that were kept go
// out in one round trip. So the statements before do not see its effect, and its error
// is [Transact]'s.
func (tx *Tx) Write(_ context.Context, sql string, arguments ...any) error {
	tx.last.Queue(sql, arguments...)
	return nil
}

// Writer runs statements of which nobody reads a result but the error: a transaction
// keeps them for its end, an outbox.DB runs them at once.
type Writer interface {
	Write(ctx context.Context, sql string, arguments ...any) error
}

// Transact runs work in a transaction, and again when it lost a race
// (serialization failure, deadlock): so work must have no effect outside it.
func Transact(ctx context.Context, db *pgxpool.Pool, work func(*Tx) error) error {
	return TransactFrom(ctx, db, func(*pgx.Batch) {}, work)
}

// TransactFrom is [Transact] of work that begins with statements that are known
// beforehand: they go out together with the transaction's BEGIN. What reads their
// results (pgx.QueuedQuery) has run before work does; its error ends the transaction.
func TransactFrom(ctx context.Context, db *pgxpool.Pool, first func(*pgx.Batch), work func(*Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := transactOnce(ctx, db, first, work)
		var e *pgconn.PgError
		if errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01") && attempt < retries {
			continue
		}
		return err
	}
}

func transactOnce(ctx context.Context, db *pgxpool.Pool, first func(*pgx.Batch), work func(*Tx) error) error {
	conn, err := db.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // and, if work has panicked, end the connection with its transaction
	var opening pgx.Batch
	opening.BeginTx(pgx.TxOptions{})
	first(&opening)
	results := conn.SendBatch(ctx, &opening)
	tx := &Tx{Tx: results.Tx()}
	err = results.Close()
	if err == nil {
		err = work(tx)
	}
	if err == nil {
		err = tx.commit(ctx)
	}
	if err != nil && conn.Conn().PgConn().TxStatus() != idle {
		_ = tx.Rollback(ctx)
	}
	return err
}

// idle is a connection's status outside of a transaction.
const idle = 'I'

// commit sends what was kept, and the COMMIT with it.
func (tx *Tx) commit(ctx context.Context) error {
	tx.last.Queue("commit").Exec(func(done pgconn.CommandTag) error {
		if done.String() == "ROLLBACK" { // work went on after a statement had failed
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	return tx.SendBatch(ctx, &tx.last).Close()
}
