package failrun_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/analytics/analyticstest"
	createreport "function/functions/analytics/create-report"
	failrun "function/functions/analytics/fail-run"
	getrun "function/functions/analytics/get-run"
	"function/functions/analytics/internal/report"
	listruns "function/functions/analytics/list-runs"
	runreport "function/functions/analytics/run-report"
	schedulereports "function/functions/analytics/schedule-reports"
	startrun "function/functions/analytics/start-run"
	outboxrelay "function/functions/platform/outbox-relay"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/page"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const (
	name = "analytics-fail-run"
	path = "/v1/analytics/reports"
)

var declarations = []function.Declaration{
	createreport.Service, startrun.Service, listruns.Service, getrun.Service, runreport.Service,
	schedulereports.Service, failrun.Service, outboxrelay.Service,
}

// scheduled creates a report that is due every hour.
func scheduled(t *testing.T, p *platformtest.Platform, caller platformtest.Caller, query string) report.Report {
	t.Helper()
	body := map[string]any{"name": "hourly", "query": query, "schedule": "0 * * * *"}
	return platformtest.Decode[report.Report](t, p.Do(caller.Token, http.MethodPost, path, body).Want(t, http.StatusCreated))
}

// due makes every schedule due, each time at a different time, and returns the n-th run request.
func due(t *testing.T, p *platformtest.Platform, n int) events.Received[events.ReportRunRequested] {
	t.Helper()
	_, err := p.DB(database.Analytics).Exec(t.Context(), `UPDATE reports SET next_run_at = date_trunc('hour', now()) - interval '1 hour'`)
	if err == nil {
		_, err = p.DB(database.Analytics).Exec(t.Context(), `UPDATE report_runs SET scheduled_for = scheduled_for - interval '1 day'`)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.Wake("analytics-schedule-reports").Want(t, http.StatusNoContent)
	requested := platformtest.Published[events.ReportRunRequested](p, n)
	return requested[n-1]
}

func runs(t *testing.T, p *platformtest.Platform, caller platformtest.Caller, of uuid.UUID) []report.Run {
	t.Helper()
	return platformtest.Decode[page.Page[report.Run]](t, p.Do(caller.Token, http.MethodGet, path+"/"+of.String()+"/runs", nil).Want(t, http.StatusOK)).Items
}

func notice(caller platformtest.Caller, run report.Run) events.NoticeRequested {
	return events.NoticeRequested{
		OrganizationID: caller.OrganizationID, UserID: caller.UserID, Notice: "report_failed",
		Params: map[string]string{"report_id": run.ReportID.String(), "run_id": run.ID.String()},
	}
}

// notices returns the notices requested so far.
func notices(t *testing.T, p *platformtest.Platform) (asked []events.NoticeRequested) {
	t.Helper()
	p.Env.Sender().Wait()
	for _, e := range platformtest.Published[events.NoticeRequested](p, 0) {
		asked = append(asked, e.Data)
	}
	return asked
}

// However a run fails permanently, it does not stay running: it fails with a message, and the
// creator of the schedule is notified.
func TestFailRun_AttemptsExhausted_RunFailsAndItsSchedulerIsNotified(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attempt func(*testing.T, *platformtest.Platform, events.Received[events.ReportRunRequested])
		says    string
	}{
		"work fails": {func(t *testing.T, p *platformtest.Platform, e events.Received[events.ReportRunRequested]) {
			platformtest.Deliver(p, report.RunKind, e).Want(t, http.StatusNoContent)
		}, "An internal error occurred 6 times"},
		"process dies": {func(t *testing.T, p *platformtest.Platform, _ events.Received[events.ReportRunRequested]) {
			_, err := p.DB(database.Analytics).Exec(t.Context(), `UPDATE jobs SET state = 'running', holder = gen_random_uuid(), attempt = attempt + 1`)
			if err != nil {
				t.Fatal(err)
			}
		}, "ended without a result, 6 times"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := platformtest.New(t, declarations...)
			caller := p.Login("member")
			analyticstest.Load(t, p, caller.OrganizationID, "weather", analyticstest.Weather)
			if err := os.RemoveAll(strings.TrimPrefix(p.Env.Config.StorageLocalURL, "file://") + "/tables"); err != nil {
				t.Fatal(err)
			}
			kept := scheduled(t, p, caller, "SELECT * FROM weather")
			event := due(t, p, 1)
			for left := true; left; {
				c.attempt(t, p, event)
				if err := p.DB(database.Analytics).QueryRow(t.Context(), `UPDATE jobs SET due_at = now() - interval '1 second' RETURNING attempt < max_attempts`).Scan(&left); err != nil {
					t.Fatal(err)
				}
				p.Wake("platform-outbox-relay").Want(t, http.StatusNoContent)
			}
			if got := runs(t, p, caller, kept.ID); len(got) != 1 || got[0].FinishedAt != nil {
				t.Fatalf("runs %+v before JobFailed is delivered, want one unfinished run", got)
			}
			failed := platformtest.Published[events.JobFailed](p, 1)[0]

			for range 2 {
				platformtest.Deliver(p, "analytics-fail-run", failed).Want(t, http.StatusNoContent)
			}

			got := runs(t, p, caller, kept.ID)
			if len(got) != 1 || got[0].Status != report.Failed || got[0].FinishedAt == nil || got[0].Failure == nil || !strings.Contains(*got[0].Failure, c.says) {
				t.Fatalf("runs %+v, want one that failed because of %q", got, c.says)
			}
			if diff := cmp.Diff([]events.NoticeRequested{notice(caller, got[0])}, notices(t, p)); diff != "" {
				t.Errorf("notices differ (-want +got):\n%s", diff)
			}
			platformtest.Deliver(p, report.RunKind, event).Want(t, http.StatusNoContent) // delivered late
			if diff := cmp.Diff(got, runs(t, p, caller, kept.ID)); diff != "" {
				t.Errorf("a late delivery changed the run:\n%s", diff)
			}
		})
	}
}

// Otherwise a schedule of every minute would send a mail every minute.
func TestFailRun_ConsecutiveFailures_OneNotice(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	kept := scheduled(t, p, caller, "SELECT nothing")
	db := p.DB(database.Analytics)
	var want []events.NoticeRequested
	for n, query := range []string{"SELECT nothing", "SELECT nothing", "SELECT 1", "SELECT nothing"} {
		if _, err := db.Exec(t.Context(), `UPDATE reports SET query = $1`, query); err != nil {
			t.Fatal(err)
		}
		platformtest.Deliver(p, report.RunKind, due(t, p, n+1)).Want(t, http.StatusNoContent)
		if n == 0 || n == 3 {
			want = append(want, notice(caller, runs(t, p, caller, kept.ID)[0]))
		}
	}
	got := notices(t, p)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notices differ (-want +got):\n%s", diff)
	}
}

func TestFailRun_RequestedRunFails_NoNotice(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	kept := scheduled(t, p, caller, "SELECT nothing")
	p.Do(caller.Token, http.MethodPost, path+"/"+kept.ID.String()+"/run", nil).Want(t, http.StatusAccepted)
	platformtest.Deliver(p, report.RunKind, platformtest.Published[events.ReportRunRequested](p, 1)[0]).Want(t, http.StatusNoContent)
	if got := runs(t, p, caller, kept.ID); len(got) != 1 || got[0].Status != report.Failed {
		t.Errorf("runs %+v, want one that failed", got)
	}
	if got := notices(t, p); len(got) != 0 {
		t.Errorf("notices %+v of a run whose caller waits for it, want none", got)
	}
}

func TestFailRun_JobOfAnotherKind_IsLeftAlone(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	platformtest.Deliver(p, name, platformtest.Event(events.JobFailed{JobID: uuid.New(), Kind: "datasets-profile", Key: "x"})).Want(t, http.StatusNoContent)
	platformtest.Deliver(p, name, platformtest.Event(events.JobFailed{JobID: uuid.New(), Kind: report.RunKind, Key: "x"})).Want(t, http.StatusUnprocessableEntity)
}
