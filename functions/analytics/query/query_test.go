package query_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions/analytics/analyticstest"
	"function/functions/analytics/query"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/resultset"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var declaration = function.Endpoint(query.Operation, query.New)

const path = "/v1/analytics/query"

type answer struct {
	resultset.Set
	RowCount  int `json:"row_count"`
	ElapsedMS int `json:"elapsed_ms"`
}

// ask is the body of a query.
func ask(database, sql string, parameters ...any) map[string]any {
	body := map[string]any{"query": sql, "database": database}
	if len(parameters) > 0 {
		body["parameters"] = parameters
	}
	return body
}

func TestQueryCountsTheWeather(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")
	analyticstest.Load(t, p, caller.OrganizationID, "Weather", analyticstest.Weather)

	got := platformtest.Decode[answer](t, p.Do(caller.Token, http.MethodPost, path,
		ask("datasets", "SELECT weather, count(*) AS days FROM weather WHERE weather <> ? GROUP BY ALL ORDER BY days DESC", "snow")).Want(t, http.StatusOK))

	want := resultset.Set{
		Columns: []resultset.Column{{Name: "weather", Type: "VARCHAR"}, {Name: "days", Type: "BIGINT"}},
		Rows:    [][]any{{"rain", 641.0}, {"sun", 640.0}, {"fog", 101.0}, {"drizzle", 53.0}},
	}
	if diff := cmp.Diff(want, got.Set); diff != "" || got.RowCount != 4 {
		t.Errorf("%d rows, difference (-want +got):\n%s", got.RowCount, diff)
	}
	got = platformtest.Decode[answer](t, p.Do(caller.Token, http.MethodPost, path,
		ask("datasets", "SELECT round(avg(temp_max), 6) FROM weather")).Want(t, http.StatusOK))
	if mean := got.Rows[0][0]; mean != 16.439083 {
		t.Errorf("mean temp_max %v, want 16.439083", mean)
	}
}
