package createreport_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	createreport "function/functions/analytics/create-report"
	deletereport "function/functions/analytics/delete-report"
	getreport "function/functions/analytics/get-report"
	"function/functions/analytics/internal/query"
	"function/functions/analytics/internal/report"
	listreports "function/functions/analytics/list-reports"
	"function/shared/function"
	"function/shared/page"
	"function/shared/platformtest"
	"function/shared/problem"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const path = "/v1/analytics/reports"

var declarations = []function.Declaration{
	createreport.Service,
	getreport.Service,
	listreports.Service,
	deletereport.Service,
}

func TestCreateReport_RequiredFieldsOnly(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	stored := platformtest.Decode[report.Report](t, p.Do(caller.Token, http.MethodPost, path,
		`{"name": "Monthly Sales Report", "query": "SELECT * FROM sales WHERE month = ?", "visualization": "chart"}`).Want(t, http.StatusCreated))

	if stored.Database != query.Datasets || stored.Visualization != report.Chart || stored.Timezone != "UTC" || stored.Schedule != nil || stored.NextRunAt != nil {
		t.Errorf("report %+v, want one over datasets that runs by hand", stored)
	}
	if stored.ID == uuid.Nil || stored.CreatedBy != caller.UserID || stored.CreatedAt.IsZero() {
		t.Errorf("report %+v lacks an identifier, a maker or a time", stored)
	}
}

func TestCreateReport_IsReadAsWritten(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	created := p.Do(caller.Token, http.MethodPost, path, `{"name": "Łódź", "query": "SELECT ?, ?, ?, ?", "database": "postgresql",
		"schedule": "0 6 * * MON", "timezone": "Europe/Berlin", "parameters": [12345678901234567890, "a\u0000b", null, 1.50]}`).Want(t, http.StatusCreated)
	stored := platformtest.Decode[report.Report](t, created)
	if stored.NextRunAt == nil || len(stored.NextRuns) != 5 || !stored.NextRuns[0].Equal(*stored.NextRunAt) || *stored.Schedule != "0 6 * * MON" || !strings.Contains(string(created.Body), `[12345678901234567890,"a\u0000b",null,1.50]`) {
		t.Errorf("report %s is not as it was written", created.Body)
	}

	got := p.Do(caller.Token, http.MethodGet, path+"/"+stored.ID.String(), nil).Want(t, http.StatusOK)
	if diff := cmp.Diff(string(created.Body), string(got.Body)); diff != "" {
		t.Errorf("the report differs when it is read (-created +read):\n%s", diff)
	}
	stranger := p.Login("owner")
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		p.Do(stranger.Token, method, path+"/"+stored.ID.String(), nil).Want(t, http.StatusNotFound)
	}
	p.Do(caller.Token, http.MethodDelete, path+"/"+stored.ID.String(), nil).Want(t, http.StatusNoContent)
	p.Do(caller.Token, http.MethodGet, path+"/"+stored.ID.String(), nil).Want(t, http.StatusNotFound)
	p.Do(caller.Token, http.MethodDelete, path+"/"+stored.ID.String(), nil).Want(t, http.StatusNotFound)
}

func TestListReports_SeveralPages_ReturnsTheOrganizationsReports(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller, stranger := p.Login("member"), p.Login("member")
	for i := range 5 {
		for _, token := range []string{caller.Token, stranger.Token} {
			p.Do(token, http.MethodPost, path, fmt.Sprintf(`{"name": "report %d", "query": "SELECT 1"}`, i)).Want(t, http.StatusCreated)
		}
	}
	var names []string
	for cursor := ""; ; {
		got := platformtest.Decode[page.Page[report.Report]](t, p.Do(caller.Token, http.MethodGet, path+"?limit=2&cursor="+cursor, nil).Want(t, http.StatusOK))
		for _, r := range got.Items {
			names = append(names, r.Name)
		}
		if cursor = got.NextCursor; cursor == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"report 4", "report 3", "report 2", "report 1", "report 0"}, names); diff != "" {
		t.Errorf("reports differ (-want +got):\n%s", diff)
	}
	p.Do(caller.Token, http.MethodGet, path+"?cursor=x", nil).Want(t, http.StatusUnprocessableEntity)
}

func TestCreateReport_DatabaseNotConfigured_NamesItsSetting(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	for database, setting := range map[string]string{"elasticsearch": "ELASTICSEARCH_URL", "clickhouse": "CLICKHOUSE_URL", "timescaledb": "TIMESCALEDB_URL"} {
		body := `{"name": "n", "query": "SELECT 1", "database": "` + database + `"}`
		problem := platformtest.Decode[problem.Problem](t, p.Do(caller.Token, http.MethodPost, path, body).Want(t, http.StatusConflict))
		if len(problem.Errors) != 1 || problem.Errors[0].Location != "body.database" || !strings.Contains(problem.Detail, setting) {
			t.Errorf("%s: %+v, want body.database and the setting %s", database, problem, setting)
		}
	}
}

func TestCreateReport_BadInput_IsRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	caller := p.Login("member")
	for name, test := range map[string]struct{ extra, location string }{
		"schedule of six fields": {`, "schedule": "* * * * * *"`, "body.schedule"},
		"schedule every":         {`, "schedule": "@every 1s"`, "body.schedule"},
		"schedule that never is": {`, "schedule": "0 0 31 2 *"`, "body.schedule"},
		"schedule with a zone":   {`, "schedule": "TZ="`, "body.schedule"},
		"time zone":              {`, "schedule": "@daily", "timezone": "Mars/Olympus"`, "body.timezone"},
		"time zone of nothing":   {`, "timezone": "Mars/Olympus"`, "body.timezone"},
		"unknown database":       {`, "database": "oracle"`, "body.database"},
		"visualization":          {`, "visualization": "hologram"`, "body.visualization"},
		"parameter":              {`, "parameters": [{}]`, "body.parameters[0]"},
		"unknown field":          {`, "owner": "me"`, "body.owner"},
		"NUL in the name":        {`, "name": "a\u0000"`, "body.name"},
		"NUL in the query":       {`, "query": "SELECT '\u0000'"`, "body.query"},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"name": "n", "query": "SELECT 1"` + test.extra + `}`
			problem := platformtest.Decode[problem.Problem](t, p.Do(caller.Token, http.MethodPost, path, body).Want(t, http.StatusUnprocessableEntity))
			if len(problem.Errors) == 0 || problem.Errors[0].Location != test.location {
				t.Errorf("places %+v, want %s", problem.Errors, test.location)
			}
		})
	}
	p.Do("", http.MethodPost, path, `{"name": "n", "query": "SELECT 1"}`).Want(t, http.StatusUnauthorized)
	p.Do(p.LoginTo(uuid.Nil, "member").Token, http.MethodPost, path, `{"name": "n", "query": "SELECT 1"}`).Want(t, http.StatusForbidden)
	p.Do(caller.Token, http.MethodPost, path, `{"name": "`).Want(t, http.StatusBadRequest)
	p.Do(caller.Token, http.MethodGet, path+"/x", nil).Want(t, http.StatusUnprocessableEntity)
}
