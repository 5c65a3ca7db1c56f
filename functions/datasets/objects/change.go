package objects

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/staging"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/outbox"
	"function/shared/uuid7"
)

const (
	lockName  = `SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))`
	upsertRow = `
INSERT INTO dataset_objects (dataset_id, name, revision, object_name, wrapped_key, content_type, detected_type, size_bytes, stored_bytes, sha256, width, height, metadata, created_by, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)
ON CONFLICT (dataset_id, name) DO UPDATE SET revision = excluded.revision, object_name = excluded.object_name, wrapped_key = excluded.wrapped_key,
    content_type = excluded.content_type, detected_type = excluded.detected_type, size_bytes = excluded.size_bytes, stored_bytes = excluded.stored_bytes,
    sha256 = excluded.sha256, width = excluded.width, height = excluded.height, metadata = excluded.metadata, changed_at = excluded.changed_at`
	updateMetadata = `UPDATE dataset_objects SET metadata = $3, revision = $4, changed_at = $5 WHERE dataset_id = $1 AND name = $2`
	deleteRow      = `DELETE FROM dataset_objects WHERE dataset_id = $1 AND name = $2`
)

// change is a change of one object. make returns the new row, given the current one or nil, and nil to
// delete the object; errUnchanged leaves it as it is.
type change struct {
	Request
	action    string
	condition dataset.Condition
	content   *received // the new content; nil: it stays
	make      func(now *row) (*row, error)
}

var errUnchanged = errors.New("unchanged")

// apply changes an object in one transaction, and returns it and whether it is new. The bytes that it
// no longer has are deleted by the sweep of staged objects, a day later, so that nobody who is reading
// them is interrupted. Their key is gone at once.
func (f *Function) apply(ctx context.Context, caller auth.Caller, c change) (after row, created bool, err error) {
	entry := audit.Entry{Action: c.action, ResourceID: c.ID.String(), Detail: map[string]any{"object": c.Name}}
	err = act.Do(ctx, f.db, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		now, onRemoval, err := c.current(ctx, tx, caller)
		if err != nil {
			return err
		}
		next, err := c.make(now)
		if errors.Is(err, errUnchanged) {
			after = *now
			return nil
		}
		if err != nil {
			return err
		}
		if now != nil && onRemoval != nil {
			return onRemoval
		}
		created = now == nil
		after, err = c.write(ctx, tx, caller, now, next)
		return err
	})
	return after, created, err
}

// current locks an object and returns it, or nil if there is none, if its condition allows the change.
// onRemoval is the error with which to refuse the removal of its content.
func (c change) current(ctx context.Context, tx *outbox.Tx, caller auth.Caller) (now *row, onRemoval, err error) {
	onRemoval, err = dataset.Share(ctx, tx, dataset.Objects, c.ID, access.Of(caller))
	if err != nil {
		return nil, nil, err
	}
	if _, err := tx.Exec(ctx, lockName, c.ID.String(), c.Name); err != nil {
		return nil, nil, fmt.Errorf("lock object: %w", err)
	}
	found, err := database.One[row](ctx, tx, errNotFound, selectRow, pgx.NamedArgs{"dataset": c.ID, "name": c.Name})
	if errors.Is(err, errNotFound) {
		return nil, onRemoval, c.condition.Allows("")
	}
	if err != nil {
		return nil, nil, err
	}
	return &found, onRemoval, c.condition.Allows(found.etag())
}

// check returns the error with which apply would refuse new content of the given length, or -1 if it is
// not known, so that content is refused before it has arrived. apply checks again.
func (f *Function) check(ctx context.Context, caller auth.Caller, c change, length int64) error {
	return f.db.Transact(ctx, func(tx *outbox.Tx) error {
		now, onRemoval, err := c.current(ctx, tx, caller)
		if err != nil {
			return err
		}
		if now != nil && length >= 0 && length != now.SizeBytes {
			return onRemoval
		}
		return nil
	})
}

func (c change) write(ctx context.Context, tx *outbox.Tx, caller auth.Caller, now, next *row) (after row, err error) {
	at := time.Now().UTC().Truncate(time.Microsecond)
	if next != nil {
		after = *next
		after.Name, after.Revision, after.CreatedAt, after.ChangedAt = c.Name, uuid7.New(), at, at
		if now != nil {
			after.CreatedAt = now.CreatedAt
		}
	}
	switch {
	case next == nil:
		_, err = tx.Exec(ctx, deleteRow, c.ID, c.Name)
	case c.content == nil:
		_, err = tx.Exec(ctx, updateMetadata, c.ID, c.Name, after.Metadata, after.Revision, at)
	default:
		if err = c.content.Adopt(ctx, tx); err == nil {
			_, err = tx.Exec(ctx, upsertRow, c.ID, c.Name, after.Revision, after.ObjectName, after.WrappedKey, after.ContentType, after.DetectedType, after.SizeBytes,
				c.content.StoredBytes(), after.SHA256, after.Width, after.Height, after.Metadata, caller.UserID, at)
		}
	}
	if err != nil {
		return after, fmt.Errorf("write object: %w", err)
	}
	if now == nil || now.ObjectName == after.ObjectName {
		return after, nil
	}
	return after, staging.Release(ctx, tx, now.StorageType, []string{now.ObjectName})
}
