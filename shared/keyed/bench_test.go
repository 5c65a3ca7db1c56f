package keyed_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"function/shared/engine"
	"function/shared/keyed"
)

const benchmarkRows = 1_000_000

// sales writes a table of a million rows of eight columns; shift decides which keys and values.
func sales(b *testing.B, shift int) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "sales.parquet")
	s, err := engine.Open(b.Context(), "SET threads = 2")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	err = s.Exec(b.Context(), fmt.Sprintf(`COPY (SELECT i + %[1]d AS id, 'customer-' || hash(i + %[1]d) %% 50000 AS customer, DATE '2020-01-01' + CAST(i %% 2000 AS INTEGER) AS day,
		CAST((i * 7919) %% 1000000 AS DECIMAL(18,2)) / 100 AS amount, i %% 100 AS quantity, hash(i) AS code, 'note ' || i AS note, i %% %[2]d = 0 AS flag
		FROM range(%[3]d) r(i)) TO %[4]s (FORMAT parquet, COMPRESSION zstd)`, shift, shift+7, benchmarkRows, engine.Literal(path)))
	if err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkUpsert changes half of a million rows and adds as many.
func BenchmarkUpsert(b *testing.B) {
	base, changes := sales(b, 0), sales(b, benchmarkRows/2)
	for n := 0; b.Loop(); n++ {
		dst := filepath.Join(b.TempDir(), fmt.Sprint(n))
		if err := keyed.Upsert(b.Context(), keyed.Table{base}, changes, []string{"id"}, dst, keyed.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDiff compares two tables of a million rows, and reports the time as a multiple of that of
// DuckDB's own full join with the same comparisons.
func BenchmarkDiff(b *testing.B) {
	from, to := sales(b, 0), sales(b, benchmarkRows/2)
	var ours, join time.Duration
	for b.Loop() {
		begin := time.Now()
		if _, err := keyed.Diff(b.Context(), keyed.Table{from}, keyed.Table{to}, []string{"id"}, 100, keyed.Options{}); err != nil {
			b.Fatal(err)
		}
		ours += time.Since(begin)
		begin = time.Now()
		fullJoin(b, from, to)
		join += time.Since(begin)
	}
	b.ReportMetric(ours.Seconds()/join.Seconds(), "x-join")
}

func fullJoin(b *testing.B, from, to string) {
	b.Helper()
	s, err := engine.Open(b.Context(), "SET threads = 2", "SET memory_limit = '256MB'", "SET temp_directory = "+engine.Literal(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	_, err = s.Row(b.Context(), fmt.Sprintf(`SELECT count(*), count(*) FILTER (f.id IS NULL), count(*) FILTER (t.id IS NULL), count(*) FILTER ((f.customer, f.day, f.amount, f.quantity, f.code, f.note, f.flag)
		IS DISTINCT FROM (t.customer, t.day, t.amount, t.quantity, t.code, t.note, t.flag)) FROM read_parquet(%s) f FULL JOIN read_parquet(%s) t USING (id)`, engine.Literal(from), engine.Literal(to)))
	if err != nil {
		b.Fatal(err)
	}
}
