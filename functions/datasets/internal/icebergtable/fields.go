package icebergtable

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/outbox"
)

const (
	selectFields = `SELECT key, id FROM iceberg_fields WHERE dataset_id = $1`
	lockFields   = `SELECT FROM datasets WHERE id = $1 FOR NO KEY UPDATE`
	insertFields = `
INSERT INTO iceberg_fields (dataset_id, key, id)
SELECT $1, w.key, coalesce((SELECT max(id) FROM iceberg_fields WHERE dataset_id = $1), 0) + row_number() OVER (ORDER BY w.place)
FROM unnest($2::bytea[]) WITH ORDINALITY w (key, place)
WHERE NOT EXISTS (SELECT FROM iceberg_fields f WHERE f.dataset_id = $1 AND f.key = w.key)`
)

// number sets the identifiers of fields. Those that have none yet get the next ones, in order.
func (t *Tables) number(ctx context.Context, id uuid.UUID, fields []*field) error {
	missing, err := known(ctx, t.db, id, fields)
	if err != nil || len(missing) == 0 {
		return err
	}
	return t.db.Transact(ctx, func(tx *outbox.Tx) error { return numberIn(ctx, tx, id, fields) })
}

// numberIn is [Tables.number] in a transaction.
func numberIn(ctx context.Context, tx *outbox.Tx, id uuid.UUID, fields []*field) error {
	if _, err := tx.Exec(ctx, lockFields, id); err != nil {
		return fmt.Errorf("lock fields of table: %w", err)
	}
	missing, err := known(ctx, tx, id, fields)
	if err != nil || len(missing) == 0 {
		return err
	}
	if _, err := tx.Exec(ctx, insertFields, id, missing); err != nil {
		return fmt.Errorf("number fields of table: %w", err)
	}
	if missing, err = known(ctx, tx, id, fields); err == nil && len(missing) > 0 {
		err = fmt.Errorf("number fields of table %s: the data set is gone", id)
	}
	return err
}

// known sets the identifiers that fields have already, and returns the keys of the others.
func known(ctx context.Context, db database.Querier, id uuid.UUID, fields []*field) (missing [][]byte, err error) {
	rows, _ := db.Query(ctx, selectFields, id)
	ids := map[[32]byte]int32{}
	var key []byte
	var number int32
	_, err = pgx.ForEachRow(rows, []any{&key, &number}, func() error {
		ids[[32]byte(key)] = number
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list fields of table: %w", err)
	}
	each(fields, func(f *field) {
		if f.id = ids[f.key]; f.id == 0 {
			missing = append(missing, f.key[:])
		}
	})
	return missing, nil
}
