// Package dispose destroys the remains of data sets that were deleted longer ago than their
// organization's retention policy keeps them: their objects, their documents and, with their rows,
// their encryption keys. It runs when the retention sweep requests it and when policies change. It
// also removes objects and documents that interrupted requests left behind.
package dispose

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/document"
	"function/functions/datasets/internal/staging"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/retention"
)

// Service declares the function.
var Service = retention.Dispose("datasets-dispose", "datasets", database.Datasets, New).
	Uses(function.Objects, function.Documents)

// New connects the function to its database and object storage.
func New(ctx context.Context, env *function.Env) (retention.Work, error) {
	area, err := staging.Open(ctx, env)
	if err != nil {
		return retention.Work{}, err
	}
	server, err := env.Documents()
	documents := document.Area{DB: area.DB, Server: server}
	sweep := func(ctx context.Context) error { return errors.Join(area.Sweep(ctx), documents.Sweep(ctx)) }
	d := disposal{area, documents}
	return retention.Work{Mark: d.mark, Step: d.disposeSome, Before: sweep}, err
}

type disposal struct {
	staging.Area
	documents document.Area
}

const (
	expired = `
FROM datasets d LEFT JOIN retention_periods own ON own.resource = @resource AND own.organization_id = d.organization_id
WHERE deleted_at < @latest AND deleted_at < @at::timestamptz - coalesce(own.keep_days, @keep_days) * interval '24 hours'`
	// Not while people need the failing rows of a data set, to which the policies of their source apply.
	selectExpired = `SELECT d.id` + expired + ` AND deleted_at >= @from AND held_at IS NULL
  AND NOT EXISTS (SELECT FROM datasets f WHERE f.quality_of = d.id AND (f.held_at IS NOT NULL OR f.deleted_at IS NULL))`
	order        = ` ORDER BY deleted_at LIMIT 500 FOR UPDATE OF d`
	withFailures = `SELECT id FROM due UNION ALL SELECT f.id FROM datasets f JOIN due ON f.quality_of = due.id`
	markBegun    = `
WITH due AS (` + selectExpired + order + `)
UPDATE datasets SET disposal_began_at = coalesce(disposal_began_at, now()) WHERE id IN (` + withFailures + `)`
	lockBegun = `
WITH due AS (` + selectExpired + ` AND disposal_began_at IS NOT NULL` + order + `)
SELECT id FROM datasets WHERE id IN (` + withFailures + `) ORDER BY id FOR UPDATE`
	selectHeld    = `SELECT d.organization_id, count(*) AS items` + expired + ` AND held_at IS NOT NULL GROUP BY d.organization_id`
	selectObjects = `
SELECT d.storage_type, o.name FROM datasets d JOIN (
    SELECT dataset_id, object_name AS name FROM version_files
    UNION ALL SELECT dataset_id, table_name FROM dataset_versions WHERE table_name IS NOT NULL
    UNION ALL SELECT dataset_id, object_name FROM dataset_objects
) o ON o.dataset_id = d.id WHERE d.id = ANY ($1)`
	deleteDatasets = `
WITH stored AS (
    SELECT dataset_id, sum(bytes) AS bytes FROM (
        SELECT dataset_id, stored_bytes + coalesce(table_bytes, 0) AS bytes FROM dataset_versions
        UNION ALL SELECT dataset_id, size_bytes FROM dataset_documents
        UNION ALL SELECT dataset_id, stored_bytes FROM dataset_objects
    ) s WHERE dataset_id = ANY ($1) GROUP BY dataset_id
), disposed AS (
    DELETE FROM datasets WHERE id = ANY ($1) RETURNING id, organization_id, deleted_at
)
SELECT organization_id, count(*) AS items, coalesce(sum(bytes), 0)::bigint AS bytes, min(deleted_at) AS oldest, max(deleted_at) AS newest
FROM disposed LEFT JOIN stored ON stored.dataset_id = disposed.id GROUP BY organization_id`
)

// stepTimeout limits how long one step may take to delete the objects of its data sets.
const stepTimeout = 10 * time.Minute

// mark commits which data sets the next step begins to destroy: afterwards they cannot be held or
// brought back, even if the step is interrupted.
func (f disposal) mark(ctx context.Context, tx *outbox.Tx, due retention.Due) error {
	if _, err := tx.Exec(ctx, markBegun, due.Args()); err != nil {
		return fmt.Errorf("begin disposal of expired data sets: %w", err)
	}
	return nil
}

// disposeSome deletes objects and documents of marked data sets before the rows that name them, so
// that an interrupted step can be repeated from the start.
func (f disposal) disposeSome(ctx context.Context, tx *outbox.Tx, due retention.Due) ([]retention.Count, error) {
	if err := database.AllowTime(ctx, tx, stepTimeout); err != nil {
		return nil, err
	}
	rows, _ := tx.Query(ctx, lockBegun, due.Args())
	begun, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("lock expired data sets: %w", err)
	}
	if len(begun) == 0 {
		return nil, recordHeld(ctx, tx, due)
	}
	rows, _ = tx.Query(ctx, selectObjects, begun)
	stored, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ StorageType, Name string }])
	if err != nil {
		return nil, fmt.Errorf("list objects of expired data sets: %w", err)
	}
	var names []string
	for _, o := range stored {
		names = append(names, o.Name)
	}
	if err := f.Backups.Dispose(ctx, tx, names); err != nil {
		return nil, fmt.Errorf("dispose of copies: %w", err)
	}
	if err := f.Archives.Dispose(ctx, tx, names); err != nil {
		return nil, fmt.Errorf("dispose of archived objects: %w", err)
	}
	for _, o := range stored {
		bucket, err := f.Bucket(ctx, o.StorageType)
		if err != nil {
			return nil, err
		}
		if err := bucket.Delete(ctx, o.Name); err != nil {
			return nil, fmt.Errorf("dispose of object: %w", err)
		}
	}
	if err := f.documents.Drop(ctx, tx, begun); err != nil {
		return nil, fmt.Errorf("dispose of documents: %w", err)
	}
	rows, _ = tx.Query(ctx, deleteDatasets, begun)
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByName[retention.Count])
	if err != nil {
		return nil, fmt.Errorf("delete expired data sets: %w", err)
	}
	return counts, nil
}

// recordHeld records how many data sets a sweep has kept because of a legal hold.
func recordHeld(ctx context.Context, tx *outbox.Tx, due retention.Due) error {
	rows, _ := tx.Query(ctx, selectHeld, due.Args())
	held, err := pgx.CollectRows(rows, pgx.RowToStructByName[struct {
		OrganizationID uuid.UUID
		Items          int64
	}])
	if err != nil {
		return fmt.Errorf("count held data sets: %w", err)
	}
	for _, h := range held {
		slog.InfoContext(ctx, "data sets under legal hold not disposed of", "organization", h.OrganizationID, "items", h.Items)
		entry := audit.Entry{Action: "retention:keep_held", ResourceID: "datasets", OrganizationID: h.OrganizationID, Detail: map[string]any{"items": h.Items}}
		if err := audit.Record(ctx, tx, entry); err != nil {
			return err
		}
	}
	return nil
}
