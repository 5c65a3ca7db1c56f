package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	_ "github.com/duckdb/duckdb-go/v2" // registers the driver "duckdb"

	"function/shared/ingest"
)

const (
	queries    = 7
	pause      = 100 * time.Millisecond // for work that continues after a response
	queryRows  = 10_000_000
	categories = 1000

	measurementsTable = "measurements"
	groupBy           = "SELECT category, count(*) AS n, sum(value) AS total FROM " + measurementsTable + " GROUP BY category"
)

// query measures a group-by through the API, alternating with DuckDB on the same Parquet file: an
// open instance that runs only the query.
func (b *bench) query(ctx context.Context) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	uploaded, prepared := b.path("measurements.parquet"), b.path("prepared.parquet")
	defer os.Remove(uploaded)
	defer os.Remove(prepared)
	if err := generate(ctx, uploaded); err != nil {
		return err
	}
	d, err := b.user.create(ctx, measurementsTable, "local")
	if err != nil {
		return err
	}
	if err := b.user.upload(ctx, d.ID, "", uploaded); err != nil {
		return err
	}
	if _, err := b.user.ready(ctx, d.ID); err != nil {
		return err
	}
	progress("%d rows are ready", queryRows)
	// The file that the platform makes of the upload and queries.
	if _, err := ingest.Prepare(ctx, ingest.Source{Path: uploaded, Format: ingest.Parquet}, prepared, ingest.Options{Scratch: b.dir}); err != nil {
		return err
	}
	duck, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer duck.Close()
	if _, err := duck.ExecContext(ctx, fmt.Sprintf("CREATE VIEW %s AS SELECT * FROM read_parquet(%s)", measurementsTable, quoted(prepared))); err != nil {
		return err
	}
	served, direct, err := b.inTurns(ctx, duck)
	if err != nil {
		return err
	}
	progress("served %s, direct %s", served, direct)
	atMostOf(&b.table, fmt.Sprintf("group-by over %d M rows", queryRows/1_000_000), median(served), median(direct), "DuckDB directly", 1.15)
	return b.policy(ctx, d.ID)
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// generate writes the Parquet file with DuckDB, the same in every run.
func generate(ctx context.Context, path string) error {
	duck, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer duck.Close()
	_, err = duck.ExecContext(ctx, fmt.Sprintf(`
COPY (SELECT i AS id, printf('category-%%03d', hash(i) %% %d) AS category, (hash(i + 1) %% 1000000) / 100 AS value FROM range(%d) t(i))
TO %s (FORMAT parquet)`, categories, queryRows, quoted(path)))
	return err
}

// inTurns runs the query both ways, after one unmeasured run to warm up.
func (b *bench) inTurns(ctx context.Context, duck *sql.DB) (served, direct []duration, err error) {
	for i := range queries + 1 {
		viaAPI, err := timed(func() error { return b.serve(ctx) })
		if err != nil {
			return nil, nil, err
		}
		time.Sleep(pause)
		bare, err := timed(func() error { return directly(ctx, duck) })
		if err != nil {
			return nil, nil, err
		}
		if i > 0 {
			served, direct = append(served, viaAPI), append(direct, bare)
		}
	}
	return served, direct, nil
}

func (b *bench) serve(ctx context.Context) error {
	var answer struct {
		Rows [][]json.RawMessage `json:"rows"`
	}
	err := b.user.call(ctx, http.MethodPost, "/v1/analytics/query", map[string]string{"query": groupBy, "database": "datasets"}, &answer)
	if err != nil {
		return err
	}
	counted := 0
	for _, row := range answer.Rows {
		var n int
		if err := json.Unmarshal(row[1], &n); err != nil {
			return err
		}
		counted += n
	}
	return complete(len(answer.Rows), counted)
}

func directly(ctx context.Context, duck *sql.DB) error {
	rows, err := duck.QueryContext(ctx, groupBy)
	if err != nil {
		return err
	}
	defer rows.Close()
	groups, counted := 0, 0
	for rows.Next() {
		var category string
		var n int
		var total float64
		if err := rows.Scan(&category, &n, &total); err != nil {
			return err
		}
		groups, counted = groups+1, counted+n
	}
	return errors.Join(rows.Err(), complete(groups, counted))
}

func complete(groups, counted int) error {
	if groups != categories || counted != queryRows {
		return fmt.Errorf("the answer has %d groups of %d rows together", groups, counted)
	}
	return nil
}
