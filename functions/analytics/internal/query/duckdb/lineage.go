package duckdb

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"function/functions/analytics/internal/query"
	"function/shared/engine"
	"function/shared/events"
	"function/shared/lineage"
	"function/shared/sandbox"
	"function/shared/sqltext"
)

// lineageOf finds out what a query has read. If its columns cannot be found, the lineage has the versions only.
func lineageOf(ctx context.Context, wanted []named, sources []sandbox.Table, statement query.Statement) query.Lineage {
	read, columns, err := columnsOf(ctx, wanted, sources, statement)
	if err != nil {
		slog.WarnContext(ctx, "lineage of a query not found", "error", err)
		read, columns = wanted, nil
	}
	var l query.Lineage
	versions := map[string]events.VersionRead{}
	for _, v := range read {
		version := events.VersionRead{DatasetID: v.table.DatasetID, Version: v.version}
		versions[v.name] = version
		if !slices.Contains(l.Versions, version) {
			l.Versions = append(l.Versions, version)
		}
	}
	for _, c := range columns {
		l.Columns = append(l.Columns, events.ColumnRead{VersionRead: versions[c.Table], Column: c.Column, Result: c.Output, Kind: c.Kind, Transformation: c.Transformation})
	}
	return l
}

// columnsOf returns the versions that a query reads, of those that it mentions, and the columns.
func columnsOf(ctx context.Context, wanted []named, sources []sandbox.Table, statement query.Statement) (read []named, columns []lineage.Edge, err error) {
	sql, err := literal(statement)
	if err != nil {
		return nil, nil, err
	}
	var names []string
	for _, v := range wanted {
		names = append(names, v.name)
	}
	if names, err = sandbox.Check(ctx, names, sql); err != nil {
		return nil, nil, err
	}
	s, err := engine.Open(ctx, "SET threads = 1")
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	var tables []lineage.Table
	for i, v := range wanted {
		if !slices.Contains(names, v.name) {
			continue
		}
		read = append(read, v)
		table := lineage.Table{Name: v.name}
		fields, err := s.Fields(ctx, "read_parquet("+engine.Literal(sources[i].Paths[0])+")")
		if err != nil {
			return nil, nil, fmt.Errorf("read columns: %w", err)
		}
		for _, f := range fields {
			table.Columns = append(table.Columns, f.Column)
		}
		tables = append(tables, table)
	}
	columns, err = lineage.Columns(ctx, tables, sql)
	return read, columns, err
}

// literal returns a statement with its values in the place of their marks. It is for planning only and never run.
func literal(statement query.Statement) (string, error) {
	n := 0
	text, err := sqltext.Rewrite(statement.Text.SQL, func(bool) string {
		n++
		if n > len(statement.Values) {
			return "NULL"
		}
		switch v := statement.Values[n-1].(type) {
		case nil:
			return "NULL"
		case string:
			return engine.Literal(strings.ReplaceAll(v, "\x00", ""))
		case json.Number:
			return v.String()
		case bool:
			return fmt.Sprint(v)
		}
		return "NULL"
	})
	return text.SQL, err
}
