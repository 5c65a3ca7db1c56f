package schedulereports_test

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	schedulereports "function/functions/analytics/schedule-reports"
	"function/shared/database"
	"function/shared/events"
	"function/shared/outbox"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const name = "analytics-schedule-reports"

var declaration = schedulereports.Service

// due creates reports that run every minute and have been due for a while.
func due(t *testing.T, p *platformtest.Platform, count int, since time.Duration) {
	t.Helper()
	_, err := p.DB(database.Analytics).Exec(context.Background(), `
INSERT INTO reports (id, organization_id, name, query, database, parameters, visualization, schedule, timezone, next_run_at, created_by)
SELECT gen_random_uuid(), gen_random_uuid(), 'report', 'SELECT 1', 'datasets', '[]', 'table', '* * * * *', 'UTC', date_trunc('minute', now()) - $2::interval, gen_random_uuid()
FROM generate_series(1, $1)`, count, since)
	if err != nil {
		t.Fatal(err)
	}
}

// wantRuns checks that each report has exactly one run with one job, requested by one event, and
// is due again later.
func wantRuns(t *testing.T, p *platformtest.Platform, count int) {
	t.Helper()
	var reports, runs, requested, jobs, overdue int
	err := p.DB(database.Analytics).QueryRow(context.Background(), `
SELECT count(DISTINCT report_id), count(*), count(*) FILTER (WHERE status = 'queued'),
       (SELECT count(*) FROM jobs JOIN report_runs run ON jobs.key = run.id::text WHERE kind = 'analytics-run-report' AND state = 'available'), (SELECT count(*) FROM reports WHERE next_run_at <= now())
FROM report_runs`).Scan(&reports, &runs, &requested, &jobs, &overdue)
	if err != nil || reports != count || runs != count || requested != count || jobs != count || overdue != 0 {
		t.Errorf("%d reports with %d runs, %d queued, %d jobs, %d still due (%v); want %d, each once", reports, runs, requested, jobs, overdue, err, count)
	}
	relay(t, p)
	about := map[string]uuid.UUID{} // by event identifier, because an event may be sent twice
	for sent := count; len(about) < count; sent++ {
		for _, e := range platformtest.Published[events.ReportRunRequested](p, sent) {
			about[e.ID] = e.Data.RunID
		}
	}
	if n := len(slices.Compact(slices.SortedFunc(maps.Values(about), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }))); n != count || len(about) != count {
		t.Errorf("%d events about %d runs, want %d", len(about), n, count)
	}
}

// relay sends the events that were not sent when they were published.
func relay(t *testing.T, p *platformtest.Platform) {
	t.Helper()
	ctx, db := context.Background(), p.DB(database.Analytics)
	p.Env.Sender().Wait()
	if err := outbox.RetryNow(ctx, db); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Env.Sender().Relay(ctx, db); err != nil {
		t.Fatal(err)
	}
}

func TestScheduleReports_LatestDueTime_IsQueuedOnce(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	due(t, p, 3, 400*time.Hour)

	p.Wake(name).Want(t, http.StatusNoContent)
	p.Wake(name).Want(t, http.StatusNoContent)

	wantRuns(t, p, 3)
	var late int
	err := p.DB(database.Analytics).QueryRow(context.Background(),
		`SELECT count(*) FROM report_runs WHERE scheduled_for > queued_at OR scheduled_for < queued_at - interval '1 minute'`).Scan(&late)
	if err != nil || late != 0 {
		t.Errorf("%d runs (%v) are not for the latest due time", late, err)
	}
}

func TestScheduleReports_ConcurrentWakes_QueueOnce(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	due(t, p, 120, 0)
	done := make(chan platformtest.Answer)
	for range 12 {
		go func() { done <- p.Wake(name) }()
	}
	for range 12 {
		(<-done).Want(t, http.StatusNoContent)
	}
	wantRuns(t, p, 120)
}

// The connection dies after the run is written and before the event is: the trigger terminates
// its own session once, counting with a sequence, because sequences are not rolled back.
func TestScheduleReports_ConnectionDies_QueuesOnce(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	due(t, p, 2, 0)
	_, err := p.DB(database.Analytics).Exec(context.Background(), `
CREATE SEQUENCE deaths;
CREATE FUNCTION die_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('deaths') = 2 THEN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(60); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER die_once BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION die_once();`)
	if err != nil {
		t.Fatal(err)
	}
	if answer := p.Wake(name); answer.Status < 500 {
		t.Errorf("status %d of the one that died, want one that is tried again", answer.Status)
	}
	var runs int
	if err := p.DB(database.Analytics).QueryRow(context.Background(), `SELECT count(*) FROM report_runs`).Scan(&runs); err != nil || runs != 0 {
		t.Errorf("%d runs (%v) of the one that died, want none", runs, err)
	}

	// The dying session holds its locks a moment longer than its connection, so this wake may
	// skip reports that the next one finds.
	for deadline := time.Now().Add(time.Minute); runs == 0 && time.Now().Before(deadline); {
		p.Wake(name).Want(t, http.StatusNoContent)
		if err := p.DB(database.Analytics).QueryRow(context.Background(), `SELECT count(*) FROM report_runs`).Scan(&runs); err != nil {
			t.Fatal(err)
		}
	}
	wantRuns(t, p, 2)
}

func TestScheduleReports_ReportLocked_IsSkipped(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	due(t, p, 1, 0)
	ctx := context.Background()
	err := pgx.BeginFunc(ctx, p.DB(database.Analytics), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM reports FOR UPDATE`); err != nil {
			return err
		}
		p.Wake(name).Want(t, http.StatusNoContent) // skips the locked reports without waiting
		return pgx.ErrTxCommitRollback
	})
	if err == nil {
		t.Fatal("the transaction was committed")
	}
	p.Wake(name).Want(t, http.StatusNoContent)
	wantRuns(t, p, 1)
}

func TestScheduleReports_InvalidSchedule_IsUnscheduled(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	due(t, p, 2, 0)
	ctx := context.Background()
	db := p.DB(database.Analytics)
	if _, err := db.Exec(ctx, `UPDATE reports SET schedule = 'never' WHERE id = (SELECT id FROM reports LIMIT 1)`); err != nil {
		t.Fatal(err)
	}
	p.Wake(name).Want(t, http.StatusNoContent)
	var stopped int
	if err := db.QueryRow(ctx, `SELECT count(*) FROM reports WHERE next_run_at IS NULL`).Scan(&stopped); err != nil || stopped != 1 {
		t.Errorf("%d reports have no next time (%v), want 1", stopped, err)
	}
	wantRuns(t, p, 1)
}
