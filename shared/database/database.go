// Package database opens PostgreSQL pools, runs transactions and classifies the errors of
// statements.
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

// Compliance is user_management_db as the compliance domain sees it: its own schema, and the tables
// for publishing and auditing.
const Compliance Name = "compliance"

// Names lists the databases.
var Names = []Name{Users, Datasets, Analytics}

// maxMessageSize is the size limit of one message from the server, and so of one row. A query can
// build a value of a gigabyte, which this process must not hold.
const maxMessageSize = 32 << 20

// Open returns a small pool (`pool_max_conns` in the URL sets its size). It connects on the first
// statement, so a cold start pays only for the databases that its request needs. Roles limit a
// statement, and the idle time of a transaction, to a minute (see migrate.Bootstrap and
// [AllowTime]).
func Open(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		// pgx's error quotes the URL, and that may hold a password.
		return nil, errors.New("parse database URL: not a PostgreSQL connection string")
	}
	config.MaxConnIdleTime = 5 * time.Minute
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	config.ConnConfig.MaxProtocolMessageBodyLen = maxMessageSize
	config.ConnConfig.DialFunc = dial
	config.AfterConnect = registerTypes
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open pool: %w", err)
	}
	return pool, nil
}

// registerTypes makes a connection read times in UTC, whatever the time zone of the process, and
// encode uuid.UUID directly. Without that, pgx would try every other encoding and then send text
// through the database/sql interface.
func registerTypes(_ context.Context, conn *pgx.Conn) error {
	codec := &pgtype.TimestamptzCodec{ScanLocation: time.UTC}
	conn.TypeMap().RegisterType(&pgtype.Type{Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: codec})
	pgxuuid.Register(conn.TypeMap())
	return nil
}

// Violates reports whether a statement violated the named constraint or unique index. Constraints
// decide rather than reads beforehand, so that of two concurrent requests only one succeeds.
func Violates(err error, constraint string) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.ConstraintName == constraint
}

// IsNoRows reports whether a query for one row found none.
func IsNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// IsUnstorable reports whether a text contains what PostgreSQL cannot store: the character U+0000
// or invalid UTF-8.
func IsUnstorable(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "22021" || e.Code == "22P05")
}

// IsUnavailable reports whether the server was unreachable or closed the connection. A retry may
// succeed.
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

// AllowTime raises the time limits of a transaction, both per statement and while idle between
// statements. Use it for deletions of many rows, or with object storage calls in between.
func AllowTime(ctx context.Context, tx pgx.Tx, d time.Duration) error {
	if _, err := tx.Exec(ctx, allowTime, strconv.FormatInt(d.Milliseconds(), 10)); err != nil {
		return fmt.Errorf("allow the transaction %s: %w", d, err)
	}
	return nil
}

// retries is the maximum number of attempts at a transaction that loses a race.
const retries = 5

// Tx is a transaction.
type Tx struct {
	pgx.Tx
	last pgx.Batch
}

// Write queues a statement for the end of the transaction, where all queued statements are sent in
// one round trip. Earlier statements do not see its effect, and [Transact] returns its error.
func (tx *Tx) Write(_ context.Context, sql string, arguments ...any) error {
	tx.last.Queue(sql, arguments...)
	return nil
}

// Writer runs statements whose only result is an error. A transaction queues them for its end; an
// outbox.DB runs them at once.
type Writer interface {
	Write(ctx context.Context, sql string, arguments ...any) error
}

// Transact runs work in a transaction, and retries it after a lost race (serialization failure or
// deadlock), so work must have no effects outside the transaction.
func Transact(ctx context.Context, db *pgxpool.Pool, work func(*Tx) error) error {
	return TransactFrom(ctx, db, func(*pgx.Batch) {}, work)
}

// TransactFrom is like [Transact] and sends statements known beforehand together with the
// transaction's BEGIN. Functions that read their results (pgx.QueuedQuery) run before work; an
// error of theirs ends the transaction.
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
	defer conn.Release() // closes the connection, and so its transaction, if work panics
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

// idle is the status of a connection outside a transaction.
const idle = 'I'

// commit sends the queued statements together with COMMIT.
func (tx *Tx) commit(ctx context.Context) error {
	tx.last.Queue("commit").Exec(func(done pgconn.CommandTag) error {
		if done.String() == "ROLLBACK" { // work continued after a failed statement
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	return tx.SendBatch(ctx, &tx.last).Close()
}
