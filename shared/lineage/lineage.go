// Package lineage finds out which columns of its tables determine each column of a query's result, from the plan that
// DuckDB binds the query to. Kinds and transformations are those of OpenLineage's column lineage facet.
package lineage

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"function/shared/engine"
	"function/shared/resultset"
)

// Kinds of an Edge.
const (
	Direct   = "DIRECT"   // values of the input are, or are computed into, values of the output
	Indirect = "INDIRECT" // the input decides which values or rows there are
)

// Table is a table that a query reads.
type Table struct {
	Name    string
	Columns []resultset.Column // with DuckDB's types
}

// Edge says that a column of a table determines a column of the result.
type Edge struct {
	Output         string // empty: every column, because the input decides which rows there are
	Table          string // as Table.Name
	Column         string
	Kind           string // Direct or Indirect
	Transformation string // IDENTITY, TRANSFORMATION, AGGREGATION; JOIN, GROUP_BY, FILTER, SORT, WINDOW, CONDITIONAL
}

// Columns returns the edges of a SELECT, sorted. The SQL must have passed package sandbox. A part of the plan that this
// package does not know counts as depending on all that it reads, in every way: edges may be too many, but none is
// missing.
func Columns(ctx context.Context, tables []Table, sql string) ([]Edge, error) {
	s, err := engine.Open(ctx, "SET threads = 1", "SET temp_directory = ''", "SET enable_external_access = false")
	if err != nil {
		return nil, err
	}
	defer s.Close()
	w := &walk{tables: map[string][]string{}, ctes: map[int]relation{}, bindings: map[binding]set{}}
	for _, t := range tables {
		if err := s.Exec(ctx, create(t)); err != nil {
			return nil, err
		}
		for _, c := range t.Columns {
			w.tables[t.Name] = append(w.tables[t.Name], c.Name)
		}
	}
	sql = "SELECT * FROM (\n" + sql + "\n)"
	outputs, err := s.Fields(ctx, "("+sql+")")
	if err != nil {
		return nil, err
	}
	result, err := w.query(ctx, s, sql)
	if err != nil {
		return nil, err
	}
	edges := edgesOf("", result.rows)
	for i, output := range outputs {
		edges = append(edges, edgesOf(output.Name, result.at(i))...)
	}
	slices.SortFunc(edges, func(a, b Edge) int {
		return cmp.Or(strings.Compare(a.Output, b.Output), strings.Compare(a.Table, b.Table), strings.Compare(a.Column, b.Column),
			strings.Compare(a.Kind, b.Kind), strings.Compare(a.Transformation, b.Transformation))
	})
	return edges, nil
}

func edgesOf(output string, inputs set) (edges []Edge) {
	for from, flows := range inputs {
		for _, f := range flows.list() {
			edges = append(edges, Edge{output, from.table, from.column, f.kind, f.transformation})
		}
	}
	return edges
}

// create returns the statement that makes an empty table with the same columns.
func create(t Table) string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = engine.Identifier(c.Name) + " " + c.Type
	}
	return fmt.Sprintf("CREATE TABLE %s (%s)", engine.Identifier(t.Name), strings.Join(columns, ", "))
}

// query returns the relation of a query. A query whose plan cannot be had depends on all tables.
func (w *walk) query(ctx context.Context, s *engine.Session, sql string) (relation, error) {
	row, err := s.Row(ctx, "SELECT CAST(json_serialize_plan(CAST(? AS VARCHAR), optimize := false) AS VARCHAR)", sql)
	if err != nil && (ctx.Err() != nil || engine.ErrorOf(err) == nil) {
		return relation{}, errors.Join(ctx.Err(), err)
	}
	var plan struct{ Plans []node }
	if err == nil {
		text, _ := row[0].(string)
		err = json.Unmarshal([]byte(text), &plan)
	}
	if err != nil || len(plan.Plans) != 1 {
		return w.allTables(), nil
	}
	return w.operator(plan.Plans[0]), nil
}
