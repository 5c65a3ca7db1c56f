package lineage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/version"
	"function/shared/access"
	"function/shared/database"
)

// Graph is a part of the graph of all versions.
type Graph struct {
	DatasetID uuid.UUID    `json:"dataset_id" format:"uuid"`
	Version   int          `json:"version" doc:"The version that was asked for"`
	Nodes     []Node       `json:"nodes" nullable:"false"`
	Edges     []Edge       `json:"edges" nullable:"false"`
	Columns   []ColumnEdge `json:"columns,omitempty" doc:"If they were asked for"`
	Truncated bool         `json:"truncated" doc:"Whether the graph has more versions or columns, within this depth, than the answer"`
}

// Node is a version.
type Node struct {
	ID        string     `json:"id" doc:"dataset_id and version" example:"0197a3c2-7b1d-7e59-9d51-5d7c1d0c9a11/3"`
	DatasetID uuid.UUID  `json:"dataset_id" format:"uuid"`
	Version   int        `json:"version"`
	Visible   bool       `json:"visible" doc:"Whether the data set exists and you may see it; otherwise the following members are absent"`
	Name      *string    `json:"name,omitempty" doc:"Of the data set"`
	Operation *string    `json:"operation,omitempty" enum:"replace,append,upsert,delete,restore,merge,derive"`
	Status    *string    `json:"status,omitempty" enum:"processing,ready,failed,expired"`
	Format    *string    `json:"format,omitempty" doc:"Of the uploaded file"`
	Query     *string    `json:"query,omitempty" doc:"Of a derived version"`
	CreatedBy *uuid.UUID `json:"created_by,omitempty" format:"uuid"`
	CreatedAt *time.Time `json:"created_at,omitempty"`
}

// Edge goes from a version to one that was made from it.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
	Name string `json:"name" doc:"How the input is named: in the query of a derived version; otherwise base, the version before, or source, the one that was merged or restored"`
}

// maxNodes is how many versions an answer has at most.
const maxNodes = 1000

// key identifies a version.
type key struct {
	dataset uuid.UUID
	version int
}

func (k key) String() string { return k.dataset.String() + "/" + strconv.Itoa(k.version) }

// input is a row of version_inputs.
type input struct {
	DatasetID      uuid.UUID
	Version        int
	Name           string
	InputDatasetID uuid.UUID
	InputVersion   int
}

const (
	selectUpstream = `
SELECT i.dataset_id, i.version, i.name, i.input_dataset_id, i.input_version
FROM unnest($1::uuid[], $2::int[]) w (id, number) JOIN version_inputs i ON i.dataset_id = w.id AND i.version = w.number
WHERE i.input_version IS NOT NULL LIMIT $3`
	selectDownstream = `
SELECT i.dataset_id, i.version, i.name, i.input_dataset_id, i.input_version
FROM unnest($1::uuid[], $2::int[]) w (id, number) JOIN version_inputs i ON i.input_dataset_id = w.id AND i.input_version = w.number
LIMIT $3`
)

// find walks the graph, a level at a time, from the version that a request names.
func find(ctx context.Context, db database.Querier, r access.Reader, in *Request) (*Graph, error) {
	if err := dataset.Readable(ctx, db, dataset.Table, in.ID, r); err != nil {
		return nil, err
	}
	number, err := version.At(ctx, db, in.ID, in.Version, "query.version")
	if err != nil {
		return nil, err
	}
	start := key{in.ID, number}
	g := &Graph{DatasetID: in.ID, Version: number, Nodes: []Node{}, Edges: []Edge{}}
	found := map[key]bool{start: true}
	edges := map[Edge]bool{}
	for _, direction := range []struct {
		name, sql string
		next      func(input) key
	}{
		{"upstream", selectUpstream, func(i input) key { return key{i.InputDatasetID, i.InputVersion} }},
		{"downstream", selectDownstream, func(i input) key { return key{i.DatasetID, i.Version} }},
	} {
		if in.Direction != direction.name && in.Direction != "both" {
			continue
		}
		level := []key{start}
		for depth := 0; depth < in.Depth && len(level) > 0 && !g.Truncated; depth++ {
			inputs, err := inputsOf(ctx, db, direction.sql, level)
			if err != nil {
				return nil, err
			}
			level = nil
			for _, i := range inputs {
				next := direction.next(i)
				if !found[next] {
					if len(found) == maxNodes {
						g.Truncated = true
						continue
					}
					found[next], level = true, append(level, next)
				}
				edges[Edge{key{i.InputDatasetID, i.InputVersion}.String(), key{i.DatasetID, i.Version}.String(), i.Name}] = true
			}
			g.Truncated = g.Truncated || len(inputs) == maxEdges
		}
	}
	for e := range edges {
		g.Edges = append(g.Edges, e)
	}
	slices.SortFunc(g.Edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.Name, b.Name), cmp.Compare(a.From, b.From))
	})
	g.Nodes, err = nodes(ctx, db, r, found)
	return g, err
}

// maxEdges is how many edges of one level are followed.
const maxEdges = 10 * maxNodes

func inputsOf(ctx context.Context, db database.Querier, sql string, level []key) ([]input, error) {
	ids, numbers := make([]uuid.UUID, len(level)), make([]int, len(level))
	for i, k := range level {
		ids[i], numbers[i] = k.dataset, k.version
	}
	rows, _ := db.Query(ctx, sql, ids, numbers, maxEdges)
	inputs, err := pgx.CollectRows(rows, pgx.RowToStructByName[input])
	if err != nil {
		return nil, fmt.Errorf("walk lineage: %w", err)
	}
	return inputs, nil
}

// selectNodes decides what the caller may see: versions of data sets that the reader $3 may read and that have not been deleted.
const selectNodes = `
SELECT w.id || '/' || w.number AS id, w.id AS dataset_id, w.number AS version, d.id IS NOT NULL AS visible,
       d.name, v.operation, v.status, v.format, v.query, v.uploaded_by AS created_by, v.uploaded_at AS created_at
FROM unnest($1::uuid[], $2::int[]) w (id, number)
LEFT JOIN datasets d ON d.id = w.id AND may_read(d, $3) AND d.deleted_at IS NULL
LEFT JOIN dataset_versions v ON v.dataset_id = d.id AND v.version = w.number
ORDER BY w.id, w.number`

func nodes(ctx context.Context, db database.Querier, r access.Reader, found map[key]bool) ([]Node, error) {
	var ids []uuid.UUID
	var numbers []int
	for k := range found {
		ids, numbers = append(ids, k.dataset), append(numbers, k.version)
	}
	rows, _ := db.Query(ctx, selectNodes, ids, numbers, r)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Node])
	if err != nil {
		return nil, fmt.Errorf("read versions of the graph: %w", err)
	}
	return list, nil
}
