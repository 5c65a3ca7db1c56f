package metrics_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"function/shared/database"
	"function/shared/metrics"
	"function/shared/platformtest"
)

func TestTally_IsWrittenAfterAnIntervalAndAtTheEnd(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t)
	db, ctx := p.DB(database.Users), context.Background()
	users, err := p.Env.Database(ctx, database.Users)
	if err != nil {
		t.Fatal(err)
	}
	var tally metrics.Tally
	tally.Inc()
	tally.Keep(users, "a", metrics.Labels{"x": "1"})
	var wg sync.WaitGroup
	for range 9 {
		wg.Go(tally.Inc)
	}
	wg.Wait()
	for deadline := time.Now().Add(time.Minute); counted(t, db, "a")[`{"x": "1"}`] != 10; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("counted %v after a minute without another call, want 10", counted(t, db, "a"))
		}
	}
	tally.Inc()
	if err := tally.Close(); err != nil {
		t.Fatal(err)
	}
	if got := counted(t, db, "a"); got[`{"x": "1"}`] != 11 {
		t.Errorf("counted %v after the end, want 11", got)
	}
}

// writer is a database that fails at first.
type writer struct{ failures, statements atomic.Int32 }

func (w *writer) Write(context.Context, string, ...any) error {
	w.statements.Add(1)
	if w.failures.Add(-1) >= 0 {
		return errors.New("no database")
	}
	return nil
}

// The synctest bubble fails the test if a goroutine or timer is left over.
func TestTally_WriteFails_IsRetriedWithOneStatementPerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w writer
		w.failures.Store(2)
		var tally metrics.Tally
		tally.Keep(&w, "a", nil)
		time.Sleep(time.Hour)
		if n := w.statements.Load(); n != 0 {
			t.Errorf("%d statements for nothing", n)
		}
		for range 1000 {
			tally.Inc()
		}
		time.Sleep(time.Hour)
		if n := w.statements.Load(); n != 3 {
			t.Errorf("%d statements, want 3: two that fail and one that works", n)
		}
		if err := tally.Close(); err != nil || w.statements.Load() != 3 {
			t.Errorf("%v, %d statements: something was left", err, w.statements.Load())
		}
	})
}
