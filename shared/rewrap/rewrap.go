// Package rewrap wraps stored data keys again after the key encryption key has changed. The data
// stay as they are.
package rewrap

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/secret"
)

// Column holds wrapped keys. Its table also has the column wrapped_by: the ID of the key encryption
// key that has wrapped the key, if known. A trigger clears wrapped_by when the key changes without it.
type Column struct{ Table, Name string }

// Hourly declares a function that rewraps the keys in columns of a database each hour, at a minute past it.
func Hourly(name string, minute int, in database.Name, columns ...Column) function.Declaration {
	return function.Scheduled(name, function.Schedule{Cron: fmt.Sprintf("%d * * * *", minute)}, func(ctx context.Context, env *function.Env) (*work, error) {
		db, err := env.Database(ctx, in)
		if err != nil {
			return nil, err
		}
		keys, err := env.Keeper(ctx)
		return &work{db, keys, columns}, err
	}).Uses(function.Owns(in), function.Keys)
}

type work struct {
	db      *outbox.DB
	keys    *secret.Keeper
	columns []Column
}

const (
	upsertCurrent = `INSERT INTO key_rotation (wrapped_by) VALUES ($1) ON CONFLICT (single) DO UPDATE SET wrapped_by = excluded.wrapped_by`
	updateCurrent = `UPDATE key_rotation SET wrapped_by = $1`
	selectSome    = `
SELECT ctid, %[2]s AS wrapped_key FROM %[1]s WHERE %[2]s IS NOT NULL AND wrapped_by IS DISTINCT FROM $1 AND ctid > $2
ORDER BY ctid LIMIT 50 FOR NO KEY UPDATE SKIP LOCKED`
	updateKey = `UPDATE %[1]s SET %[2]s = $3, wrapped_by = $1 WHERE ctid = $2`
)

type row struct {
	CTID       pgtype.TID `db:"ctid"`
	WrappedKey []byte
}

// Handle wraps the data keys in the columns with the current key encryption key, each batch in a
// transaction of its own. Before the first rotation it does nothing. It can be interrupted and
// repeated. Keys that no key encryption key opens stay as they are, and are an error at the end.
func (w *work) Handle(ctx context.Context) error {
	record := updateCurrent
	if w.keys.Rotating() {
		record = upsertCurrent
	}
	recorded, err := w.db.Exec(ctx, record, w.keys.ID())
	if err != nil {
		return fmt.Errorf("record key encryption key: %w", err)
	}
	if recorded.RowsAffected() == 0 {
		return nil
	}
	failed := 0
	for _, column := range w.columns {
		n, err := w.rewrap(ctx, column)
		if err != nil {
			return fmt.Errorf("rewrap keys of %s: %w", column.Table, err)
		}
		failed += n
	}
	if failed > 0 {
		return fmt.Errorf("%d data keys cannot be unwrapped by any configured key encryption key", failed)
	}
	return nil
}

// rewrap returns the number of keys that could not be unwrapped.
func (w *work) rewrap(ctx context.Context, column Column) (failed int, err error) {
	b := batch{keys: w.keys, table: column.Table, name: pgx.Identifier{column.Table}.Sanitize(), column: pgx.Identifier{column.Name}.Sanitize()}
	for last := (pgtype.TID{Valid: true}); last.Valid; {
		var next pgtype.TID
		var bad int
		err := w.db.Transact(ctx, func(tx *outbox.Tx) (err error) {
			next, bad, err = b.rewrap(ctx, tx, last)
			return err
		})
		if err != nil {
			return failed, err
		}
		last, failed = next, failed+bad
	}
	return failed, nil
}

type batch struct {
	keys         *secret.Keeper
	table        string
	name, column string // sanitized
}

// rewrap returns the place of the last row, which is not valid if there was none.
func (b batch) rewrap(ctx context.Context, tx *outbox.Tx, after pgtype.TID) (last pgtype.TID, failed int, err error) {
	rows, _ := tx.Query(ctx, fmt.Sprintf(selectSome, b.name, b.column), b.keys.ID(), after)
	some, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil {
		return last, 0, fmt.Errorf("list keys: %w", err)
	}
	for _, r := range some {
		last = r.CTID
		wrapped, err := b.keys.Rewrap(ctx, r.WrappedKey)
		if err != nil {
			if ctx.Err() != nil {
				return last, failed, err
			}
			failed++
			slog.ErrorContext(ctx, "data key not rewrapped", "table", b.table, "error", err)
			continue
		}
		if _, err := tx.Exec(ctx, fmt.Sprintf(updateKey, b.name, b.column), b.keys.ID(), r.CTID, wrapped); err != nil {
			return last, failed, fmt.Errorf("store key: %w", err)
		}
	}
	return last, failed, nil
}
