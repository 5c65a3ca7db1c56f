package query_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/analytics/analyticstest"
	"function/functions/analytics/query"
	"function/shared/database"
	"function/shared/platformtest"
	"function/shared/problem"
	"function/shared/resultset"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var declaration = query.Service

const path = "/v1/analytics/query"

type answer struct {
	resultset.Set
	RowCount  int   `json:"row_count"`
	ElapsedMS int64 `json:"elapsed_ms"`
}

// ask returns the body of a query request.
func ask(database, sql string, parameters ...any) map[string]any {
	body := map[string]any{"query": sql, "database": database}
	if len(parameters) > 0 {
		body["parameters"] = parameters
	}
	return body
}

func TestQuery_Weather_IsCounted(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")
	analyticstest.Load(t, p, caller.OrganizationID, "Weather", analyticstest.Weather)

	got := platformtest.Decode[answer](t, p.Do(caller.Token, http.MethodPost, path,
		ask("datasets", "SELECT weather, count(*) AS days FROM weather WHERE weather <> ? GROUP BY ALL ORDER BY days DESC;", "snow")).Want(t, http.StatusOK))

	want := resultset.Set{
		Columns: []resultset.Column{{Name: "weather", Type: "VARCHAR"}, {Name: "days", Type: "BIGINT"}},
		Rows:    [][]any{{"rain", 641.0}, {"sun", 640.0}, {"fog", 101.0}, {"drizzle", 53.0}},
	}
	if diff := cmp.Diff(want, got.Set); diff != "" || got.RowCount != 4 {
		t.Errorf("%d rows, difference (-want +got):\n%s", got.RowCount, diff)
	}
	got = platformtest.Decode[answer](t, p.Do(caller.Token, http.MethodPost, path,
		ask("datasets", `SELECT round(avg(temp_max), 6) FROM "WEATHER"`)).Want(t, http.StatusOK))
	if mean := got.Rows[0][0]; mean != 16.439083 {
		t.Errorf("mean temp_max %v, want 16.439083", mean)
	}
}

func TestQuery_Datasets_AreTheCallersOrganizations(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller, other := p.Login("member"), p.Login("member")
	analyticstest.Load(t, p, other.OrganizationID, "weather", analyticstest.Weather)
	analyticstest.Describe(t, p, other.OrganizationID, "secret_plan", "draft")
	analyticstest.Load(t, p, caller.OrganizationID, "climate", analyticstest.Weather)

	p.Do(other.Token, http.MethodPost, path, ask("datasets", "SELECT count(*) FROM weather")).Want(t, http.StatusOK)
	for _, table := range []string{"weather", "secret_plan"} {
		body := string(p.Do(caller.Token, http.MethodPost, path, ask("datasets", "SELECT count(*) FROM "+table)).Want(t, http.StatusUnprocessableEntity).Body)
		if !strings.Contains(body, `climate`) || strings.Contains(strings.ReplaceAll(body, `no table \"`+table, ""), table) {
			t.Errorf("%s: %s; want the caller's tables and nobody else's", table, body)
		}
	}
}

func TestQuery_DatasetNotReady_ExplainsWhy(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")
	for status, want := range map[string]string{"draft": "upload a file", "processing": "still being prepared", "failed": "could not be read"} {
		analyticstest.Describe(t, p, caller.OrganizationID, "set_"+status, status)
		problem := platformtest.Decode[problem.Problem](t, p.Do(caller.Token, http.MethodPost, path,
			ask("datasets", "SELECT * FROM set_"+status)).Want(t, http.StatusConflict))
		if !strings.Contains(problem.Detail, want) {
			t.Errorf("%s: %q, want %q", status, problem.Detail, want)
		}
	}
	p.Do(caller.Token, http.MethodPost, path, ask("datasets", "SELECT 'set_draft' AS mentioned")).Want(t, http.StatusOK)
}

func TestQuery_WideNumbersInParameters_AreKept(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")
	for _, database := range []string{"datasets", "postgresql"} {
		body := `{"database": "` + database + `", "query": "SELECT CAST(? AS DECIMAL(38,0)) AS n", "parameters": [12345678901234567890123456789]}`
		got := platformtest.Decode[answer](t, p.Do(caller.Token, http.MethodPost, path, body).Want(t, http.StatusOK))
		if got.Rows[0][0] != "12345678901234567890123456789" {
			t.Errorf("%s answers %v, want every digit", database, got.Rows[0][0])
		}
	}
}

func TestQuery_BadInput_IsRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")
	outside := p.LoginTo(uuid.Nil, "member")
	for name, test := range map[string]struct {
		token  string
		body   any
		status int
	}{
		"not JSON":         {caller.Token, `{"query": "SELECT`, http.StatusBadRequest},
		"no database":      {caller.Token, `{"query": "SELECT 1"}`, http.StatusUnprocessableEntity},
		"unknown database": {caller.Token, ask("oracle", "SELECT 1"), http.StatusUnprocessableEntity},
		"not configured":   {caller.Token, ask("clickhouse", "SELECT 1"), http.StatusConflict},
		"wrong type":       {caller.Token, `{"query": 1, "database": "datasets"}`, http.StatusUnprocessableEntity},
		"unknown field":    {caller.Token, `{"query": "SELECT 1", "database": "datasets", "limit": 1}`, http.StatusUnprocessableEntity},
		"nested list":      {caller.Token, ask("datasets", "SELECT ?", []any{[]any{1}}), http.StatusUnprocessableEntity},
		"object":           {caller.Token, ask("postgresql", "SELECT ?", map[string]any{}), http.StatusUnprocessableEntity},
		"object parameter": {caller.Token, `{"query": "SELECT ?", "database": "datasets", "parameters": [{}]}`, http.StatusUnprocessableEntity},
		"NUL":              {caller.Token, ask("datasets", "SELECT 1\x00"), http.StatusUnprocessableEntity},
		"oversized":        {caller.Token, ask("datasets", "SELECT '"+strings.Repeat("x", 2<<20)+"'"), http.StatusRequestEntityTooLarge},
		"long":             {caller.Token, ask("datasets", "SELECT '"+strings.Repeat("x", 200_000)+"'"), http.StatusUnprocessableEntity},
		"nobody":           {"", ask("datasets", "SELECT 1"), http.StatusUnauthorized},
		"forged token":     {caller.Token + "x", ask("datasets", "SELECT 1"), http.StatusUnauthorized},
		"no organization":  {outside.Token, ask("datasets", "SELECT 1"), http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) { p.Do(test.token, http.MethodPost, path, test.body).Want(t, test.status) })
	}
}

func TestQuery_UpdatesMetrics(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")
	p.Do(caller.Token, http.MethodPost, path, ask("datasets", "SELECT 1")).Want(t, http.StatusOK)
	p.Do(caller.Token, http.MethodPost, path, ask("datasets", "SELECT x")).Want(t, http.StatusUnprocessableEntity)
	db := p.DB(database.Analytics)
	var counted string
	err := db.QueryRow(context.Background(), `SELECT string_agg(labels ->> 'outcome' || value, ' ' ORDER BY labels ->> 'outcome') FROM metric_counters WHERE name = 'analytics_queries_total'`).Scan(&counted)
	if err != nil || counted != "refused1 succeeded1" {
		t.Errorf("counted %q (%v)", counted, err)
	}
	if _, err := db.Exec(context.Background(), `DROP TABLE metric_counters CASCADE`); err != nil {
		t.Fatal(err)
	}
	p.Do(caller.Token, http.MethodPost, path, ask("datasets", "SELECT 1")).Want(t, http.StatusOK)
}

func TestQuery_LeavesNoCopyBehind(t *testing.T) {
	t.Parallel()
	var scratch string
	t.Run("platform", func(t *testing.T) {
		p := platformtest.New(t, declaration)
		scratch = p.Env.Config.Scratch
		caller := p.Login("member")
		analyticstest.Load(t, p, caller.OrganizationID, "weather", analyticstest.Weather)
		p.Do(caller.Token, http.MethodPost, path, ask("datasets", "SELECT count(*) FROM weather")).Want(t, http.StatusOK)
		found, _ := filepath.Glob(filepath.Join(scratch, "*", "*.parquet"))
		if len(found) != 1 {
			t.Fatalf("copies %v, want one", found)
		}
		for _, name := range []string{found[0], filepath.Dir(found[0])} {
			if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s (%v): others may read it", name, err)
			}
		}
	})
	if left, _ := filepath.Glob(filepath.Join(scratch, "*")); len(left) != 0 {
		t.Errorf("%v is left behind", left)
	}
}
