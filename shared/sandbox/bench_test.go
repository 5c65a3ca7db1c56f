package sandbox_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"

	"function/shared/sandbox"
)

// BenchmarkGroupBy10M compares Query with DuckDB run directly on the same Parquet; "ratio" is the one over the other.
func BenchmarkGroupBy10M(b *testing.B) {
	path := filepath.Join(b.TempDir(), "t.parquet")
	run := func(statement string) {
		db, err := sql.Open("duckdb", "")
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		rows, err := db.QueryContext(context.Background(), statement)
		if err != nil {
			b.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
		}
		if err := rows.Err(); err != nil {
			b.Fatal(err)
		}
	}
	run("COPY (SELECT (i * 7919) % 1000 AS k, (i * 31 % 100000) / 7.0::DOUBLE AS v, 'name ' || (i % 5000) AS s FROM range(10000000) r(i)) TO '" + path + "' (FORMAT parquet, COMPRESSION zstd)")
	var direct, sandboxed time.Duration
	for b.Loop() {
		start := time.Now()
		run("SELECT k, count(*), avg(v), max(s) FROM '" + path + "' GROUP BY k ORDER BY k")
		direct += time.Since(start)
		start = time.Now()
		set, err := sandbox.Query(b.Context(), []sandbox.Table{{Name: "t", Paths: []string{path}}}, "SELECT k, count(*), avg(v), max(s) FROM t GROUP BY k ORDER BY k", nil, sandbox.Limits{})
		if err != nil || len(set.Rows) != 1000 {
			b.Fatal(err)
		}
		sandboxed += time.Since(start)
	}
	b.ReportMetric(float64(sandboxed)/float64(direct), "ratio")
}
