package icebergtable

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/version"
	"function/shared/database"
	"function/shared/fault"
)

// maxSnapshots is how many versions of main a table has at most, besides those that tags and branches name.
const maxSnapshots = 1000

const (
	selectCurrent = `SELECT coalesce(ready_version, 0) AS version FROM datasets WHERE id = $1 AND deleted_at IS NULL`
	selectRefs    = `
SELECT name, kind, CASE kind WHEN 'branch' THEN head_of(dataset_id, name) ELSE version END AS version
FROM dataset_refs WHERE dataset_id = $1 ORDER BY name`
	selectVersions = `
SELECT v.version, v.branch, v.operation, v.base_version, v.profiled_at AS ready_at, coalesce(v.row_count, 0) AS row_count,
       coalesce((SELECT json_agg(json_build_array(c -> 'name', c -> 'type')) FROM json_array_elements(v.columns) c)::text, '') AS columns
FROM dataset_versions v
WHERE v.dataset_id = $1 AND v.status = 'ready' AND v.archived_at IS NULL AND (v.version = ANY ($3) OR v.version IN (
    SELECT m.version FROM dataset_versions m WHERE m.dataset_id = $1 AND m.branch = 'main' AND m.status = 'ready' AND m.archived_at IS NULL ORDER BY m.version DESC LIMIT $2))
ORDER BY v.version`
)

// listed is a version that can be read.
type listed struct {
	Version     int
	Branch      string
	Operation   string
	BaseVersion *int
	ReadyAt     time.Time
	RowCount    int64
	Columns     string // their names and types; equal if the columns are
}

type snapshot struct {
	listed
	fields []*field
}

type ref struct {
	Name    string
	Kind    string
	Version int
}

// ErrNoVersion is the error of a data set that is no table of the catalogue yet.
var ErrNoVersion = fault.New(fault.NotFound, "This data set has no version that is ready")

// versions returns the current version, those that can be read, and the tags and branches.
func (t *Tables) versions(ctx context.Context, id uuid.UUID) (current int, all []listed, refs []ref, err error) {
	found, err := database.One[struct{ Version int }](ctx, t.db, dataset.ErrNotFound, selectCurrent, id)
	if err != nil {
		return 0, nil, nil, err
	}
	if found.Version == 0 {
		return 0, nil, nil, ErrNoVersion
	}
	rows, _ := t.db.Query(ctx, selectRefs, id)
	if refs, err = pgx.CollectRows(rows, pgx.RowToStructByName[ref]); err != nil {
		return 0, nil, nil, fmt.Errorf("list tags and branches: %w", err)
	}
	named := []int{found.Version}
	for _, r := range refs {
		named = append(named, r.Version)
	}
	rows, _ = t.db.Query(ctx, selectVersions, id, maxSnapshots, named)
	if all, err = pgx.CollectRows(rows, pgx.RowToStructByName[listed]); err != nil {
		return 0, nil, nil, fmt.Errorf("list versions: %w", err)
	}
	return found.Version, all, refs, nil
}

// summary describes the version as the change that it was.
func (s snapshot) summary() map[string]string {
	operation := "overwrite"
	if s.Operation == version.Append || s.BaseVersion == nil {
		operation = "append"
	}
	return map[string]string{"operation": operation, "total-records": strconv.FormatInt(s.RowCount, 10), "version-operation": s.Operation, "branch": s.Branch}
}
