package ingest

import (
	"context"
	"fmt"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/ingest/invalid"
	"function/shared/ingest/textfile"
)

// documents checks JSON columns that came as text, because DuckDB checks them less strictly.
func documents(ctx context.Context, s *engine.Session, t *table) error {
	for i, c := range t.columns {
		if c.kind == document || c.sqlType != "JSON" && (c.sqlType != "" || c.source != "JSON") {
			continue
		}
		number := 0
		err := s.Each(ctx, fmt.Sprintf("SELECT CAST(%s AS VARCHAR) FROM %s", t.present(i), t.from), func(row []any) error {
			number++
			text, ok := row[0].(string)
			if flaw := textfile.JSONFlaw([]byte(text)); ok && flaw != "" {
				return &invalid.Error{Detail: fmt.Sprintf("Row %d, column %s: the JSON %s.", number, fault.Excerpt(c.name), flaw)}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
