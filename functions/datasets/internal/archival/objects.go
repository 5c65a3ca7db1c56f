package archival

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

const (
	// The row lock waits for the sweep that deletes an earlier copy.
	insertCopy = `
INSERT INTO archived_objects (object_name, store, storage_type) VALUES ($1, $2, $3)
ON CONFLICT (object_name, store) DO UPDATE SET changed_at = now(), sha256 = NULL WHERE archived_objects.archived_at IS NULL`
	selectSum = `SELECT sha256 FROM object_replicas WHERE object_name = $1 AND sha256 IS NOT NULL LIMIT 1`
	setSum    = `UPDATE archived_objects SET sha256 = $3 WHERE object_name = $1 AND store = $2`
	keep      = `UPDATE archived_objects SET archived_at = now() WHERE object_name = ANY ($1) AND store = $2 AND sha256 IS NOT NULL`
	unneed    = `UPDATE archived_objects SET archived_at = NULL, changed_at = now() WHERE object_name = ANY ($1) AND archived_at IS NOT NULL`
)

// Record records the copy of an object before its first byte is written. It returns the SHA-256 with
// which the object was stored, if that is known from its copy in the backup.
func (a Archives) Record(ctx context.Context, db *outbox.DB, storageType, name string) ([]byte, error) {
	if _, err := db.Exec(ctx, insertCopy, name, a.Stores[storageType], storageType); err != nil {
		return nil, fmt.Errorf("record copy in the archive: %w", err)
	}
	var sum []byte
	if err := db.QueryRow(ctx, selectSum, name).Scan(&sum); err != nil && !database.IsNoRows(err) {
		return nil, fmt.Errorf("look up hash of object: %w", err)
	}
	return sum, nil
}

// Verified records the hash with which a copy was verified.
func (a Archives) Verified(ctx context.Context, db *outbox.DB, storageType, name string, sum []byte) error {
	if _, err := db.Exec(ctx, setSum, name, a.Stores[storageType], sum); err != nil {
		return fmt.Errorf("record hash of copy in the archive: %w", err)
	}
	return nil
}

// Keep makes verified copies the ones that a version needs, in the transaction that archives it.
func (a Archives) Keep(ctx context.Context, tx *outbox.Tx, storageType string, names []string) error {
	kept, err := tx.Exec(ctx, keep, names, a.Stores[storageType])
	if err != nil {
		return fmt.Errorf("keep copies in the archive: %w", err)
	}
	if int(kept.RowsAffected()) != len(names) {
		return fmt.Errorf("keep copies in the archive: %d of %d were swept", len(names)-int(kept.RowsAffected()), len(names))
	}
	return nil
}

// Unneed gives copies to the sweep, in the transaction after which the primary store has the objects.
func Unneed(ctx context.Context, tx *outbox.Tx, names []string) error {
	if _, err := tx.Exec(ctx, unneed, names); err != nil {
		return fmt.Errorf("release copies in the archive: %w", err)
	}
	return nil
}

// Copy is an object in an archive.
type Copy struct {
	ObjectName, Store, StorageType string
	SHA256                         []byte `db:"sha256"`
}

const selectKept = `
SELECT object_name, store, storage_type, sha256 FROM archived_objects WHERE object_name = ANY ($1) AND archived_at IS NOT NULL ORDER BY object_name`

// Kept lists the copies of objects that versions need. It fails if the archive that has one is not configured.
func (a Archives) Kept(ctx context.Context, db database.Querier, names []string) ([]Copy, error) {
	rows, _ := db.Query(ctx, selectKept, names)
	copies, err := pgx.CollectRows(rows, pgx.RowToStructByName[Copy])
	if err != nil {
		return nil, fmt.Errorf("list copies in the archive: %w", err)
	}
	for _, c := range copies {
		if a.Stores[c.StorageType] != c.Store {
			return nil, fault.New(fault.Unavailable, "This version is in an archive of %s storage that is no longer configured: ask the operator to configure it again", c.StorageType)
		}
	}
	return copies, nil
}

const (
	lockAll    = `SELECT object_name, store, storage_type, sha256, archived_at IS NOT NULL AS kept FROM archived_objects WHERE object_name = ANY ($1) ORDER BY object_name, store FOR UPDATE`
	deleteRows = `DELETE FROM archived_objects WHERE store = $1 AND object_name = ANY ($2)`
	// Nobody reads copies of versions that were removed.
	selectUnneeded = `
SELECT object_name, store, storage_type, sha256, true AS kept FROM archived_objects a
WHERE (storage_type, store) IN (SELECT * FROM unnest($1::text[], $2::text[]))
  AND (archived_at IS NULL AND changed_at < now() - interval '24 hours'
       OR archived_at IS NOT NULL AND NOT EXISTS (SELECT FROM stored_objects o WHERE o.name = a.object_name))
ORDER BY changed_at LIMIT 500 FOR UPDATE SKIP LOCKED`
)

type recorded struct {
	Copy
	Kept bool
}

// Dispose deletes the copies of objects that no version will have once the transaction commits. It
// fails if an archive is away. Rows of copies that may be in progress, or that are in stores which
// are no longer configured, stay; Sweep deletes those copies.
func (a Archives) Dispose(ctx context.Context, tx *outbox.Tx, names []string) error {
	rows, _ := tx.Query(ctx, lockAll, names)
	copies, err := pgx.CollectRows(rows, pgx.RowToStructByName[recorded])
	if err != nil {
		return fmt.Errorf("list copies in the archive: %w", err)
	}
	_, err = a.delete(ctx, tx, copies)
	return err
}

// Sweep deletes the copies that no version needs: those of versions that have expired or were recalled
// a day ago, those that an interrupted job has left, and unfinished ones last written before the
// given time.
func (a Archives) Sweep(ctx context.Context, db *outbox.DB, unfinished time.Time) error {
	types, stores := []string{}, []string{}
	for storageType, store := range a.Stores {
		types, stores = append(types, storageType), append(stores, store)
	}
	for more := true; more; {
		err := db.Transact(ctx, func(tx *outbox.Tx) error {
			rows, _ := tx.Query(ctx, selectUnneeded, types, stores)
			copies, err := pgx.CollectRows(rows, pgx.RowToStructByName[recorded])
			if err != nil {
				return err
			}
			deleted, err := a.delete(ctx, tx, copies)
			more = deleted > 0
			return err
		})
		if err != nil {
			return fmt.Errorf("sweep the archive: %w", err)
		}
	}
	for storageType := range a.Stores {
		archive, err := a.Open(ctx, storageType)
		if err != nil {
			return err
		}
		if _, err := archive.Sweep(ctx, unfinished); err != nil {
			return fmt.Errorf("sweep archive of %s storage: %w", storageType, err)
		}
	}
	return nil
}

// delete deletes copies, and then the rows of those that are complete. It returns the number of rows.
func (a Archives) delete(ctx context.Context, tx *outbox.Tx, copies []recorded) (int, error) {
	deleted, n := map[string][]string{}, 0
	for _, c := range copies {
		if a.Stores[c.StorageType] != c.Store {
			slog.WarnContext(ctx, "a copy stays in a store that is not configured as an archive; its key is destroyed", "object", c.ObjectName, "store", c.Store)
			continue
		}
		archive, err := a.Open(ctx, c.StorageType)
		if err != nil {
			return 0, err
		}
		if err := archive.Delete(ctx, c.ObjectName); err != nil {
			return 0, fmt.Errorf("delete copy in the archive of %s: %w", c.StorageType, err)
		}
		if c.Kept {
			deleted[c.Store], n = append(deleted[c.Store], c.ObjectName), n+1
		}
	}
	for store, names := range deleted {
		if _, err := tx.Exec(ctx, deleteRows, store, names); err != nil {
			return 0, fmt.Errorf("delete rows of copies in the archive: %w", err)
		}
	}
	return n, nil
}
