package metrics_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/database"
	"function/shared/metrics"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// counted returns the published sums of a counter, by labels.
func counted(t *testing.T, db *pgxpool.Pool, name string) map[string]float64 {
	t.Helper()
	rows, err := db.Query(context.Background(), `SELECT labels::text, value FROM published.metrics WHERE name = $1`, name)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	var labels string
	var value float64
	if _, err := pgx.ForEachRow(rows, []any{&labels, &value}, func() error { all[labels] = value; return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAdd_ConcurrentWriters_AreSummed(t *testing.T) {
	t.Parallel()
	db, ctx := platformtest.New(t).DB(database.Analytics), context.Background()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				err := database.Transact(ctx, db, func(tx *database.Tx) error {
					if err := metrics.Add(ctx, tx, "a", metrics.Labels{"x": "1", "y": "2"}, 1); err != nil {
						return err
					}
					return metrics.Add(ctx, tx, "a", nil, 0.5)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff(map[string]float64{`{"x": "1", "y": "2"}`: 200, `{}`: 100}, counted(t, db, "a")); diff != "" {
		t.Error(diff)
	}
}

func TestAdd_RolledBack_IsNotCounted(t *testing.T) {
	t.Parallel()
	db, ctx := platformtest.New(t).DB(database.Analytics), context.Background()
	err := database.Transact(ctx, db, func(tx *database.Tx) error {
		if err := metrics.Add(ctx, tx, "a", nil, 1); err != nil {
			return err
		}
		return tx.Write(ctx, `SELECT 1 / 0`)
	})
	if err == nil {
		t.Error("the transaction did not fail")
	}
	if got := counted(t, db, "a"); len(got) != 0 {
		t.Errorf("counted %v", got)
	}
}

func TestObserve_BucketsAreCumulative(t *testing.T) {
	t.Parallel()
	db, ctx := platformtest.New(t).DB(database.Datasets), context.Background()
	durations := []time.Duration{0, 100 * time.Millisecond, 101 * time.Millisecond, 30 * time.Second, 601 * time.Second}
	var wg sync.WaitGroup
	for _, d := range durations {
		for range 5 {
			wg.Go(func() {
				err := database.Transact(ctx, db, func(tx *database.Tx) error { return metrics.Observe(ctx, tx, "h", metrics.Labels{"job": "j"}, d) })
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()

	want := map[string]float64{}
	for bound, n := range map[string]float64{"0.1": 10, "0.5": 15, "1": 15, "2.5": 15, "5": 15, "10": 15, "30": 20, "60": 20, "120": 20, "300": 20, "600": 20} {
		want[`{"le": "`+bound+`", "job": "j"}`] = n
	}
	if diff := cmp.Diff(want, counted(t, db, "h_bucket")); diff != "" {
		t.Error(diff)
	}
	if got := counted(t, db, "h_count"); got[`{"job": "j"}`] != 25 {
		t.Errorf("count %v, want 25", got)
	}
	sum := map[string]float64{`{"job": "j"}`: 5 * 631.201}
	if diff := cmp.Diff(sum, counted(t, db, "h_sum"), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Error(diff)
	}
}
