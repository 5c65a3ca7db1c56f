package sample_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"function/shared/engine"
	"function/shared/ingest/sample"
)

func TestDraw_Tables_HaveRandomRows(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		query    string
		from, to int64 // rows of the sample
	}{
		"none":                 {"SELECT range AS n, 'text' AS s FROM range(0)", 0, 0},
		"few":                  {"SELECT range AS n, repeat('x', 2000) AS s FROM range(20000)", 20_000, 20_000},
		"many":                 {"SELECT range AS n, repeat('x', 2000) AS s FROM range(100000)", 19_000, 21_000},
		"column of that name":  {"SELECT range AS n, repeat('x', 2000) AS s, 0 AS file_row_number FROM range(100000)", 20_000, 20_000},
		"lists and structures": {"SELECT range AS n, [range] AS s, {'a': range} AS t FROM range(100000)", 19_000, 21_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := engine.OpenSpilling(t.Context(), t.TempDir(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			path := filepath.Join(t.TempDir(), "rows.parquet")
			if err := s.Exec(t.Context(), "COPY ("+test.query+") TO "+engine.Literal(path)+" (FORMAT parquet)"); err != nil {
				t.Fatal(err)
			}
			got, err := sample.Draw(t.Context(), s, []string{path}, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if got.Rows < test.from || got.Rows > test.to || got.Whole() != (got.Of <= 20_000) || got.Fields[0].Type != "BIGINT" {
				t.Errorf("sample %+v", got)
			}
			row, err := s.Row(t.Context(), fmt.Sprintf("SELECT count(DISTINCT n), coalesce(max(length(%s)), 0), coalesce(max(n) - min(n), 0) FROM %s", sample.Value(got.Fields[1]), engine.Parquet(got.Files...)))
			if err != nil {
				t.Fatal(err)
			}
			if row[0] != got.Rows || row[1].(int64) > 1000 || !got.Whole() && row[2].(int64) < 95_000 {
				t.Errorf("different rows, longest text and spread: %v", row)
			}
		})
	}
}
