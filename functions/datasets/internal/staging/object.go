// Package staging records objects that are being written and belong to no version yet, so that
// none is left behind.
package staging

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/replica"
	"function/shared/database"
	"function/shared/function"
	"function/shared/objects"
	"function/shared/outbox"
	"function/shared/uuid7"
)

const (
	releaseObjects = `INSERT INTO staged_objects (name, storage_type) SELECT unnest($1::text[]), $2 ON CONFLICT (name) DO NOTHING`
	insertStaged   = `INSERT INTO staged_objects (name, storage_type) VALUES ($1, $2)`
	deleteStaged   = `DELETE FROM staged_objects WHERE name = $1`
)

// Area creates and sweeps staged objects.
type Area struct {
	DB     *outbox.DB
	Bucket func(ctx context.Context, storageType string) (*objects.Bucket, error)

	Backups  replica.Backups
	Archives archival.Archives
}

// Open returns the area of a function.
func Open(ctx context.Context, env *function.Env) (Area, error) {
	db, err := env.Database(ctx, database.Datasets)
	return Area{
		DB: db, Bucket: env.Objects,
		Backups:  replica.Backups{Stores: env.Backups(), Open: env.Backup},
		Archives: archival.Archives{Stores: env.Archives(), Open: env.Archive},
	}, err
}

// Object is an object that is being written and belongs to no version yet. Its row is inserted
// before its first byte is written, so that a crash leaves no unrecorded object.
type Object struct {
	*objects.Writer
	Name string

	area        Area
	storageType string
}

// Create starts an object of an organization under a unique name.
func (a Area) Create(ctx context.Context, storageType string, organization uuid.UUID, key []byte) (*Object, error) {
	id := uuid7.New()
	bucket, err := a.Bucket(ctx, storageType)
	if err != nil {
		return nil, err
	}
	o := &Object{Name: organization.String() + "/" + id.String(), area: a, storageType: storageType}
	if _, err := a.DB.Exec(ctx, insertStaged, o.Name, storageType); err != nil {
		return nil, fmt.Errorf("insert staged object: %w", err)
	}
	if o.Writer, err = bucket.Create(ctx, o.Name, key); err != nil {
		o.Discard(ctx)
		return nil, fmt.Errorf("stage object: %w", err)
	}
	return o, nil
}

// Adopt belongs in the transaction that gives the object to a version. It requests the object's copy
// in the backup. It fails if the object was swept because writing it took longer than StaleAfter.
func (o *Object) Adopt(ctx context.Context, tx *outbox.Tx) error {
	return o.area.Adopt(ctx, tx, o.storageType, o.Name, o.StoredSHA256())
}

// Adopt is [Object.Adopt] for an object that another process has written. sum is the SHA-256 of its
// stored bytes.
func (a Area) Adopt(ctx context.Context, tx *outbox.Tx, storageType, name string, sum []byte) error {
	deleted, err := tx.Exec(ctx, deleteStaged, name)
	if err != nil {
		return fmt.Errorf("adopt object %s: %w", name, err)
	}
	if deleted.RowsAffected() == 0 {
		return fmt.Errorf("adopt object %s: it was swept", name)
	}
	return a.Backups.Want(ctx, tx, storageType, name, sum)
}

// Release gives objects to the sweep. It belongs in the transaction after which no version has them.
func Release(ctx context.Context, tx *outbox.Tx, storageType string, names []string) error {
	if _, err := tx.Exec(ctx, releaseObjects, names, storageType); err != nil {
		return fmt.Errorf("release objects: %w", err)
	}
	return nil
}

// discardTimeout limits how long Discard may take; the sweep removes what Discard leaves.
const discardTimeout = 10 * time.Second

// Discard removes the object unless a committed transaction has adopted it. It is safe to call
// when the outcome of the commit is unknown. It must not be called inside that transaction,
// because it waits for the transaction to end.
func (o *Object) Discard(ctx context.Context) {
	if o == nil {
		return
	}
	if o.Writer != nil {
		o.Abort()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	o.area.Discard(ctx, o.storageType, o.Name)
}

// Discard is [Object.Discard] for objects that another process has written.
func (a Area) Discard(ctx context.Context, storageType string, names ...string) {
	for _, name := range names {
		if err := a.discard(ctx, name, storageType); err != nil {
			slog.WarnContext(ctx, "staged object left to the sweep", "object", name, "error", err)
		}
	}
}

// discard deletes the object in the transaction that deletes its row, so that the row outlives
// it.
func (a Area) discard(ctx context.Context, name, storageType string) error {
	bucket, err := a.Bucket(ctx, storageType)
	if err != nil {
		return err
	}
	return database.Transact(ctx, a.DB.Pool, func(tx *database.Tx) error {
		deleted, err := tx.Exec(ctx, deleteStaged, name)
		if err != nil {
			return fmt.Errorf("delete staged object: %w", err)
		}
		if deleted.RowsAffected() == 0 {
			return nil
		}
		return bucket.Delete(ctx, name)
	})
}
