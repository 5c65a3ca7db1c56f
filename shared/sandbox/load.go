package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"function/shared/engine"
)

// needs maps tables to the columns that a statement reads from them, where nil means all. It has only tables whose
// columns must be loaded.
type needs map[*Table][]string

// partial returns the tables whose files may lack columns.
func partial(tables []Table) (found []*Table) {
	for i := range tables {
		if tables[i].Load != nil {
			found = append(found, &tables[i])
		}
	}
	return found
}

// plan asks DuckDB which columns a statement reads. DuckDB shows the columns of a scan, but not those of the filters in
// it, so filters stay outside of scans in this plan. A statement that cannot be planned reads nothing: its execution
// reports the error.
func plan(ctx context.Context, s *engine.Session, statement string, args []any, tables []Table) (needs, error) {
	if err := s.Exec(ctx, "SET disabled_optimizers = 'filter_pushdown'"); err != nil {
		return nil, err
	}
	row, err := s.Row(ctx, "EXPLAIN (FORMAT json) "+statement, args...)
	if reset := s.Exec(ctx, "RESET disabled_optimizers"); reset != nil {
		return nil, reset
	}
	if err != nil {
		return nil, ctx.Err()
	}
	var text string
	if len(row) == 2 {
		text, _ = row[1].(string)
	}
	var nodes []node
	if err := json.Unmarshal([]byte(text), &nodes); err != nil {
		return everything(tables), nil
	}
	n := needs{}
	for _, scan := range scans(nodes, nil) {
		if !n.add(scan, tables) {
			return everything(tables), nil
		}
	}
	return n, nil
}

// everything returns the needs of a statement that may read any column.
func everything(tables []Table) needs {
	n := needs{}
	for _, t := range partial(tables) {
		n[t] = nil
	}
	return n
}

// node is an operator of a plan.
type node struct {
	Children []node
	Extra    struct {
		Function    string
		Projections names
	} `json:"extra_info"`
}

// names is one name, or a list of names.
type names []string

func (n *names) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) != nil {
		return json.Unmarshal(data, (*[]string)(n))
	}
	if *n = nil; one != "" {
		*n = names{one}
	}
	return nil
}

// scans appends the columns that each scan of Parquet files reads.
func scans(nodes []node, found []names) []names {
	for _, n := range nodes {
		if n.Extra.Function == "READ_PARQUET" {
			found = append(found, n.Extra.Projections)
		}
		found = scans(n.Children, found)
	}
	return found
}

// add adds the columns of a scan. A plan does not name the table, so every table that has these columns needs them. It
// returns false if the scan may be of a table whose columns are not known.
func (n needs) add(scan names, tables []Table) bool {
	matched := len(scan) == 0
	for _, t := range partial(tables) {
		columns, ok := t.columns(scan)
		if !ok {
			continue
		}
		matched = true
		if known, wanted := n[t]; !wanted || known != nil {
			n[t] = append(append([]string{}, known...), columns...)
		}
	}
	return matched || len(partial(tables)) < len(tables)
}

// columns returns the columns of a table that a scan reads, or false if the table lacks one. The scan names a field of
// a struct as column.field.
func (t *Table) columns(scan names) (found []string, ok bool) {
	if slices.ContainsFunc(t.Columns, func(c string) bool { return strings.Contains(c, "\n") }) {
		return t.Columns, true // the plan splits such a name
	}
	for _, name := range scan {
		before := len(found)
		for _, c := range t.Columns {
			if rest, ok := strings.CutPrefix(name, c); ok && (rest == "" || rest[0] == '.') {
				found = append(found, c)
			}
		}
		if len(found) == before {
			return nil, false
		}
	}
	return found, true
}

// load loads the columns.
func (n needs) load(ctx context.Context) error {
	for t, columns := range n {
		if err := t.Load(ctx, columns); err != nil {
			return fmt.Errorf("load columns: %w", err)
		}
	}
	return nil
}

// errZeros is returned by a statement that reads a column which the plan did not show.
var errZeros = errors.New("the statement reads a column that has not been loaded")

// metZeros reports whether DuckDB found something else than a page in the place of a page of a column.
func metZeros(err error) bool {
	e := engine.ErrorOf(err)
	return e != nil && e.Type == duckdb.ErrorTypeInvalid && strings.Contains(e.Msg, "TProtocolException")
}
