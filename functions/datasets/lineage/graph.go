package lineage

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/version"
	"function/shared/access"
	"function/shared/database"
)

// Graph is a part of the graph of all versions, and of the runs and data sets that are connected with them.
type Graph struct {
	DatasetID uuid.UUID    `json:"dataset_id" format:"uuid"`
	Version   int          `json:"version" doc:"The version that was asked for"`
	Nodes     []Node       `json:"nodes" nullable:"false"`
	Edges     []Edge       `json:"edges" nullable:"false"`
	Columns   []ColumnEdge `json:"columns,omitempty" doc:"If they were asked for"`
	Truncated bool         `json:"truncated" doc:"Whether the graph has more nodes or columns, within this depth, than the answer"`
}

// Edge goes from a node to one that was made from it, by it, or that reads it.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
	Name string `json:"name" doc:"How the input of a version is named: in the query of a derived version; otherwise base, the version before, or source, the one that was merged or restored. Of a run: input or output"`
}

// maxNodes is how many nodes an answer has at most.
const maxNodes = 1000

// key identifies a node. number is that of a version, or one of the following.
type key struct {
	id     uuid.UUID
	number int
}

// Numbers of what is not a version.
const (
	named = 0  // a data set of another system, or a report
	run   = -1 // of a job or of a report
)

func (k key) String() string {
	switch k.number {
	case named:
		return "named/" + k.id.String()
	case run:
		return "run/" + k.id.String()
	}
	return k.id.String() + "/" + strconv.Itoa(k.number)
}

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
	for _, direction := range []struct{ name, sql string }{{upstream, selectUpstream}, {"downstream", selectDownstream}} {
		if in.Direction != direction.name && in.Direction != "both" {
			continue
		}
		level := []key{start}
		for depth := 0; depth < in.Depth && len(level) > 0 && !g.Truncated; depth++ {
			steps, err := stepsFrom(ctx, db, r, direction.sql, level)
			if err != nil {
				return nil, err
			}
			level = nil
			for _, s := range steps {
				at, next := key{s.AtID, s.AtNumber}, key{s.NextID, s.NextNumber}
				if !found[next] {
					if len(found) == maxNodes {
						g.Truncated = true
						continue
					}
					found[next], level = true, append(level, next)
				}
				if direction.name == upstream {
					at, next = next, at
				}
				edges[Edge{at.String(), next.String(), s.Name}] = true
			}
			g.Truncated = g.Truncated || len(steps) == maxEdges
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
