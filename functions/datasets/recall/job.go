package recall

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/staging"
	"function/shared/access"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/job"
	"function/shared/objects"
	"function/shared/outbox"
)

// copyTimeout ends an attempt whose store hangs. It is the time limit of the function.
const copyTimeout = 10 * time.Minute

// Handle runs the job that recalls a version.
func (f *Function) Handle(ctx context.Context, e events.Received[events.RecallRequested]) error {
	return job.Run(ctx, f.worker, job.Spec{Kind: archival.RecallKind}, e, func(ctx context.Context, j *job.Job) error {
		return f.recall(ctx, j, e.Data)
	})
}

const (
	// A version is readable only with those whose rows or file it has.
	selectNeeded = `
WITH RECURSIVE needed AS (
    SELECT v.version FROM dataset_versions v JOIN datasets d ON d.id = v.dataset_id
    WHERE d.id = $1 AND v.version = $2 AND v.archived_at IS NOT NULL AND v.status <> 'expired' AND d.deleted_at IS NULL
    UNION
    SELECT unnest(n.inherited || CASE n.operation WHEN 'restore' THEN n.source_version END)
    FROM needed JOIN dataset_versions n ON n.dataset_id = $1 AND n.version = needed.version
)
SELECT version FROM dataset_versions WHERE dataset_id = $1 AND version IN (SELECT version FROM needed) AND archived_at IS NOT NULL ORDER BY version`
	setRecalled = `UPDATE dataset_versions SET archived_at = NULL, recalled_at = now() WHERE dataset_id = $1 AND version = ANY ($2)`
)

func needed(ctx context.Context, db database.Querier, e events.RecallRequested) (versions []int, names []string, err error) {
	rows, _ := db.Query(ctx, selectNeeded, e.DatasetID, e.Version)
	if versions, err = pgx.CollectRows(rows, pgx.RowTo[int]); err != nil {
		return nil, nil, fmt.Errorf("list versions to recall: %w", err)
	}
	names, err = archival.Objects(ctx, db, e.DatasetID, versions...)
	return versions, names, err
}

func (f *Function) recall(ctx context.Context, j *job.Job, e events.RecallRequested) error {
	versions, names, err := needed(ctx, f.area.DB, e)
	if err != nil || len(versions) == 0 {
		return err // recalled, expired or deleted in the meantime
	}
	copies, err := f.area.Archives.Kept(ctx, f.area.DB, names)
	if err != nil {
		return err
	}
	if len(copies) != len(names) {
		return fmt.Errorf("recall version %d: the archive has %d of %d objects", e.Version, len(copies), len(names))
	}
	for i, c := range copies {
		j.Progress(int64(i), int64(len(copies)), "copy")
		if err := f.copy(ctx, c); err != nil {
			return err
		}
	}
	return j.Complete(ctx, func(tx *outbox.Tx) error {
		err := dataset.Lock(ctx, tx, e.DatasetID, access.Platform(e.OrganizationID))
		if errors.Is(err, dataset.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		versions, names, err := needed(ctx, tx, e)
		if err != nil {
			return err
		}
		if err := staging.Unstage(ctx, tx, names); err != nil {
			return err
		}
		if err := archival.Unneed(ctx, tx, names); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, setRecalled, e.DatasetID, versions); err != nil {
			return fmt.Errorf("mark versions as recalled: %w", err)
		}
		return nil
	})
}

// copy copies an object to the primary store, from the archive or, if that has lost it, from the
// backup. What a job leaves that does not complete is swept.
func (f *Function) copy(ctx context.Context, c archival.Copy) error {
	ctx, cancel := context.WithTimeout(ctx, copyTimeout)
	defer cancel()
	primary, err := f.area.Bucket(ctx, c.StorageType)
	if err != nil {
		return err
	}
	archive, err := f.area.Archives.Open(ctx, c.StorageType)
	if err != nil {
		return err
	}
	if err := f.area.Restage(ctx, c.StorageType, c.ObjectName); err != nil {
		return err
	}
	_, err = archive.Copy(ctx, c.ObjectName, primary, c.SHA256)
	if !errors.Is(err, objects.ErrNotFound) && !errors.Is(err, objects.ErrCorrupt) {
		return err
	}
	damaged := fault.New(fault.Conflict, "What the archive has of this version is damaged or missing: ask the operator to restore it, and recall the version again").Because(err)
	if f.area.Backups.Stores[c.StorageType] == "" {
		return damaged
	}
	slog.ErrorContext(ctx, "recalling from the backup, because the archive has lost an object", "object", c.ObjectName, "error", err)
	backup, err := f.area.Backups.Open(ctx, c.StorageType)
	if err != nil {
		return err
	}
	if _, err = backup.Copy(ctx, c.ObjectName, primary, c.SHA256); errors.Is(err, objects.ErrNotFound) || errors.Is(err, objects.ErrCorrupt) {
		return damaged
	}
	return err
}

// Failed ends a job whose attempts have all failed. The list of jobs shows the reason, and the version
// stays archived.
func (f *Function) Failed(ctx context.Context, e events.Received[events.JobFailed]) error {
	if e.Data.Kind != archival.RecallKind {
		return nil
	}
	slog.ErrorContext(ctx, "version not recalled", "version", e.Data.Key, "reason", e.Data.Reason)
	return f.area.DB.Transact(ctx, func(tx *outbox.Tx) error {
		_, err := job.Discard(ctx, tx, e.Data)
		return err
	})
}
