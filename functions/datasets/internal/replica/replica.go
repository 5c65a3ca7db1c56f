// Package replica records the copies of objects in the backup of their storage type: which are
// wanted, which were verified, and which must be deleted.
package replica

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"function/shared/events"
	"function/shared/job"
	"function/shared/objects"
	"function/shared/outbox"
)

// Kind is the kind of the jobs that copy objects, and the name of the function that runs them.
const Kind = "datasets-replicate"

// Backups are the configured backups.
type Backups struct {
	Stores map[string]string // the identity of the store, for each storage type that has one
	Open   func(ctx context.Context, storageType string) (*objects.Bucket, error)
}

const insertWanted = `INSERT INTO object_replicas (object_name, store, storage_type, sha256) VALUES ($1, $2, $3, $4)`

// Want requests the copy of an object in the transaction that gives the object to a version. sum is
// the SHA-256 of its stored bytes. It does nothing if the storage type has no backup.
func (b Backups) Want(ctx context.Context, tx *outbox.Tx, storageType, name string, sum []byte) error {
	store, ok := b.Stores[storageType]
	if !ok {
		return nil
	}
	if _, err := tx.Exec(ctx, insertWanted, name, store, storageType, sum); err != nil {
		return fmt.Errorf("record wanted copy: %w", err)
	}
	return Request(ctx, tx, name)
}

// Request enqueues the job that copies an object, unless there is one.
func Request(ctx context.Context, tx *outbox.Tx, name string) error {
	err := job.Enqueue(ctx, tx, job.Spec{Kind: Kind, Key: name}, events.ReplicationRequested{Object: name})
	if errors.Is(err, job.ErrExists) {
		return nil
	}
	return err
}

const (
	// The lock waits for the transaction that verifies a copy.
	selectCopies = `
SELECT object_name, store, storage_type, verified_at IS NOT NULL AS verified FROM object_replicas
WHERE object_name = ANY ($1) ORDER BY object_name, store FOR UPDATE`
	deleteRows   = `DELETE FROM object_replicas WHERE store = $1 AND object_name = ANY ($2)`
	markUnwanted = `UPDATE object_replicas SET unwanted_at = coalesce(unwanted_at, now()) WHERE object_name = ANY ($1)`
)

type copied struct {
	ObjectName, Store, StorageType string
	Verified                       bool
}

// Dispose deletes the copies of objects that no version will have once the transaction commits. It
// fails if a backup is away. Rows of copies that may be in progress, or that are in stores which are
// no longer configured, stay until Sweep has deleted the copies.
func (b Backups) Dispose(ctx context.Context, tx *outbox.Tx, names []string) error {
	rows, _ := tx.Query(ctx, selectCopies, names)
	copies, err := pgx.CollectRows(rows, pgx.RowToStructByName[copied])
	if err != nil {
		return fmt.Errorf("list copies of objects: %w", err)
	}
	if len(copies) == 0 {
		return nil
	}
	if _, err := job.Cancel(ctx, tx, Kind, names...); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, markUnwanted, names); err != nil {
		return fmt.Errorf("mark copies as unwanted: %w", err)
	}
	deleted, err := b.delete(ctx, copies)
	if err != nil {
		return err
	}
	return forget(ctx, tx, deleted)
}

// delete deletes copies and returns the names of the verified ones by store.
func (b Backups) delete(ctx context.Context, copies []copied) (map[string][]string, error) {
	deleted := map[string][]string{}
	for _, c := range copies {
		if b.Stores[c.StorageType] != c.Store {
			slog.WarnContext(ctx, "a copy stays in a store that is not configured as a backup; its key is destroyed", "object", c.ObjectName, "store", c.Store)
			continue
		}
		backup, err := b.Open(ctx, c.StorageType)
		if err != nil {
			return nil, err
		}
		if err := backup.Delete(ctx, c.ObjectName); err != nil {
			return nil, fmt.Errorf("delete copy in the backup of %s: %w", c.StorageType, err)
		}
		if c.Verified {
			deleted[c.Store] = append(deleted[c.Store], c.ObjectName)
		}
	}
	return deleted, nil
}

func forget(ctx context.Context, tx *outbox.Tx, deleted map[string][]string) error {
	for store, names := range deleted {
		if _, err := tx.Exec(ctx, deleteRows, store, names); err != nil {
			return fmt.Errorf("delete rows of copies: %w", err)
		}
	}
	return nil
}

// afterwards is how long a copy may be in progress after its object has become unwanted: longer
// than the lease of its job.
const afterwards = 10 * time.Minute

const (
	markOrphans = `
UPDATE object_replicas r SET unwanted_at = now()
WHERE unwanted_at IS NULL AND NOT EXISTS (SELECT FROM stored_objects o WHERE o.name = r.object_name)`
	selectUnwanted = `
SELECT object_name, store, storage_type, true AS verified FROM object_replicas
WHERE unwanted_at < now() - $1::interval AND retired_at IS NULL ORDER BY unwanted_at LIMIT 500 FOR UPDATE SKIP LOCKED`
)

// Sweep deletes the copies of objects that no version has.
func (b Backups) Sweep(ctx context.Context, db *outbox.DB) error {
	if _, err := db.Exec(ctx, markOrphans); err != nil {
		return fmt.Errorf("mark unwanted copies: %w", err)
	}
	for more := true; more; {
		err := db.Transact(ctx, func(tx *outbox.Tx) error {
			rows, _ := tx.Query(ctx, selectUnwanted, afterwards)
			copies, err := pgx.CollectRows(rows, pgx.RowToStructByName[copied])
			if more = len(copies) > 0; err != nil || !more {
				return err
			}
			deleted, err := b.delete(ctx, copies)
			if err != nil {
				return err
			}
			more = len(deleted) > 0
			return forget(ctx, tx, deleted)
		})
		if err != nil {
			return fmt.Errorf("sweep copies: %w", err)
		}
	}
	return nil
}

// SweepUnfinished deletes what processes have left that died while they copied, last written before the
// given time.
func (b Backups) SweepUnfinished(ctx context.Context, before time.Time) error {
	for storageType := range b.Stores {
		backup, err := b.Open(ctx, storageType)
		if err != nil {
			return err
		}
		if _, err := backup.Sweep(ctx, before); err != nil {
			return fmt.Errorf("sweep backup of %s storage: %w", storageType, err)
		}
	}
	return nil
}
