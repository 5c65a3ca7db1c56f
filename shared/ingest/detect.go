package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"function/shared/engine"
	"function/shared/ingest/reading"
)

// detect tells how a file was read.
func detect(ctx context.Context, s *engine.Session, src Source, t *table, dst string, columns []ColumnProfile) (reading.Detected, error) {
	d := reading.Detected{Options: src.Reading, Format: src.Format, Compression: src.Compression, Encoding: src.encoding}
	if t.dialect != nil {
		quote := string(t.dialect.Quote)
		d.Delimiter, d.Quote, d.Header = string(t.dialect.Delimiter), &quote, "present"
		if src.Reading.HeaderAbsent() {
			d.Header = "absent"
		}
	}
	for _, c := range columns {
		d.Columns = append(d.Columns, reading.ReadColumn{Name: c.Name, Type: c.Type})
	}
	if src.typed() {
		return d, nil
	}
	var text, others []int
	for i, c := range t.columns {
		switch {
		case c.sqlType == "VARCHAR" && c.kind != typed:
			text = append(text, i)
		case len(t.forms.nulls) > 0 && c.kind != document:
			others = append(others, i)
		}
	}
	column := func(i int) string { return engine.Identifier(t.columns[i].name) }
	words := append(slices.Clone(reading.CommonNullWords), t.forms.nulls...)
	if err := nullWords(ctx, s, d.Columns, text, words, column, engine.Parquet(dst)); err != nil {
		return d, err
	}
	return d, nullWords(ctx, s, d.Columns, others, t.forms.nulls, raw, t.from)
}

// nullWords finds the words for null that occur in some columns.
func nullWords(ctx context.Context, s *engine.Session, found []reading.ReadColumn, columns []int, words []string, name func(int) string, from string) error {
	for some := range slices.Chunk(columns, wholeBatch) {
		var lists []string
		for _, i := range some {
			lists = append(lists, fmt.Sprintf("list_sort(list(DISTINCT %[1]s) FILTER (WHERE %[1]s IN (%[2]s)))", name(i), literals(words)))
		}
		row, err := s.Row(ctx, "SELECT "+strings.Join(lists, ", ")+" FROM "+from)
		if err != nil {
			return err
		}
		for n, i := range some {
			list, _ := row[n].([]any)
			for _, word := range list {
				if text, ok := word.(string); ok {
					found[i].NullWords = append(found[i].NullWords, text)
				}
			}
		}
	}
	return nil
}
