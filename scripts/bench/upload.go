package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"

	"function/scripts/bench/baseline"
	"function/scripts/bench/orders"
	"function/scripts/bench/process"
)

const defaultMB = 1024

// upload measures a large CSV file: its upload and its download, each next to a bare loop, and the
// conversion to Parquet with the profile, next to DuckDB's own conversion; and the platform's memory.
func (b *bench) upload(ctx context.Context) error {
	length, err := uploadSize()
	if err != nil {
		return err
	}
	if err := b.running(ctx); err != nil {
		return err
	}
	source := b.path("orders.csv")
	rows, err := orders.WriteCSV(source, int64(length))
	if err != nil {
		return err
	}
	defer os.Remove(source)
	progress("%s of CSV, %d rows", length, rows)

	d, err := b.user.create(ctx, "orders", "local")
	if err != nil {
		return err
	}
	uploaded, err := timed(func() error { return b.user.upload(ctx, d.ID, "", source) })
	if err != nil {
		return err
	}
	progress("uploaded in %s", uploaded)
	prepared, err := timed(func() error { d, err = b.user.ready(ctx, d.ID); return err })
	if err != nil {
		return err
	}
	progress("ready in %s", prepared)
	if d.RowCount != rows {
		return fmt.Errorf("the data set has %d rows, the file %d", d.RowCount, rows)
	}
	downloaded, err := timed(func() error { return b.user.download(ctx, d.ID, int64(length)) })
	if err != nil {
		return err
	}
	progress("downloaded in %s", downloaded)
	peak, err := process.PeakMemory(b.platform.cmd.Process.Pid)
	if err != nil {
		return err
	}
	sealed, opened, err := b.bare(source)
	if err != nil {
		return err
	}
	progress("read, hash, compress, encrypt, write alone: %s; back: %s", sealed, opened)
	converted, err := b.convert(ctx, source)
	if err != nil {
		return err
	}
	progress("converted by DuckDB in %s", converted)

	what := fmt.Sprintf("upload of %s CSV", length)
	atLeast(&b.table, what, rateOf(length, uploaded), rate(100e6))
	atLeastOf(&b.table, what, rateOf(length, uploaded), rateOf(length, sealed), "read+SHA-256+zstd+AES-GCM+write alone", 0.6)
	atLeastOf(&b.table, "its download", rateOf(length, downloaded), rateOf(length, opened), "read+AES-GCM+zstd alone", 0.6)
	atMostOf(&b.table, "its conversion to Parquet, with the profile", prepared, converted, "DuckDB's conversion", 1.25)
	atMost(&b.table, "peak memory of all functions in one process", size(peak), size(512e6))
	return nil
}

// convert converts a CSV file to Parquet with DuckDB, which has the memory that a function has.
func (b *bench) convert(ctx context.Context, source string) (duration, error) {
	destination := b.path("converted.parquet")
	defer os.Remove(destination)
	duck, err := sql.Open("duckdb", "")
	if err != nil {
		return 0, err
	}
	defer duck.Close()
	if _, err := duck.ExecContext(ctx, "SET memory_limit = '256MB'; SET threads = 2; SET temp_directory = "+quoted(b.dir)); err != nil {
		return 0, err
	}
	return timed(func() error {
		_, err := duck.ExecContext(ctx, fmt.Sprintf("COPY (FROM read_csv(%s)) TO %s (FORMAT parquet, COMPRESSION zstd)", quoted(source), quoted(destination)))
		return err
	})
}

func uploadSize() (size, error) {
	megabytes, err := number("BENCH_MB", defaultMB)
	return size(megabytes * 1e6), err
}

// number reads a positive number from the environment.
func number(name string, or int64) (int64, error) {
	text := os.Getenv(name)
	if text == "" {
		return or, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s %q is not a positive number", name, text)
	}
	return n, nil
}

// bare is how long peers take for the platform's upload and download.
func (b *bench) bare(source string) (sealed, opened duration, err error) {
	destination := b.path("bare")
	defer os.Remove(destination)
	loop, err := baseline.NewLoop()
	if err != nil {
		return 0, 0, err
	}
	if sealed, err = timed(func() error { return loop.Seal(source, destination) }); err != nil {
		return 0, 0, err
	}
	opened, err = timed(func() error { return loop.Open(destination) })
	return sealed, opened, err
}
