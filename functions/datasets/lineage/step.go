package lineage

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/access"
	"function/shared/database"
)

const upstream = "upstream"

// step leads from a node to its neighbour.
type step struct {
	AtID       uuid.UUID
	AtNumber   int
	Name       string
	NextID     uuid.UUID
	NextNumber int
}

// Runs are those of the caller's organization that did not fail. Data sets of other systems have no versions here, so they
// are connected with the newest run of each job only: an older one may have read and written others.
const (
	wanted = `
WITH w AS (SELECT * FROM unnest($1::uuid[], $2::int[]) w (id, number)), live AS NOT MATERIALIZED (
    SELECT * FROM lineage_runs WHERE organization_id = $4 AND state NOT IN ('ABORT', 'FAIL')
)`
	newest = `
NOT EXISTS (SELECT FROM lineage_runs n WHERE n.job_id = r.job_id AND n.state NOT IN ('ABORT', 'FAIL')
            AND (n.settled, n.last_at, n.id) > (r.settled, r.last_at, r.id))`
	selectUpstream = wanted + `
SELECT w.id AS at_id, w.number AS at_number, i.name, i.input_dataset_id AS next_id, i.input_version AS next_number
FROM w JOIN version_inputs i ON i.dataset_id = w.id AND i.version = w.number WHERE i.input_version IS NOT NULL
UNION ALL
SELECT w.id, w.number, 'output', r.id, -1
FROM w JOIN lineage_run_datasets u ON u.dataset_id = w.id AND u.version = w.number AND u.output JOIN live r ON r.id = u.run_id
UNION ALL
SELECT w.id, w.number, 'output', r.id, -1
FROM w JOIN lineage_run_datasets u ON u.external_id = w.id AND u.output JOIN live r ON r.id = u.run_id WHERE w.number = 0 AND ` + newest + `
UNION ALL
SELECT w.id, w.number, 'input', u.node, CASE WHEN u.dataset_id IS NULL THEN 0 ELSE u.version END
FROM w JOIN lineage_run_datasets u ON u.run_id = w.id AND NOT u.output WHERE w.number = -1 AND (u.dataset_id IS NULL OR u.version > 0)
LIMIT $3`
	// Of many runs of a job that read a version, the newest one is shown.
	selectDownstream = wanted + `
SELECT w.id AS at_id, w.number AS at_number, i.name, i.dataset_id AS next_id, i.version AS next_number
FROM w JOIN version_inputs i ON i.input_dataset_id = w.id AND i.input_version = w.number
UNION ALL
SELECT * FROM (
    SELECT DISTINCT ON (w.id, w.number, r.job_id) w.id, w.number, 'input', r.id, -1
    FROM w JOIN lineage_run_datasets u ON u.dataset_id = w.id AND u.version = w.number AND NOT u.output JOIN live r ON r.id = u.run_id
    ORDER BY w.id, w.number, r.job_id, r.settled DESC, r.last_at DESC, r.id DESC
) readers
UNION ALL
SELECT w.id, w.number, 'input', r.id, -1
FROM w JOIN lineage_run_datasets u ON u.external_id = w.id AND NOT u.output JOIN live r ON r.id = u.run_id WHERE w.number = 0 AND ` + newest + `
UNION ALL
SELECT w.id, w.number, 'output', u.node, CASE WHEN u.dataset_id IS NULL THEN 0 ELSE u.version END
FROM w JOIN lineage_run_datasets u ON u.run_id = w.id AND u.output WHERE w.number = -1 AND (u.dataset_id IS NULL OR u.version > 0)
LIMIT $3`
)

// maxEdges is how many edges of one level are followed.
const maxEdges = 10 * maxNodes

func stepsFrom(ctx context.Context, db database.Querier, r access.Reader, sql string, level []key) ([]step, error) {
	ids, numbers := make([]uuid.UUID, len(level)), make([]int, len(level))
	for i, k := range level {
		ids[i], numbers[i] = k.id, k.number
	}
	rows, _ := db.Query(ctx, sql, ids, numbers, maxEdges, r.Organization)
	steps, err := pgx.CollectRows(rows, pgx.RowToStructByName[step])
	if err != nil {
		return nil, fmt.Errorf("walk lineage: %w", err)
	}
	return steps, nil
}
