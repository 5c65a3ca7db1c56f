// Package expiry removes the rows and files of versions that a lifecycle policy no longer keeps. The
// versions stay in the history, as expired.
package expiry

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/staging"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/outbox"
)

// Policy says which versions are kept, and where. A version is removed if every limit that is set on
// what is kept allows it, and none is removed if no such limit is set.
type Policy struct {
	KeepVersions *int `json:"keep_versions,omitempty" minimum:"1" maximum:"1000000" doc:"Keep this many of the newest ready versions of each branch"`
	KeepDays     *int `json:"keep_days,omitempty" minimum:"1" maximum:"36500" doc:"Keep versions for this many days after their creation"`

	ArchiveAfterDays *int `json:"archive_after_days,omitempty" minimum:"1" maximum:"36500" doc:"Move versions to the archive this many days after their creation or their last recall"`
}

// ExpiredVersion is a version that a policy removes.
type ExpiredVersion struct {
	Version   int       `json:"version"`
	Branch    string    `json:"branch"`
	Status    string    `json:"status" enum:"ready,failed,blocked"`
	CreatedAt time.Time `json:"created_at"`
}

// Age and number count from the newest version; failed and blocked versions take no place.
const selectExpired = `
SELECT version, branch, status, uploaded_at AS created_at FROM (
    SELECT *, count(*) FILTER (WHERE status = 'ready') OVER (PARTITION BY branch ORDER BY version DESC) AS place
    FROM dataset_versions WHERE dataset_id = @dataset) v
WHERE status IN ('ready', 'failed', 'blocked') AND version NOT IN (SELECT k FROM kept_versions(@dataset) k WHERE k IS NOT NULL)
  AND (@versions::int IS NULL OR place > @versions) AND (@days::int IS NULL OR uploaded_at < now() - @days::int * interval '24 hours')
ORDER BY version`

// Expired lists the versions of a data set that a policy removes now.
func Expired(ctx context.Context, db database.Querier, id uuid.UUID, p Policy) ([]ExpiredVersion, error) {
	if p.KeepVersions == nil && p.KeepDays == nil {
		return []ExpiredVersion{}, nil
	}
	rows, _ := db.Query(ctx, selectExpired, pgx.NamedArgs{"dataset": id, "versions": p.KeepVersions, "days": p.KeepDays})
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[ExpiredVersion])
	if err != nil {
		return nil, fmt.Errorf("list expired versions: %w", err)
	}
	return found, nil
}

const (
	markExpired = `UPDATE dataset_versions SET status = 'expired' WHERE dataset_id = $1 AND version = ANY ($2)`
	// Tables stay while a version that is not expired inherits them, and files while one restores them.
	releaseTables = `
WITH free AS (
    SELECT version, table_name FROM dataset_versions v
    WHERE dataset_id = $1 AND status = 'expired' AND table_name IS NOT NULL AND NOT EXISTS (
        SELECT FROM dataset_versions kept WHERE kept.dataset_id = $1 AND kept.status <> 'expired' AND v.version = ANY (kept.inherited)))
UPDATE dataset_versions v SET table_name = NULL FROM free WHERE v.dataset_id = $1 AND v.version = free.version RETURNING free.table_name`
	releaseFiles = `
WITH free AS (
    SELECT version, object_name FROM dataset_versions v
    WHERE dataset_id = $1 AND status = 'expired' AND object_name IS NOT NULL AND NOT EXISTS (
        SELECT FROM dataset_versions kept
        WHERE kept.dataset_id = $1 AND kept.status <> 'expired' AND kept.operation = 'restore' AND kept.source_version = v.version))
UPDATE dataset_versions v SET object_name = NULL FROM free WHERE v.dataset_id = $1 AND v.version = free.version RETURNING free.object_name`
	releaseParts = `
DELETE FROM dataset_version_parts p USING dataset_versions v
WHERE p.dataset_id = $1 AND v.dataset_id = $1 AND v.version = p.version AND v.status = 'expired' AND NOT EXISTS (
    SELECT FROM dataset_versions kept
    WHERE kept.dataset_id = $1 AND kept.status <> 'expired' AND kept.operation = 'restore' AND kept.source_version = v.version)
RETURNING p.object_name`
	destroyKeys = `
UPDATE dataset_versions SET wrapped_key = NULL
WHERE dataset_id = $1 AND status = 'expired' AND table_name IS NULL AND object_name IS NULL AND wrapped_key IS NOT NULL`
	selectPolicy = `
SELECT d.organization_id, d.storage_type, d.held_at IS NOT NULL AS held, l.keep_versions, l.keep_days, NULL::int AS archive_after_days
FROM dataset_lifecycles l JOIN datasets d ON d.id = l.dataset_id WHERE d.id = $1 AND d.deleted_at IS NULL FOR NO KEY UPDATE OF d`
)

// Apply removes the versions of a data set that its policy does not keep, and returns their number.
// It removes nothing of a data set under legal hold.
// Their objects are deleted by the sweep of staged objects, a day later, so that nobody who is
// reading them is interrupted. Their keys are destroyed at once, unless other versions need them.
func Apply(ctx context.Context, tx *outbox.Tx, id uuid.UUID) (int, error) {
	d, err := database.One[struct {
		OrganizationID uuid.UUID
		StorageType    string
		Held           bool
		Policy
	}](ctx, tx, dataset.ErrNotFound, selectPolicy, id)
	if err != nil {
		return 0, err
	}
	if d.Held {
		slog.InfoContext(ctx, "lifecycle policy not applied to a data set under legal hold", "dataset", id)
		return 0, nil
	}
	expired, err := Expired(ctx, tx, id, d.Policy)
	if err != nil || len(expired) == 0 {
		return 0, err
	}
	numbers := make([]int, len(expired))
	for i, v := range expired {
		numbers[i] = v.Version
	}
	if _, err := tx.Exec(ctx, markExpired, id, numbers); err != nil {
		return 0, fmt.Errorf("mark expired versions: %w", err)
	}
	for _, release := range []string{releaseTables, releaseFiles, releaseParts} {
		rows, _ := tx.Query(ctx, release, id)
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return 0, fmt.Errorf("release objects of expired versions: %w", err)
		}
		if err := staging.Release(ctx, tx, d.StorageType, names); err != nil {
			return 0, err
		}
	}
	if _, err := tx.Exec(ctx, destroyKeys, id); err != nil {
		return 0, fmt.Errorf("destroy keys of expired versions: %w", err)
	}
	return len(expired), audit.Record(ctx, tx, audit.Entry{
		Action: "datasets:expire", ResourceID: id.String(), OrganizationID: d.OrganizationID, Detail: map[string]any{"versions": numbers},
	})
}
