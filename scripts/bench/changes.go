package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	changedRows    = 1_000_000
	defaultUploads = 2000
	receivers      = 10 // data sets that small files are uploaded to
)

// changes measures small uploads, whose time must not grow with their number, and changes by key.
func (b *bench) changes(ctx context.Context) error {
	if err := b.running(ctx); err != nil {
		return err
	}
	if err := b.small(ctx); err != nil {
		return err
	}
	return b.keyed(ctx)
}

// small uploads small files to several data sets at once, and compares the last tenth with the first.
func (b *bench) small(ctx context.Context) error {
	count, err := number("BENCH_UPLOADS", defaultUploads)
	if err != nil {
		return err
	}
	file := b.path("small.csv")
	if err := os.WriteFile(file, []byte("id,name\n1,Ada\n2,Grace\n"), 0o600); err != nil {
		return err
	}
	var ids [receivers]string
	for i := range ids {
		d, err := b.user.create(ctx, fmt.Sprintf("small-%d", i), "local")
		if err != nil {
			return err
		}
		ids[i] = d.ID
	}
	var tenths []duration
	for range 10 {
		took, err := timed(func() error {
			group, ctx := errgroup.WithContext(ctx)
			for _, id := range ids {
				group.Go(func() error {
					for range count / receivers / 10 {
						if err := b.user.upload(ctx, id, "", file); err != nil {
							return err
						}
					}
					_, err := b.user.ready(ctx, id)
					return err
				})
			}
			return group.Wait()
		})
		if err != nil {
			return err
		}
		tenths = append(tenths, took)
	}
	progress("tenths of %d uploads: %s", count, tenths)
	for _, id := range ids {
		if err := b.allReady(ctx, id); err != nil {
			return err
		}
	}
	per := func(d duration) perSecond { return perSecond(float64(count) / 10 / time.Duration(d).Seconds()) }
	atLeastOf(&b.table, fmt.Sprintf("last tenth of %d small uploads, until ready", count), per(tenths[9]), per(tenths[1]), "second tenth", 0.8)
	return nil
}

// allReady checks that no version of a data set has failed.
func (b *bench) allReady(ctx context.Context, id string) error {
	var failed struct {
		Items []struct {
			Version int    `json:"version"`
			Status  string `json:"status"`
			Failure string `json:"failure"`
		} `json:"items"`
	}
	if err := b.user.call(ctx, http.MethodGet, "/v1/datasets/"+id+"/versions?limit=100", nil, &failed); err != nil {
		return err
	}
	for _, v := range failed.Items {
		if v.Status == "failed" {
			return fmt.Errorf("version %d of a small data set: %s: %s", v.Version, v.Status, v.Failure)
		}
	}
	return nil
}

// keyed upserts and compares versions of a million rows.
func (b *bench) keyed(ctx context.Context) error {
	duck, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer duck.Close()
	if _, err := duck.ExecContext(ctx, "SET threads = 2; SET memory_limit = '256MB'; SET temp_directory = "+quoted(b.dir)); err != nil {
		return err
	}
	d, err := b.user.create(ctx, "sales", "local")
	if err != nil {
		return err
	}
	var took duration
	for i, query := range []string{"", "operation=upsert&key=id"} {
		file := b.path(fmt.Sprintf("sales-%d.parquet", i))
		defer os.Remove(file)
		if _, err := duck.ExecContext(ctx, fmt.Sprintf(`COPY (SELECT i AS id, 'customer-' || hash(i) %% 50000 AS customer, CAST(hash(i + %d) %% 1000000 AS DECIMAL(18,2)) / 100 AS amount, 'note ' || i AS note
FROM range(%d, %d) t(i)) TO %s (FORMAT parquet)`, i, i*changedRows/2, changedRows+i*changedRows/2, quoted(file))); err != nil {
			return err
		}
		if took, err = timed(func() error {
			if err := b.user.upload(ctx, d.ID, query, file); err != nil {
				return err
			}
			d, err = b.user.ready(ctx, d.ID)
			return err
		}); err != nil {
			return err
		}
	}
	if d.RowCount != changedRows*3/2 {
		return fmt.Errorf("after the upsert there are %d rows", d.RowCount)
	}
	atMost(&b.table, fmt.Sprintf("upsert of %d M rows, until ready", changedRows/1_000_000), took, duration(time.Minute))
	return nil
}
