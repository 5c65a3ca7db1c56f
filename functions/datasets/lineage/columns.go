package lineage

import (
	"context"
	"fmt"
	"strings"

	"function/shared/access"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ColumnEdge says that a column determines another one.
type ColumnEdge struct {
	From           string  `json:"from" doc:"Identifier of a node"`
	FromColumn     string  `json:"from_column"`
	To             string  `json:"to" doc:"Identifier of a node"`
	ToColumn       *string `json:"to_column,omitempty" doc:"Absent: the input decides which rows there are, and so determines all columns"`
	Kind           string  `json:"kind" enum:"DIRECT,INDIRECT" doc:"DIRECT: values of the input become, or are computed into, values of the output"`
	Transformation string  `json:"transformation" doc:"IDENTITY, TRANSFORMATION, AGGREGATION, JOIN, GROUP_BY, FILTER, SORT, WINDOW or CONDITIONAL; of a run of another system: as its events name it, or empty"`
}

// maxColumns is how many edges between columns an answer has at most.
const maxColumns = 50_000

// selectColumns selects the columns of the edges between versions that the answer has. Columns of a version that is not
// derived come from those of the same name.
const selectColumns = `
WITH edges AS (
    SELECT i.dataset_id, i.version, i.name, i.input_dataset_id, i.input_version, v.operation, v.columns
    FROM unnest($1::uuid[], $2::int[], $3::text[]) w (id, number, name)
    JOIN version_inputs i ON i.dataset_id = w.id AND i.version = w.number AND i.name = w.name
    JOIN datasets d ON d.id = i.dataset_id AND may_read(d, $4) AND d.deleted_at IS NULL
    JOIN datasets s ON s.id = i.input_dataset_id AND may_read(s, $4) AND s.deleted_at IS NULL
    JOIN dataset_versions v ON v.dataset_id = i.dataset_id AND v.version = i.version
)
SELECT e.input_dataset_id || '/' || e.input_version AS "from", c.input_column AS from_column,
       e.dataset_id || '/' || e.version AS "to", nullif(c.column_name, '') AS to_column, c.kind, c.transformation
FROM edges e JOIN version_column_inputs c USING (dataset_id, version, name)
UNION ALL
SELECT e.input_dataset_id || '/' || e.input_version, c ->> 'name', e.dataset_id || '/' || e.version, c ->> 'name', 'DIRECT', 'IDENTITY'
FROM edges e JOIN dataset_versions b ON b.dataset_id = e.input_dataset_id AND b.version = e.input_version
CROSS JOIN LATERAL json_array_elements(e.columns) c
WHERE e.operation <> 'derive' AND EXISTS (SELECT FROM json_array_elements(b.columns) o WHERE o ->> 'name' = c ->> 'name')
ORDER BY 3, 4, 1, 2, 5, 6 LIMIT $5`

// selectRunColumns selects the columns of the outputs of runs, between data sets that the caller may see.
const selectRunColumns = `
SELECT CASE WHEN i.dataset_id IS NULL THEN 'named/' || i.external_id ELSE i.dataset_id || '/' || i.version END AS "from", c."from" AS from_column,
       CASE WHEN o.dataset_id IS NULL THEN 'named/' || o.external_id ELSE o.dataset_id || '/' || o.version END AS "to", nullif(c."to", '') AS to_column, c.kind, c.transformation
FROM unnest($1::uuid[]) r (id) JOIN lineage_run_datasets o ON o.run_id = r.id AND o.output
CROSS JOIN LATERAL jsonb_to_recordset(o.columns) c ("to" text, input uuid, version int, "from" text, kind text, transformation text)
JOIN lineage_run_datasets i ON i.run_id = r.id AND NOT i.output AND i.node = c.input AND (c.version IS NULL OR i.named_version = c.version)
LEFT JOIN datasets f ON f.id = i.dataset_id AND may_read(f, $2) AND f.deleted_at IS NULL
LEFT JOIN datasets t ON t.id = o.dataset_id AND may_read(t, $2) AND t.deleted_at IS NULL
WHERE (i.external_id IS NOT NULL OR f.id IS NOT NULL AND i.version > 0) AND (o.external_id IS NOT NULL OR t.id IS NOT NULL AND o.version > 0)
ORDER BY 3, 4, 1, 2, 5, 6 LIMIT $3`

// columns adds the edges between columns.
func (f *Function) columns(ctx context.Context, r access.Reader, g *Graph) (err error) {
	var ids, runs []uuid.UUID
	var numbers []int
	var names []string
	byID := map[string]Node{}
	for _, n := range g.Nodes {
		byID[n.ID] = n
		if id, ok := strings.CutPrefix(n.ID, "run/"); ok {
			runs = append(runs, uuid.MustParse(id))
		}
	}
	for _, e := range g.Edges {
		if to := byID[e.To]; to.DatasetID != nil && byID[e.From].DatasetID != nil {
			ids, numbers, names = append(ids, *to.DatasetID), append(numbers, *to.Version), append(names, e.Name)
		}
	}
	rows, _ := f.db.Query(ctx, selectColumns, ids, numbers, names, r, maxColumns+1)
	if g.Columns, err = pgx.CollectRows(rows, pgx.RowToStructByName[ColumnEdge]); err != nil {
		return fmt.Errorf("read columns of the graph: %w", err)
	}
	rows, _ = f.db.Query(ctx, selectRunColumns, runs, r, maxColumns+1)
	ofRuns, err := pgx.CollectRows(rows, pgx.RowToStructByName[ColumnEdge])
	if err != nil {
		return fmt.Errorf("read columns of runs: %w", err)
	}
	for _, c := range ofRuns {
		if byID[c.From].ID != "" && byID[c.To].ID != "" {
			g.Columns = append(g.Columns, c)
		}
	}
	if len(g.Columns) > maxColumns {
		g.Columns, g.Truncated = g.Columns[:maxColumns], true
	}
	return nil
}
