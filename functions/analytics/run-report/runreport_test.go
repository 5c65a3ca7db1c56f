package runreport_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions/analytics/analyticstest"
	createreport "function/functions/analytics/create-report"
	deletereport "function/functions/analytics/delete-report"
	getrun "function/functions/analytics/get-run"
	"function/functions/analytics/internal/report"
	listruns "function/functions/analytics/list-runs"
	runchart "function/functions/analytics/run-chart"
	runreport "function/functions/analytics/run-report"
	startrun "function/functions/analytics/start-run"
	outboxrelay "function/functions/platform/outbox-relay"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/job"
	"function/shared/page"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const (
	name = "analytics-run-report"
	path = "/v1/analytics/reports"
)

var declarations = []function.Declaration{
	createreport.Service,
	deletereport.Service,
	startrun.Service,
	listruns.Service,
	getrun.Service,
	runchart.Service,
	runreport.Service,
	outboxrelay.Service,
}

// start creates a report, starts a run of it, and returns the run's path and event.
func start(t *testing.T, p *platformtest.Platform, caller platformtest.Caller, body map[string]any) (string, events.Received[events.ReportRunRequested]) {
	t.Helper()
	stored := platformtest.Decode[report.Report](t, p.Do(caller.Token, http.MethodPost, path, body).Want(t, http.StatusCreated))
	runs := path + "/" + stored.ID.String()
	run := platformtest.Decode[report.Run](t, p.Do(caller.Token, http.MethodPost, runs+"/run", nil).Want(t, http.StatusAccepted))
	if run.Status != report.Queued || run.ReportID != stored.ID {
		t.Fatalf("run %+v is not a queued run of report %s", run, stored.ID)
	}
	for n := 1; ; n++ {
		for _, e := range platformtest.Published[events.ReportRunRequested](p, n) {
			if e.Data.RunID == run.ID {
				return runs + "/runs/" + run.ID.String(), e
			}
		}
	}
}

func read(t *testing.T, p *platformtest.Platform, caller platformtest.Caller, run string) report.RunResult {
	t.Helper()
	return platformtest.Decode[report.RunResult](t, p.Do(caller.Token, http.MethodGet, run, nil).Want(t, http.StatusOK))
}

// again makes the run's next attempt due and delivers its event.
func again(t *testing.T, p *platformtest.Platform, event events.Received[events.ReportRunRequested]) {
	t.Helper()
	if _, err := p.DB(database.Analytics).Exec(t.Context(), `UPDATE jobs SET due_at = now() - interval '1 second' WHERE finished_at IS NULL`); err != nil {
		t.Fatal(err)
	}
	p.Wake("platform-outbox-relay").Want(t, http.StatusNoContent)
	platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)
}

func TestRunReport_StoresRowsAndChart(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	analyticstest.Load(t, p, caller.OrganizationID, "weather", analyticstest.Weather)
	run, event := start(t, p, caller, map[string]any{
		"name": "Rainy <days>", "visualization": "chart", "parameters": []any{"2012-01-01"},
		"query": "SELECT weather, count(*) AS days FROM weather WHERE date >= CAST(? AS DATE) GROUP BY ALL ORDER BY days DESC",
	})

	platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)

	got := read(t, p, caller, run)
	var rows [][]any
	if err := json.Unmarshal(got.Rows, &rows); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]any{{"rain", 641.0}, {"sun", 640.0}, {"fog", 101.0}, {"drizzle", 53.0}, {"snow", 26.0}}, rows); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
	if got.Status != report.Succeeded || *got.RowCount != 5 || got.Truncated || got.StartedAt == nil || got.FinishedAt == nil || got.Failure != nil {
		t.Errorf("run %+v is not one that succeeded with 5 rows", got.Run)
	}
	picture := p.Do(caller.Token, http.MethodGet, run+"/chart", nil).Want(t, http.StatusOK)
	if got.Chart == nil || *got.Chart != string(picture.Body) || !strings.Contains(*got.Chart, "Rainy &lt;days&gt;") {
		t.Errorf("the chart %.200s is not that of the run", picture.Body)
	}
	if picture.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(picture.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("headers %v of a picture", picture.Header)
	}
}

func TestRunReport_DeliveredRepeatedly_HasItsEffectOnce(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	run, event := start(t, p, caller, map[string]any{"name": "now", "database": "postgresql", "query": "SELECT clock_timestamp()"})
	done := make(chan platformtest.Answer)
	for range 8 {
		go func() { done <- platformtest.Deliver(p, name, event) }()
	}
	for range 8 {
		(<-done).Want(t, http.StatusNoContent)
	}
	first := read(t, p, caller, run)

	platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)

	if diff := cmp.Diff(first, read(t, p, caller, run)); diff != "" {
		t.Errorf("a second delivery changed the run (-first +second):\n%s", diff)
	}
	var counted float64
	if err := p.DB(database.Analytics).QueryRow(context.Background(), `SELECT sum(value) FROM metric_counters WHERE name = 'analytics_queries_total'`).Scan(&counted); err != nil || counted != 1 {
		t.Errorf("%v queries counted (%v), want 1", counted, err)
	}
}

func TestRunReport_QueryRefused_FailsWithASentence(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	for query, want := range map[string]string{
		"SELECT nothing FROM users":       "nothing",
		"SELECT * FROM sales WHERE m = ?": "parameters",
		"DELETE FROM users":               "only SELECT queries",
		"SELECT pg_sleep(1)":              "not available",
	} {
		run, event := start(t, p, caller, map[string]any{"name": "fails", "database": "postgresql", "query": query})
		platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)
		if got := read(t, p, caller, run); got.Status != report.Failed || got.Failure == nil || !strings.Contains(*got.Failure, want) {
			t.Errorf("run of %q: %+v, want a failure about %q", query, got.Run, want)
		}
	}
}

func TestRunReport_ChartFails_KeepsRows(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	run, event := start(t, p, caller, map[string]any{
		"name": "words", "query": `SELECT 'a' || chr(0) AS word, 12345678901234567890::HUGEINT::VARCHAR AS code`, "visualization": "chart"})

	platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)

	got := read(t, p, caller, run)
	if got.Status != report.Succeeded || got.ChartFailure == nil || got.Chart != nil {
		t.Errorf("run %+v, want rows and the reason why there is no chart", got.Run)
	}
	if want := `[["a\u0000","12345678901234567890"]]`; string(got.Rows) != want {
		t.Errorf("rows %s, want %s", got.Rows, want)
	}
	p.Do(caller.Token, http.MethodGet, run+"/chart", nil).Want(t, http.StatusNotFound)
}

func TestRunReport_ReportDeleted_Succeeds(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	run, event := start(t, p, caller, map[string]any{"name": "gone", "query": "SELECT 1"})
	p.Do(caller.Token, http.MethodDelete, path+"/"+event.Data.ReportID.String(), nil).Want(t, http.StatusNoContent)

	platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)

	p.Do(caller.Token, http.MethodGet, run, nil).Want(t, http.StatusNotFound)
}

func TestRunReport_DatabaseDown_IsRetried(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	run, event := start(t, p, caller, map[string]any{"name": "users", "database": "postgresql", "query": "SELECT count(*) FROM users"})
	ctx := context.Background()
	db := p.DB(database.Analytics)
	if _, err := db.Exec(ctx, `ALTER FUNCTION tenancy.grant_for(uuid) RENAME TO away`); err != nil {
		t.Fatal(err)
	}
	platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)
	if got := read(t, p, caller, run); got.Status != report.Running {
		t.Errorf("status %s while the run is tried again, want running", got.Status)
	}
	if _, err := db.Exec(ctx, `ALTER FUNCTION tenancy.away(uuid) RENAME TO grant_for`); err != nil {
		t.Fatal(err)
	}
	again(t, p, event)
	if got := read(t, p, caller, run); got.Status != report.Succeeded || string(got.Rows) != "[[0]]" {
		t.Errorf("run %+v with rows %s, want one that succeeded", got.Run, got.Rows)
	}
}

// The connection dies while the result is written: the trigger terminates its own session once,
// counting with a sequence, because sequences are not rolled back.
func TestRunReport_ConnectionDies_IsRetried(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	run, event := start(t, p, caller, map[string]any{"name": "one", "query": "SELECT 1"})
	_, err := p.DB(database.Analytics).Exec(context.Background(), `
CREATE SEQUENCE deaths;
CREATE FUNCTION die_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('deaths') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(60); END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER die_once BEFORE UPDATE ON report_runs FOR EACH ROW WHEN (NEW.status = 'succeeded') EXECUTE FUNCTION die_once();`)
	if err != nil {
		t.Fatal(err)
	}
	platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)
	if got := read(t, p, caller, run); got.Status != report.Running || got.Rows != nil {
		t.Errorf("run %+v of the one that died, want one that is running", got.Run)
	}

	again(t, p, event)

	if got := read(t, p, caller, run); got.Status != report.Succeeded || string(got.Rows) != "[[1]]" {
		t.Errorf("run %+v with rows %s, want one that succeeded", got.Run, got.Rows)
	}
}

func TestRuns_OtherOrganization_NotFound(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller, stranger := p.Login("member"), p.Login("owner")
	run, event := start(t, p, caller, map[string]any{"name": "mine", "query": "SELECT 1 AS one", "visualization": "chart"})
	platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)
	stored := path + "/" + event.Data.ReportID.String()

	list := platformtest.Decode[page.Page[report.Run]](t, p.Do(caller.Token, http.MethodGet, stored+"/runs", nil).Want(t, http.StatusOK))
	if len(list.Items) != 1 || list.Items[0].ID != event.Data.RunID {
		t.Errorf("runs %+v, want the one that was started", list.Items)
	}
	for _, request := range [][2]string{
		{http.MethodGet, run}, {http.MethodGet, run + "/chart"}, {http.MethodGet, stored + "/runs"},
		{http.MethodPost, stored + "/run"}, {http.MethodDelete, stored},
	} {
		p.Do(stranger.Token, request[0], request[1], nil).Want(t, http.StatusNotFound)
	}
	p.Do(caller.Token, http.MethodGet, run+"/chart", nil).Want(t, http.StatusOK)
}

func TestRunReport_ReportDeletedWhileItWaits_JobIsCancelled(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	_, event := start(t, p, caller, map[string]any{"name": "gone", "query": "SELECT 1"})
	p.Do(caller.Token, http.MethodDelete, path+"/"+event.Data.ReportID.String(), nil).Want(t, http.StatusNoContent)
	var state string
	err := p.DB(database.Analytics).QueryRow(t.Context(), `SELECT state FROM jobs WHERE key = $1`, event.Data.RunID.String()).Scan(&state)
	if err != nil || state != job.Cancelled {
		t.Errorf("job %q (%v) of a run that was deleted, want it cancelled", state, err)
	}
}

func TestRunReport_TimeZone(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	for database, query := range map[string]string{
		"datasets":   "SELECT current_date = CAST(now() AT TIME ZONE 'Pacific/Kiritimati' AS DATE), CAST(TIMESTAMPTZ '2024-01-01 12:00:00Z' AS VARCHAR), TIMESTAMPTZ '2024-01-01 00:00:00', CAST(TIMESTAMPTZ '2024-01-01 12:00:00Z' AS DATE)",
		"postgresql": "SELECT current_date = CAST(now() AT TIME ZONE 'Pacific/Kiritimati' AS DATE), CAST(TIMESTAMPTZ '2024-01-01 12:00:00Z' AS VARCHAR), TIMESTAMPTZ '2024-01-01 00:00:00', CAST(TIMESTAMPTZ '2024-01-01 12:00:00Z' AS DATE)",
	} {
		run, event := start(t, p, caller, map[string]any{"name": "tz", "query": query, "database": database, "timezone": "Pacific/Kiritimati"})
		platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)
		got := read(t, p, caller, run)
		if want := `[[true,"2024-01-02 02:00:00+14","2023-12-31T10:00:00Z","2024-01-02"]]`; string(got.Rows) != want {
			t.Errorf("%s: %s, want %s (%+v)", database, got.Rows, want, got.Failure)
		}
	}
}

func TestRunReport_EngineWithoutTheTimeZone(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	for _, database := range []string{"datasets", "postgresql"} {
		for _, zone := range []string{"UTC", "US/Eastern", "EST5EDT", "Etc/GMT+5", "America/Argentina/ComodRivadavia", "Asia/Kolkata", "Factory", "Europe/Kyiv", "PST8PDT", "GB", "Zulu"} {
			run, event := start(t, p, caller, map[string]any{"name": "tz", "query": "SELECT 1 AS n", "database": database, "timezone": zone})
			answer := platformtest.Deliver(p, name, event)
			if got := read(t, p, caller, run); got.Status != report.Succeeded && (got.Failure == nil || !strings.Contains(*got.Failure, zone)) {
				t.Errorf("%s, %s: delivery %d, run %+v", database, zone, answer.Status, got.Run)
			}
		}
	}
}

func TestRunReport_ReadsDataSets_PublishesVersionsAndColumns(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	weather := analyticstest.Load(t, p, caller.OrganizationID, "weather", analyticstest.Weather)
	analyticstest.Load(t, p, caller.OrganizationID, "days", analyticstest.Weather) // a name that is only a column
	_, failing := start(t, p, caller, map[string]any{"name": "fails", "query": "SELECT nothing FROM weather"})
	run, event := start(t, p, caller, map[string]any{
		"name": "Rainy days", "parameters": []any{[]any{"rain", "it's"}, true},
		"query": "SELECT weather AS kind, count(*) AS days FROM weather@1 WHERE weather IN (?) AND ? GROUP BY ALL",
	})
	platformtest.Deliver(p, name, failing).Want(t, http.StatusNoContent)
	platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)

	got := platformtest.Published[events.ReportRan](p, 1)[0].Data
	version := events.VersionRead{DatasetID: weather, Version: 1}
	want := events.ReportRan{
		ReportID: event.Data.ReportID, RunID: event.Data.RunID, OrganizationID: caller.OrganizationID, Name: "Rainy days", CreatedBy: caller.UserID, FinishedAt: got.FinishedAt,
		Versions: []events.VersionRead{version},
		Columns: []events.ColumnRead{
			{VersionRead: version, Column: "weather", Kind: "INDIRECT", Transformation: "FILTER"},
			{VersionRead: version, Column: "weather", Kind: "INDIRECT", Transformation: "GROUP_BY"},
			{VersionRead: version, Column: "weather", Result: "kind", Kind: "DIRECT", Transformation: "IDENTITY"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if status := read(t, p, caller, run).Status; status != report.Succeeded {
		t.Errorf("the run has %s", status)
	}
	p.Do(caller.Token, http.MethodDelete, path+"/"+event.Data.ReportID.String(), nil).Want(t, http.StatusNoContent)
	if gone := platformtest.Published[events.ReportDeleted](p, 1)[0].Data; gone.ReportID != event.Data.ReportID {
		t.Errorf("event %+v of the deleted report", gone)
	}
}
