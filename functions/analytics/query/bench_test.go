package query_test

import (
	"context"
	"database/sql"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"

	"function/functions/analytics/analyticstest"
	"function/shared/platformtest"
)

const (
	benchmarkRows = 10_000_000
	groupBy       = ` GROUP BY store ORDER BY store`
	aggregates    = `SELECT store, count(*) AS sales, sum(amount) AS total, avg(amount) AS mean FROM `
)

// BenchmarkQueryGroupBy runs the same GROUP BY over 10 million rows alternately through the
// function over HTTP (with its copy of the data already made) and in DuckDB directly. ratio is
// the function's time divided by DuckDB's.
func BenchmarkQueryGroupBy(b *testing.B) {
	ctx := context.Background()
	direct, err := sql.Open("duckdb", "")
	if err != nil {
		b.Fatal(err)
	}
	defer direct.Close()
	parquet := filepath.Join(b.TempDir(), "sales.parquet")
	_, err = direct.ExecContext(ctx, `
COPY (SELECT hash(i) % 1000 AS store, (hash(i + 1) % 1000000) / 100 AS amount, i AS id, 'customer ' || hash(i) % 5000 AS customer FROM range(?) r(i))
TO '`+parquet+`' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)`, benchmarkRows)
	if err != nil {
		b.Fatal(err)
	}
	p := platformtest.New(b, declaration)
	caller := p.Login("member")
	analyticstest.Store(b, p, caller.OrganizationID, "sales", parquet, benchmarkRows)
	overHTTP := func() {
		p.Do(caller.Token, http.MethodPost, path, ask("datasets", aggregates+"sales"+groupBy)).Want(b, http.StatusOK)
	}
	directly := func() {
		rows, err := direct.QueryContext(ctx, aggregates+"read_parquet('"+parquet+"')"+groupBy)
		if err != nil {
			b.Fatal(err)
		}
		for rows.Next() {
		}
		if err := rows.Close(); err != nil {
			b.Fatal(err)
		}
	}
	overHTTP()
	directly()

	var function, duckdb time.Duration
	for b.Loop() {
		began := time.Now()
		directly()
		between := time.Now()
		overHTTP()
		duckdb += between.Sub(began)
		function += time.Since(between)
	}
	b.ReportMetric(float64(function)/float64(duckdb), "ratio")
	b.ReportMetric(benchmarkRows*float64(b.N)/function.Seconds()/1e6, "Mrows/s")
	b.ReportMetric(0, "ns/op")
}
