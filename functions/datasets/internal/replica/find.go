package replica

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"function/shared/outbox"
)

const (
	// A store that is configured again is no longer retired.
	retire = `
UPDATE object_replicas SET retired_at = CASE WHEN retired_at IS NULL THEN now() END
WHERE (retired_at IS NULL) <> ((storage_type, store) IN (SELECT * FROM unnest(@types::text[], @stores::text[])))`
	insertMissing = `
INSERT INTO object_replicas (object_name, store, storage_type)
SELECT o.name, b.store, o.storage_type
FROM unnest(@types::text[], @stores::text[]) AS b (storage_type, store) JOIN stored_objects o USING (storage_type)
WHERE NOT EXISTS (SELECT FROM object_replicas r WHERE r.object_name = o.name AND r.store = b.store)
ON CONFLICT DO NOTHING`
	selectWaiting = `
SELECT object_name FROM object_replicas r
WHERE verified_at IS NULL AND retired_at IS NULL AND unwanted_at IS NULL AND object_name > $1
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.kind = '` + Kind + `' AND j.key = r.object_name AND j.finished_at IS NULL)
ORDER BY object_name LIMIT 500`
)

// Find compares the records with the configured backups and requests the copies that are missing:
// of objects that were stored before their backup was configured, and of those whose copying has
// failed.
func (b Backups) Find(ctx context.Context, db *outbox.DB) error {
	types, stores := []string{}, []string{}
	for storageType, store := range b.Stores {
		types, stores = append(types, storageType), append(stores, store)
	}
	configured := pgx.NamedArgs{"types": types, "stores": stores}
	for _, change := range []string{retire, insertMissing} {
		if _, err := db.Exec(ctx, change, configured); err != nil {
			return fmt.Errorf("find missing copies: %w", err)
		}
	}
	for last, more := "", true; more; {
		err := db.Transact(ctx, func(tx *outbox.Tx) error {
			rows, _ := tx.Query(ctx, selectWaiting, last)
			names, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return fmt.Errorf("list missing copies: %w", err)
			}
			for _, name := range names {
				if err := Request(ctx, tx, name); err != nil {
					return err
				}
			}
			if more = len(names) > 0; more {
				last = names[len(names)-1]
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
