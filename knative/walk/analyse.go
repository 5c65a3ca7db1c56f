package walk

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-cmp/cmp"
)

type result struct {
	Columns []struct{ Name, Type string } `json:"columns"`
	Rows    [][]any                       `json:"rows"`
	Count   int                           `json:"row_count"`
}

// query runs SQL and returns the rows as text, with every digit.
func (w *walk) query(database, sql string, parameters ...any) [][]string {
	w.t.Helper()
	if parameters == nil {
		parameters = []any{}
	}
	return texts(w.queryResult(database, sql, parameters).Rows)
}

func (w *walk) queryResult(database, sql string, parameters []any) result {
	w.t.Helper()
	return call[result](w.client, http.MethodPost, "/v1/analytics/query",
		map[string]any{"query": sql, "database": database, "parameters": parameters}, http.StatusOK)
}

func (w *walk) wantRows(sql string, want [][]string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.query("datasets", sql)); diff != "" {
		w.t.Fatalf("%s (-want +got):\n%s", sql, diff)
	}
}

func texts(rows [][]any) [][]string {
	all := make([][]string, len(rows))
	for i, row := range rows {
		all[i] = make([]string, len(row))
		for j, value := range row {
			all[i][j] = fmt.Sprint(value)
		}
	}
	return all
}

const countByWeather = `SELECT weather, COUNT(*) AS days FROM seattle_weather GROUP BY weather ORDER BY days DESC`

var weatherCounts = [][]string{{"rain", "641"}, {"sun", "640"}, {"fog", "101"}, {"drizzle", "53"}, {"snow", "26"}}

func (w *walk) queryWeather() {
	if diff := cmp.Diff(weatherCounts, w.query("datasets", countByWeather)); diff != "" {
		w.t.Fatalf("weather counts (-want +got):\n%s", diff)
	}
	mean := w.query("datasets", `SELECT printf('%.6f', AVG(temp_max)) FROM seattle_weather WHERE weather <> ?`, "none of these")
	if mean[0][0] != "16.439083" {
		w.t.Fatalf("mean temp_max %v, want 16.439083", mean)
	}
	refused := call[struct{ Detail string }](w.client, http.MethodPost, "/v1/analytics/query",
		map[string]any{"query": "DROP TABLE seattle_weather", "database": "datasets"}, http.StatusUnprocessableEntity)
	if refused.Detail == "" {
		w.t.Fatal("DROP TABLE was refused without a word")
	}
}

// uploadCountries checks that values come back exactly: quotes, commas, scripts, codes with leading
// zeros, the code NA.
func (w *walk) uploadCountries() {
	_, content := w.uploadFile("countries", "countries.csv")
	records, err := csv.NewReader(strings.NewReader(string(content))).ReadAll()
	if err != nil {
		w.t.Fatal(err)
	}
	got := w.queryResult("datasets", "SELECT * FROM countries", []any{})
	if len(got.Rows) != len(records)-1 || len(got.Columns) != len(records[0]) {
		w.t.Fatalf("%d rows of %d columns, want %d of %d", len(got.Rows), len(got.Columns), len(records)-1, len(records[0]))
	}
	for i, row := range got.Rows {
		for j, value := range row {
			want := records[i+1][j]
			if !same(value, want) {
				w.t.Errorf("row %d, column %s (%s): %v, want %q", i+1, got.Columns[j].Name, got.Columns[j].Type, value, want)
			}
		}
	}
	codes := w.query("datasets", `SELECT cca2, ccn3 FROM countries WHERE cca3 IN ('AFG', 'NAM') ORDER BY cca3`)
	if diff := cmp.Diff([][]string{{"AF", "004"}, {"NA", "516"}}, codes); diff != "" {
		w.t.Errorf("codes (-want +got):\n%s", diff)
	}
}

// same compares a JSON value with its field in the CSV file. Text must be identical; numbers must
// be equal, since JSON may change their form (1.0, 1).
func same(value any, field string) bool {
	switch v := value.(type) {
	case nil:
		return field == ""
	case string:
		return v == field
	case bool:
		return fmt.Sprint(v) == field
	case json.Number:
		got, err := v.Float64()
		want, err2 := json.Number(field).Float64()
		return err == nil && err2 == nil && got == want
	}
	return false
}

// queryProjections waits until events have reached analytics, and checks that only the caller's
// organization is visible.
func (w *walk) queryProjections() {
	for sql, want := range map[string]string{
		"SELECT COUNT(*) FROM users":                                "1",
		"SELECT COUNT(*) FROM logins":                               "2",
		"SELECT COUNT(*) FROM datasets WHERE status = 'ready'":      "2",
		"SELECT SUM(row_count)::int FROM datasets WHERE name <> ''": "1711",
	} {
		until(w.client, sql+" to answer "+want, func() [][]string { return w.query("postgresql", sql) },
			func(rows [][]string) bool { return rows[0][0] == want })
	}
}

type report struct {
	ID        string `json:"id"`
	Schedule  string `json:"schedule"`
	NextRunAt string `json:"next_run_at"`
}

type run struct {
	ID           string  `json:"id"`
	Status       string  `json:"status"`
	ScheduledFor string  `json:"scheduled_for"`
	Rows         [][]any `json:"rows"`
	Chart        string  `json:"chart"`
	Failure      string  `json:"failure"`
}

func (w *walk) makeReport() report {
	r := call[report](w.client, http.MethodPost, "/v1/analytics/reports", map[string]any{
		"name": "Days by weather", "query": countByWeather, "database": "datasets", "visualization": "chart", "schedule": "* * * * *",
	}, http.StatusCreated)
	if r.ID == "" || r.Schedule != "* * * * *" || r.NextRunAt == "" {
		w.t.Fatalf("report %+v", r)
	}
	return r
}

func (w *walk) runReport(r report) {
	path := "/v1/analytics/reports/" + r.ID
	started := call[run](w.client, http.MethodPost, path+"/run", nil, http.StatusAccepted)
	w.wantSucceeded(until(w.client, "the run to end", func() run { return get[run](w.client, path+"/runs/"+started.ID) }, run.ended))
}

func (r run) ended() bool { return r.Status == "succeeded" || r.Status == "failed" }

func (w *walk) wantSucceeded(r run) {
	w.t.Helper()
	if r.Status != "succeeded" {
		w.t.Fatalf("run %s: %s", r.Status, r.Failure)
	}
	if diff := cmp.Diff(weatherCounts, texts(r.Rows)); diff != "" {
		w.t.Fatalf("rows of the run (-want +got):\n%s", diff)
	}
	var svg struct{ XMLName xml.Name }
	if err := xml.Unmarshal([]byte(r.Chart), &svg); err != nil || svg.XMLName.Local != "svg" || !strings.Contains(r.Chart, "drizzle") {
		w.t.Fatalf("chart is no SVG of the weather: %v", err)
	}
}

// awaitScheduledRun waits for a scheduled run, calling the scheduler twice in parallel, and checks
// that each scheduled time has only one run.
func (w *walk) awaitScheduledRun(r report) {
	type runs struct{ Items []run }
	path := "/v1/analytics/reports/" + r.ID
	list := until(w.client, "a scheduled run", func() runs {
		done := make(chan struct{})
		go func() { defer close(done); w.Fire(w.t, "analytics-schedule-reports") }()
		w.Fire(w.t, "analytics-schedule-reports")
		<-done
		return get[runs](w.client, path+"/runs")
	}, func(l runs) bool { return len(l.Items) > 1 })
	seen := map[string]bool{}
	for _, item := range list.Items {
		if item.ScheduledFor == "" {
			continue
		}
		if seen[item.ScheduledFor] {
			w.t.Fatalf("%s was run twice", item.ScheduledFor)
		}
		seen[item.ScheduledFor] = true
		w.wantSucceeded(until(w.client, "the scheduled run to end", func() run { return get[run](w.client, path+"/runs/"+item.ID) }, run.ended))
	}
	if !seen[r.NextRunAt] {
		w.t.Fatalf("no run for %s: %v", r.NextRunAt, seen)
	}
	w.want(http.MethodDelete, path, http.StatusNoContent)
}
