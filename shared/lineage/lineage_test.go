package lineage_test

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/google/go-cmp/cmp"

	"function/shared/engine"
	"function/shared/lineage"
	"function/shared/resultset"
)

//go:embed testdata/schema.sql
var schema string

//go:embed testdata/tpch.sql
var tpch string

//go:embed testdata/hard.sql
var hard string

func TestColumns_TPCH_HaveAllThatAnExperimentShows(t *testing.T) {
	t.Parallel()
	experiments(t, tpch, 22, strings.Contains)
}

func TestColumns_HardSQL_HaveAllThatAnExperimentShows(t *testing.T) {
	t.Parallel()
	experiments(t, hard, 80, func(string, string) bool { return true })
}

// experiments shuffles one column of a table at a time and runs each query again: every column of the result whose
// values change must depend on the shuffled one. reads reports whether a query may read a column.
func experiments(t *testing.T, queries string, atLeast int, reads func(query, column string) bool) {
	l := openLab(t)
	var ran, observed, listed int
	for query := range strings.SplitSeq(queries, ";\n") {
		if query = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(query), ";")); query == "" {
			continue
		}
		edges, err := lineage.Columns(t.Context(), l.tables, query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		known := map[string]bool{}
		for _, e := range edges {
			known[e.Output+"\t"+e.Table+"."+e.Column] = true
		}
		before := l.result(query)
		if before == nil {
			t.Errorf("%s: no rows, so that nothing can change", query)
		}
		found := map[string]bool{}
		for _, table := range l.tables {
			if !strings.Contains(query, table.Name) {
				continue
			}
			for _, c := range table.Columns {
				if !reads(query, c.Name) {
					continue
				}
				l.shuffle(table.Name, c.Name)
				after := l.result(query)
				for output := range before {
					if after[output] != before[output] {
						found[output+"\t"+table.Name+"."+c.Name] = true
					}
				}
			}
			l.restore(table.Name)
		}
		for edge := range found {
			if _, input, _ := strings.Cut(edge, "\t"); !known[edge] && !known["\t"+input] {
				t.Errorf("%s: %s is missing", query, edge)
			}
		}
		ran, observed, listed = ran+1, observed+len(found), listed+len(known)
	}
	if ran < atLeast {
		t.Errorf("%d queries, want %d", ran, atLeast)
	}
	t.Logf("%d queries: %d dependencies observed, all listed; %d listed", ran, observed, listed)
}

// lab has the tables and their unchanged originals.
type lab struct {
	t       *testing.T
	session *engine.Session
	tables  []lineage.Table
}

func openLab(t *testing.T) *lab {
	s, err := engine.Open(t.Context(), "SET threads = 1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	l := &lab{t: t, session: s}
	for statement := range strings.SplitSeq(strings.TrimSpace(schema), ";\n") {
		l.exec(statement)
	}
	for _, name := range []string{"region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem", "t", "u"} {
		fields, err := s.Fields(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		table := lineage.Table{Name: name}
		for _, f := range fields {
			table.Columns = append(table.Columns, f.Column)
		}
		l.tables = append(l.tables, table)
		l.exec("CREATE TABLE original_" + name + " AS FROM " + name)
	}
	return l
}

func (l *lab) exec(statement string) {
	l.t.Helper()
	if err := l.session.Exec(context.Background(), statement); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) restore(table string) {
	l.exec(fmt.Sprintf("CREATE OR REPLACE TABLE %[1]s AS FROM original_%[1]s", table))
}

func (l *lab) shuffle(table, column string) {
	l.exec(fmt.Sprintf("CREATE OR REPLACE TABLE %[1]s AS SELECT o.* REPLACE (s.shuffled AS %[2]s) FROM original_%[1]s o "+
		"POSITIONAL JOIN (SELECT %[2]s AS shuffled FROM original_%[1]s ORDER BY hash(rowid)) s", table, column))
}

// result returns the sorted values of each column.
func (l *lab) result(query string) map[string]string {
	l.t.Helper()
	fields, err := l.session.Fields(l.t.Context(), "("+query+")")
	if err != nil {
		l.t.Errorf("%s: %v", query, err)
		return nil
	}
	values := make([][]string, len(fields))
	err = l.session.Each(l.t.Context(), "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ("+query+")", func(row []any) error {
		for i, v := range row {
			values[i] = append(values[i], fmt.Sprint(v))
		}
		return nil
	})
	if err != nil {
		l.t.Errorf("%s: %v", query, err)
	}
	columns := map[string]string{}
	for i, f := range fields {
		if len(values[i]) == 0 {
			return nil
		}
		slices.Sort(values[i])
		columns[f.Name] = strings.Join(values[i], "\n")
	}
	return columns
}

var small = []lineage.Table{
	{Name: "t", Columns: []resultset.Column{{Name: "a", Type: "INTEGER"}, {Name: "b", Type: "INTEGER"}, {Name: "c", Type: "VARCHAR"}}},
	{Name: "u@3", Columns: []resultset.Column{{Name: "a", Type: "INTEGER"}, {Name: "d d", Type: "INTEGER"}}},
}

func TestColumns_KindsAreOpenLineages(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		`SELECT a FROM t`:                                             `a t.a DIRECT IDENTITY`,
		`SELECT a + 1 AS x FROM t`:                                    `x t.a DIRECT TRANSFORMATION`,
		`SELECT "d d" FROM "u@3"`:                                     `d d u@3.d d DIRECT IDENTITY`,
		`SELECT sum(a) AS s FROM t GROUP BY b`:                        ` t.b INDIRECT GROUP_BY, s t.a DIRECT AGGREGATION`,
		`SELECT a FROM t WHERE b > 1`:                                 ` t.b INDIRECT FILTER, a t.a DIRECT IDENTITY`,
		`SELECT a FROM t ORDER BY b`:                                  ` t.b INDIRECT SORT, a t.a DIRECT IDENTITY`,
		`SELECT CASE WHEN b > 1 THEN a END AS x FROM t`:               `x t.a DIRECT TRANSFORMATION, x t.b INDIRECT CONDITIONAL`,
		`SELECT row_number() OVER (ORDER BY b) AS n FROM t`:           `n t.b INDIRECT WINDOW`,
		`SELECT c FROM t JOIN "u@3" u ON t.a = u.a`:                   ` t.a INDIRECT JOIN,  u@3.a INDIRECT JOIN, c t.c DIRECT IDENTITY`,
		`SELECT (SELECT max("d d") FROM "u@3") AS m, c FROM t`:        `c t.c DIRECT IDENTITY, m u@3.d d DIRECT AGGREGATION`,
		`SELECT count(*) AS n FROM t`:                                 ``,
		`SELECT s.x FROM (SELECT {'x': a} AS s FROM t)`:               `x t.a DIRECT TRANSFORMATION`,
		`SELECT sum(x) AS s FROM (SELECT max(a) x FROM t GROUP BY b)`: ` t.b INDIRECT GROUP_BY, s t.a DIRECT AGGREGATION`,
	} {
		edges, err := lineage.Columns(t.Context(), small, query)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		var got []string
		for _, e := range edges {
			got = append(got, fmt.Sprintf("%s %s.%s %s %s", e.Output, e.Table, e.Column, e.Kind, e.Transformation))
		}
		if diff := cmp.Diff(want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
	}
}

func TestColumns_QueryCannotBeBound_IsAnError(t *testing.T) {
	t.Parallel()
	for _, query := range []string{`SELECT nothing FROM t`, `SELECT * FROM nothing`, `SELECT`, `DROP TABLE t`, `SELECT * FROM read_text('/etc/passwd')`} {
		if edges, err := lineage.Columns(t.Context(), small, query); err == nil {
			t.Errorf("%s has the edges %v", query, edges)
		}
	}
}

func TestColumns_EveryOutput_HasItsName(t *testing.T) {
	t.Parallel()
	edges, err := lineage.Columns(t.Context(), small, `SELECT a, a, b AS "x y", b + a FROM t -- the end`)
	if err != nil {
		t.Fatal(err)
	}
	outputs := map[string]bool{}
	for _, e := range edges {
		outputs[e.Output] = true
	}
	if diff := cmp.Diff([]string{"(b + a)", "a", "a_1", "x y"}, slices.Sorted(maps.Keys(outputs))); diff != "" {
		t.Error(diff)
	}
}
