package job_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/job"
	"function/shared/outbox"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const kind = "test-work"

var spec = job.Spec{Kind: kind, Key: "report 1", Attempts: 3}

type fixture struct {
	*platformtest.Platform
	db *outbox.DB
	t  *testing.T
}

func open(t *testing.T) fixture {
	t.Helper()
	p := platformtest.New(t)
	return fixture{p, outbox.New(p.DB(database.Analytics), kind, p.Env.Sender()), t}
}

// enqueue enqueues a job and returns its event.
func (f fixture) enqueue() events.Received[events.UserRegistered] {
	f.t.Helper()
	err := f.db.Transact(f.t.Context(), func(tx *outbox.Tx) error {
		return job.Enqueue(f.t.Context(), tx, spec, events.UserRegistered{UserID: uuid.New()})
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return platformtest.Published[events.UserRegistered](f.Platform, 1)[0]
}

// run delivers the event to a worker with the given lease.
func (f fixture) run(ctx context.Context, lease time.Duration, e events.Received[events.UserRegistered], work func(context.Context, *job.Job) error) error {
	return job.Run(ctx, job.NewWorker(f.db, 4).Leasing(lease), spec, e, work)
}

type row struct {
	State       string
	Attempt     int
	Done, Total int64
	Progress    string
	Failure     string
}

func (f fixture) row() (r row) {
	f.t.Helper()
	err := f.db.QueryRow(f.t.Context(), `SELECT state, attempt, done, total, progress, coalesce(failure, '') FROM jobs`).
		Scan(&r.State, &r.Attempt, &r.Done, &r.Total, &r.Progress, &r.Failure)
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f fixture) exec(sql string, arguments ...any) {
	f.t.Helper()
	if _, err := f.db.Exec(f.t.Context(), sql, arguments...); err != nil {
		f.t.Fatal(err)
	}
}

// due makes the job due.
func (f fixture) due() { f.t.Helper(); f.exec(`UPDATE jobs SET due_at = now() - interval '1 second'`) }

func (f fixture) rescue() int {
	f.t.Helper()
	n, err := job.Rescue(f.t.Context(), f.db)
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

// crash leaves the job in the state of a process that died while working on it.
func (f fixture) crash(e events.Received[events.UserRegistered]) {
	f.t.Helper()
	func() {
		defer func() { _ = recover() }()
		_ = f.run(f.t.Context(), time.Minute, e, func(context.Context, *job.Job) error { panic("killed") })
	}()
	if got := f.row(); got.State != job.Running {
		f.t.Fatalf("job %+v of a dead process, want it running until the lease ends", got)
	}
}

func idle(context.Context, *job.Job) error { return nil }

func TestJob_WorkSucceeds_CompletesWithItsResult(t *testing.T) {
	t.Parallel()
	f := open(t)
	e := f.enqueue()
	f.exec(`CREATE TABLE results (n int)`)
	work := func(ctx context.Context, j *job.Job) error {
		return j.Complete(ctx, func(tx *outbox.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO results VALUES (1)`)
			return err
		})
	}
	for range 3 { // the second and third delivery find it finished
		if err := f.run(t.Context(), time.Minute, e, work); err != nil {
			t.Fatal(err)
		}
	}
	var results int
	if err := f.db.QueryRow(t.Context(), `SELECT count(*) FROM results`).Scan(&results); err != nil || results != 1 {
		t.Errorf("%d results (%v), want 1", results, err)
	}
	if got := f.row(); got.State != job.Completed || got.Attempt != 1 {
		t.Errorf("job %+v, want it completed at the first attempt", got)
	}
}

func TestJob_CauseRollsBack_LeavesNeitherJobNorEvent(t *testing.T) {
	t.Parallel()
	f := open(t)
	changed := errors.New("changed my mind")
	err := f.db.Transact(t.Context(), func(tx *outbox.Tx) error {
		if err := job.Enqueue(t.Context(), tx, spec, events.UserRegistered{}); err != nil {
			return err
		}
		return changed
	})
	var left int
	if scan := f.db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM outbox)`).Scan(&left); scan != nil || left != 0 || !errors.Is(err, changed) {
		t.Errorf("%d rows left (%v, %v), want none", left, scan, err)
	}
}

func TestJob_SameKeyTwice_IsRefusedWhileUnfinished(t *testing.T) {
	t.Parallel()
	f := open(t)
	e := f.enqueue()
	again := func() error {
		return f.db.Transact(t.Context(), func(tx *outbox.Tx) error {
			return job.Enqueue(t.Context(), tx, spec, events.UserRegistered{})
		})
	}
	if err := again(); !errors.Is(err, job.ErrExists) {
		t.Errorf("a second job of the key: %v, want ErrExists", err)
	}
	if err := f.run(t.Context(), time.Minute, e, idle); err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Errorf("a job of the key after the first has ended: %v", err)
	}
}

func TestJob_TwoDeliveriesAtOnce_OneWorksAndTheOtherIsAcknowledged(t *testing.T) {
	t.Parallel()
	f := open(t)
	e := f.enqueue()
	working, proceed := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- f.run(t.Context(), time.Minute, e, func(context.Context, *job.Job) error { close(working); <-proceed; return nil })
	}()
	<-working
	var second int
	for range 3 {
		if err := f.run(t.Context(), time.Minute, e, func(context.Context, *job.Job) error { second++; return nil }); err != nil {
			t.Errorf("a duplicate is answered %v, want it acknowledged", err)
		}
	}
	var inTransaction int
	err := f.db.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`).Scan(&inTransaction)
	if err != nil || inTransaction != 0 {
		t.Errorf("%d transactions are open while a job works (%v), want none", inTransaction, err)
	}
	close(proceed)
	if err := <-first; err != nil || second != 0 || f.row().State != job.Completed {
		t.Errorf("first %v, %d duplicates worked, job %+v: want one to work", err, second, f.row())
	}
}

func TestJob_EventWithoutOne_MakesItAtTheFirstDelivery(t *testing.T) {
	t.Parallel()
	f := open(t)
	e := platformtest.Event(events.UserRegistered{UserID: uuid.New()})
	var worked sync.WaitGroup
	runs := make(chan struct{}, 8)
	for range 8 {
		worked.Go(func() {
			if err := f.run(t.Context(), time.Minute, e, func(context.Context, *job.Job) error { runs <- struct{}{}; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	worked.Wait()
	if len(runs) != 1 || f.row().State != job.Completed {
		t.Errorf("%d runs, job %+v, want one that completed", len(runs), f.row())
	}
}

func TestJob_HolderDies_IsRescuedAndResumesAtItsCheckpoint(t *testing.T) {
	t.Parallel()
	f := open(t)
	e := f.enqueue()
	func() {
		defer func() { _ = recover() }()
		_ = f.run(t.Context(), time.Minute, e, func(ctx context.Context, j *job.Job) error {
			if err := j.Checkpoint(ctx, map[string]int{"row": 41}); err != nil {
				t.Error(err)
			}
			panic("killed")
		})
	}()
	if n := f.rescue(); n != 0 {
		t.Errorf("%d jobs rescued while the lease holds, want none", n)
	}
	f.due()
	if n := f.rescue(); n != 1 {
		t.Errorf("%d jobs rescued after the lease, want 1", n)
	}
	again := platformtest.Published[events.UserRegistered](f.Platform, 2)[1]
	if again.ID != e.ID || again.Source != e.Source || again.Data != e.Data {
		t.Errorf("the rescuer published %+v, want the event of the job %+v", again, e)
	}

	var from map[string]int
	err := f.run(t.Context(), time.Minute, again, func(_ context.Context, j *job.Job) error {
		if found, err := j.Resume(&from); err != nil || !found || j.Attempt != 2 {
			t.Errorf("attempt %d resumes %t (%v), want the second to find a checkpoint", j.Attempt, found, err)
		}
		return nil
	})

	if err != nil || from["row"] != 41 || f.row().State != job.Completed {
		t.Errorf("%v, resumed from %v, job %+v", err, from, f.row())
	}
}

func TestJob_LeaseLost_WorkIsStoppedAndCannotComplete(t *testing.T) {
	t.Parallel()
	f := open(t)
	e := f.enqueue()
	var late error
	err := f.run(t.Context(), 200*time.Millisecond, e, func(ctx context.Context, j *job.Job) error {
		f.exec(`UPDATE jobs SET holder = $1`, uuid.New()) // as another attempt does after the lease has ended
		<-ctx.Done()
		late = j.Complete(context.WithoutCancel(ctx), func(*outbox.Tx) error { t.Error("the result of a lost attempt is written"); return nil })
		return late
	})
	if err != nil || !errors.Is(late, job.ErrLost) {
		t.Errorf("run %v, complete %v, want the delivery acknowledged and ErrLost", err, late)
	}
	if got := f.row(); got.State != job.Running || got.Failure != "" {
		t.Errorf("job %+v, want it left to its new holder", got)
	}
}

func TestJob_LeaseIsRenewed_WhileWorkGoesOn(t *testing.T) {
	t.Parallel()
	f := open(t)
	e := f.enqueue()
	err := f.run(t.Context(), 2*time.Second, e, func(ctx context.Context, _ *job.Job) error {
		var before time.Time
		if err := f.db.QueryRow(ctx, `SELECT due_at FROM jobs`).Scan(&before); err != nil {
			return err
		}
		for renewed := before; !renewed.After(before); time.Sleep(5 * time.Millisecond) {
			if err := f.db.QueryRow(ctx, `SELECT due_at FROM jobs`).Scan(&renewed); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || f.row().State != job.Completed {
		t.Errorf("%v, job %+v", err, f.row())
	}
}

func TestJob_Progress_IsSeenWhileItRuns(t *testing.T) {
	t.Parallel()
	f := open(t)
	e := f.enqueue()
	err := f.run(t.Context(), time.Minute, e, func(_ context.Context, j *job.Job) error {
		j.Progress(3, 10, "rows")
		for got := f.row(); got.Done != 3 || got.Total != 10 || got.Progress != "rows"; got = f.row() {
			time.Sleep(5 * time.Millisecond)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestJob_Cancelled_EndsTheWork(t *testing.T) {
	t.Parallel()
	f := open(t)
	e := f.enqueue()
	cancel := func() {
		err := f.db.Transact(t.Context(), func(tx *outbox.Tx) error { _, err := job.Cancel(t.Context(), tx, kind, spec.Key); return err })
		if err != nil {
			t.Error(err)
		}
	}
	err := f.run(t.Context(), 200*time.Millisecond, e, func(ctx context.Context, _ *job.Job) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	if err != nil || f.row().State != job.Cancelled {
		t.Errorf("%v, job %+v, want it cancelled", err, f.row())
	}
	if err := f.run(t.Context(), time.Minute, e, func(context.Context, *job.Job) error { t.Error("a cancelled job is run"); return nil }); err != nil {
		t.Error(err)
	}
	f.due()
	if n := f.rescue(); n != 0 {
		t.Errorf("%d jobs rescued, want none", n)
	}
}

func TestJob_AttemptFails_IsTriedAgainAfterAPause(t *testing.T) {
	t.Parallel()
	f := open(t)
	e := f.enqueue()
	if err := f.run(t.Context(), time.Minute, e, func(context.Context, *job.Job) error { return errors.New("bad luck") }); err != nil {
		t.Errorf("a failed attempt is answered %v, want it acknowledged: the rescuer brings the next", err)
	}
	if got := f.row(); got.State != job.Retryable || got.Attempt != 1 {
		t.Errorf("job %+v, want it to wait for its second attempt", got)
	}
	if err := f.run(t.Context(), time.Minute, e, func(context.Context, *job.Job) error { t.Error("run before the pause is over"); return nil }); err != nil {
		t.Error(err)
	}
	f.due()
	f.rescue()
	if err := f.run(t.Context(), time.Minute, e, idle); err != nil || f.row().State != job.Completed || f.row().Attempt != 2 {
		t.Errorf("%v, job %+v, want it completed at the second attempt", err, f.row())
	}
}

// Ways in which a job fails: each is tried until no attempt is left.
func TestJob_AttemptsExhausted_PublishesJobFailed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attempt func(fixture, events.Received[events.UserRegistered])
		times   int
		reason  string
	}{
		"work that fails": {func(f fixture, e events.Received[events.UserRegistered]) {
			_ = f.run(f.t.Context(), time.Minute, e, func(context.Context, *job.Job) error { return errors.New("secret detail") })
		}, 3, "3 times in a row"},
		"work that can never succeed": {func(f fixture, e events.Received[events.UserRegistered]) {
			_ = f.run(f.t.Context(), time.Minute, e, func(context.Context, *job.Job) error { return fault.New(fault.Invalid, "There is no such report") })
		}, 1, "There is no such report"},
		"process that dies": {fixture.crash, 3, "ended without a result, 3 times"},
		"function that does not answer": {func(f fixture, e events.Received[events.UserRegistered]) {
			f.undelivered(e, false)
		}, 3, "did not respond"},
		"function that refuses the event": {func(f fixture, e events.Received[events.UserRegistered]) {
			f.undelivered(e, true)
		}, 1, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			e := f.enqueue()
			for n := range c.times {
				if got := f.row(); got.Attempt != n {
					t.Fatalf("job %+v before attempt %d", got, n+1)
				}
				c.attempt(f, e)
				f.due()
				f.rescue()
			}

			failed := platformtest.Published[events.JobFailed](f.Platform, 1)[0].Data

			if failed.Kind != kind || failed.Key != spec.Key || !strings.Contains(failed.Reason, c.reason) || strings.Contains(failed.Reason, "secret") {
				t.Errorf("told %+v, want a reason with %q", failed, c.reason)
			}
			if err := f.run(t.Context(), time.Minute, e, func(context.Context, *job.Job) error { t.Error("run without an attempt left"); return nil }); err != nil {
				t.Error(err)
			}
			for _, want := range []bool{true, false} { // the second delivery finds it ended
				var ended bool
				err := f.db.Transact(t.Context(), func(tx *outbox.Tx) (err error) { ended, err = job.Discard(t.Context(), tx, failed); return err })
				if err != nil || ended != want || f.row().State != job.Discarded {
					t.Errorf("ended %t (%v), job %+v, want %t and discarded", ended, err, f.row(), want)
				}
			}
		})
	}
}

func (f fixture) undelivered(e events.Received[events.UserRegistered], permanent bool) {
	f.t.Helper()
	err := f.db.Transact(f.t.Context(), func(tx *outbox.Tx) error {
		return job.DeliveryFailed(f.t.Context(), tx, events.DeliveryFailed{Function: kind, Source: e.Source, EventID: e.ID, Permanent: permanent})
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func TestJob_DeliveryFailsWhileItRuns_IsNotAnAttempt(t *testing.T) {
	t.Parallel()
	f := open(t)
	e := f.enqueue()
	err := f.run(t.Context(), time.Minute, e, func(context.Context, *job.Job) error {
		f.undelivered(e, false) // the broker gave up waiting for the response
		return nil
	})
	if err != nil || f.row().State != job.Completed || f.row().Attempt != 1 {
		t.Errorf("%v, job %+v, want it completed at the first attempt", err, f.row())
	}
}

func TestJob_ProcessStops_GivesTheJobBack(t *testing.T) {
	t.Parallel()
	f := open(t)
	e := f.enqueue()
	ctx, stop := context.WithCancel(t.Context())
	err := f.run(ctx, time.Minute, e, func(ctx context.Context, _ *job.Job) error { stop(); <-ctx.Done(); return ctx.Err() })
	if err == nil || f.row().State != job.Available {
		t.Errorf("%v, job %+v, want an error and the job available", err, f.row())
	}
}

func TestJob_FirstEventLost_IsPublishedAgainWithGrowingPauses(t *testing.T) {
	t.Parallel()
	f := open(t)
	f.enqueue()
	var last time.Duration
	for range 3 {
		f.due()
		f.rescue()
		var pause time.Duration
		if err := f.db.QueryRow(t.Context(), `SELECT due_at - now() FROM jobs`).Scan(&pause); err != nil || pause <= last {
			t.Errorf("pause %s after %s (%v), want it longer", pause, last, err)
		}
		last = pause
	}
	if got := f.row(); got.Attempt != 0 {
		t.Errorf("job %+v, want that publishing is no attempt", got)
	}
}

func TestWorker_SlotsTaken_OthersWait(t *testing.T) {
	t.Parallel()
	f := open(t)
	e := f.enqueue()
	worker := job.NewWorker(f.db, 1)
	ctx, stop := context.WithCancel(t.Context())
	err := job.Run(t.Context(), worker, spec, e, func(context.Context, *job.Job) error {
		other := job.Spec{Kind: kind, Key: "report 2"}
		stop()
		return job.Run(ctx, worker, other, platformtest.Event(events.UserRegistered{}), func(context.Context, *job.Job) error { t.Error("two run at once"); return nil })
	})
	if err != nil || f.row().State != job.Retryable {
		t.Errorf("%v, job %+v", err, f.row())
	}
}
