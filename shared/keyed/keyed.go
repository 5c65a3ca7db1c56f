// Package keyed changes, compares and merges tables by the columns that identify a row, their key.
// Tables are Parquet files; the work spills to disk, so tables may be larger than memory.
//
// A key identifies at most one row of a table that changes others. A column of a key is never null
// there. Rows of a table that is changed may have null keys: they match no row.
package keyed

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/ingest/invalid"
)

// Table is a table whose rows are in one or more Parquet files with the same columns.
type Table []string

// Options bound the work.
type Options struct {
	Scratch string // directory for temporary files; empty: the system's
	Memory  string // DuckDB's memory limit; empty: 256MB
}

// work is one operation in its own DuckDB instance.
type work struct{ *engine.Session }

// input is a table under the name by which the operation reads it.
type input struct {
	view  string
	table Table
}

// with runs an operation on tables, whose columns it passes.
func with(ctx context.Context, o Options, inputs []input, do func(w work, columns [][]engine.Field) error) error {
	s, err := engine.OpenSpilling(ctx, o.Scratch, o.Memory)
	if err != nil {
		return err
	}
	defer s.Close()
	var columns [][]engine.Field
	for _, in := range inputs {
		if err := s.Exec(ctx, "CREATE VIEW "+in.view+" AS SELECT * FROM "+engine.Parquet(in.table...)); err != nil {
			return err
		}
		fields, err := s.Fields(ctx, in.view)
		if err != nil {
			return err
		}
		columns = append(columns, fields)
	}
	return do(work{s}, columns)
}

// resolve returns the columns of a key as a table spells them.
func resolve(key []string, fields []engine.Field, table string) ([]string, error) {
	names := make([]string, len(key))
	for i, name := range key {
		at := slices.IndexFunc(fields, func(f engine.Field) bool { return strings.EqualFold(f.Name, name) })
		switch {
		case at < 0:
			return nil, &invalid.Error{Detail: fmt.Sprintf("%s has no column %s, which the key names.", table, fault.Excerpt(name))}
		case engine.Nested(fields[at].Type) || fields[at].Type == "JSON":
			return nil, &invalid.Error{Detail: fmt.Sprintf("The column %s is of type %s, which a key cannot have.", fault.Excerpt(name), fault.Excerpt(fields[at].Type))}
		case slices.Contains(names[:i], fields[at].Name):
			return nil, &invalid.Error{Detail: fmt.Sprintf("The key names the column %s twice.", fault.Excerpt(name))}
		}
		names[i] = fields[at].Name
	}
	return names, nil
}

// unique returns an error unless a key identifies every row of a table.
func (w work) unique(ctx context.Context, view, table string, key []string) error {
	columns := identifiers("", key)
	nullable := make([]string, len(key))
	for i, name := range key {
		nullable[i] = engine.Identifier(name) + " IS NULL"
	}
	row, err := w.Row(ctx, fmt.Sprintf("SELECT count(*), count(*) FILTER (%s), (SELECT count(*) FROM (SELECT DISTINCT %s FROM %s)) FROM %s",
		strings.Join(nullable, " OR "), columns, view, view))
	if err != nil {
		return err
	}
	count := func(i int) int64 { n, _ := row[i].(int64); return n }
	rows, nulls, keys := count(0), count(1), count(2)
	switch {
	case nulls > 0:
		return &invalid.Error{Detail: fmt.Sprintf("%s has %d rows without a value in a column of the key.", table, nulls)}
	case keys == rows:
		return nil
	}
	return w.Each(ctx, fmt.Sprintf("SELECT %s, count(*) AS n FROM %s GROUP BY ALL HAVING n > 1 LIMIT 1", texts("", key), view), func(row []any) error {
		return &invalid.Error{Detail: fmt.Sprintf("%s has %d rows with the same key: %s. A key must identify a row.", table, row[len(key)], shown(key, row))}
	})
}

// shown shows the key of a row for people to read.
func shown(key []string, values []any) string {
	var parts []string
	for i, name := range key {
		parts = append(parts, fmt.Sprintf("%s = %s", fault.Excerpt(name), fault.Excerpt(fmt.Sprint(values[i]))))
	}
	return strings.Join(parts, ", ")
}

// identifiers lists columns for SQL.
func identifiers(table string, names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = table + engine.Identifier(name)
	}
	return strings.Join(list, ", ")
}

// texts lists columns as text.
func texts(table string, names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = "CAST(" + table + engine.Identifier(name) + " AS VARCHAR)"
	}
	return strings.Join(list, ", ")
}

// same is a condition: both tables have the key.
func same(a, b string, key []string) string {
	list := make([]string, len(key))
	for i, name := range key {
		list[i] = a + engine.Identifier(name) + " = " + b + engine.Identifier(name)
	}
	return strings.Join(list, " AND ")
}

func names(fields []engine.Field) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.Name
	}
	return list
}

// write writes the rows of a query to a new Parquet file.
func (w work) write(ctx context.Context, query, dst string) error {
	return w.Exec(ctx, "COPY ("+query+") TO "+engine.Literal(dst)+" (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)")
}
