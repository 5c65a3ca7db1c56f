package archival

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/outbox"
)

// DueVersion is a version that a policy archives.
type DueVersion struct {
	Version   int       `json:"version"`
	Branch    string    `json:"branch"`
	Status    string    `json:"status" enum:"ready,failed"`
	CreatedAt time.Time `json:"created_at"`
}

// A version stays while one that stays has its rows or its file.
const selectDue = `
WITH aged AS (
    SELECT version, branch, status, uploaded_at FROM dataset_versions
    WHERE dataset_id = @dataset AND status IN ('ready', 'failed') AND archived_at IS NULL
      AND greatest(uploaded_at, recalled_at) < now() - @days::int * interval '24 hours' AND version <> ALL (@expired::int[])
      AND version NOT IN (SELECT k FROM kept_versions(@dataset) k WHERE k IS NOT NULL)
)
SELECT version, branch, status, uploaded_at AS created_at FROM aged a
WHERE version < @before AND NOT EXISTS (
    SELECT FROM dataset_versions other
    WHERE other.dataset_id = @dataset AND other.status <> 'expired' AND other.archived_at IS NULL AND other.version <> ALL (@expired::int[])
      AND (a.version = ANY (other.inherited) OR other.operation = 'restore' AND other.source_version = a.version)
      AND (@now OR other.version NOT IN (SELECT version FROM aged)))
ORDER BY version`

func due(ctx context.Context, db database.Querier, args pgx.NamedArgs) ([]DueVersion, error) {
	rows, _ := db.Query(ctx, selectDue, args)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[DueVersion])
	if err != nil {
		return nil, fmt.Errorf("list versions to archive: %w", err)
	}
	return found, nil
}

// Due lists the versions of a data set that will be archived, if the given ones have expired.
func Due(ctx context.Context, db database.Querier, dataset uuid.UUID, afterDays int, expired []int) ([]DueVersion, error) {
	return due(ctx, db, pgx.NamedArgs{"dataset": dataset, "days": afterDays, "expired": append([]int{}, expired...), "before": math.MaxInt32, "now": false})
}

// next returns the newest version of a data set, before another one, that can be archived now, or
// zero. Newer versions go first, because they have the rows and files of older ones.
func next(ctx context.Context, db database.Querier, dataset uuid.UUID, afterDays, before int) (int, error) {
	found, err := due(ctx, db, pgx.NamedArgs{"dataset": dataset, "days": afterDays, "expired": []int{}, "before": before, "now": true})
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[len(found)-1].Version, nil
}

// Policy is a data set and its policy for archiving.
type Policy struct {
	OrganizationID uuid.UUID
	StorageType    string
	Held           bool
	AfterDays      int
}

const selectPolicy = `
SELECT d.organization_id, d.storage_type, d.held_at IS NOT NULL AS held, a.after_days
FROM datasets d JOIN dataset_archiving a ON a.dataset_id = d.id WHERE d.id = $1 AND d.deleted_at IS NULL FOR NO KEY UPDATE OF d`

// Lock locks a data set that has a policy for archiving, or returns nil.
func Lock(ctx context.Context, tx *outbox.Tx, dataset uuid.UUID) (*Policy, error) {
	p, err := database.One[Policy](ctx, tx, pgx.ErrNoRows, selectPolicy, dataset)
	if database.IsNoRows(err) {
		return nil, nil
	}
	return &p, err
}

// IsDue reports whether a version can be archived now.
func (p *Policy) IsDue(ctx context.Context, db database.Querier, dataset uuid.UUID, version int) (bool, error) {
	if p == nil || p.Held {
		return false, nil
	}
	found, err := next(ctx, db, dataset, p.AfterDays, version+1)
	return err == nil && found == version, err
}

// RequestNext enqueues the job that archives the next version before another one. One job of a data
// set requests the next.
func (p *Policy) RequestNext(ctx context.Context, tx *outbox.Tx, dataset uuid.UUID, before int) error {
	if p == nil || p.Held {
		return nil
	}
	version, err := next(ctx, tx, dataset, p.AfterDays, before)
	if err != nil || version == 0 {
		return err
	}
	return RequestArchive(ctx, tx, p.OrganizationID, dataset, version)
}
