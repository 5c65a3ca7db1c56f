package walk

import (
	"net/http"
	"strings"
)

// strangerSeesNothing checks that a person of another organization cannot see the data set or the
// report.
func (w *walk) strangerSeesNothing(r report) {
	stranger := &walk{Target: w.Target, client: &client{t: w.t, url: w.url}}
	stranger.openAccount()
	for _, path := range []string{
		"/v1/datasets/" + w.weather,
		"/v1/datasets/" + w.weather + "/download",
		"/v1/analytics/reports/" + r.ID,
		"/v1/analytics/reports/" + r.ID + "/runs",
	} {
		stranger.want(http.MethodGet, path, http.StatusNotFound)
	}
	call[map[string]any](stranger.client, http.MethodPost, "/v1/analytics/query",
		map[string]any{"query": countByWeather, "database": "datasets"}, http.StatusUnprocessableEntity)
	for _, rows := range [][][]string{
		stranger.query("postgresql", "SELECT COUNT(*) FROM datasets"),
		stranger.query("postgresql", "SELECT COUNT(*) FROM users WHERE id = ?::uuid", w.account.ID),
	} {
		if rows[0][0] != "0" {
			w.t.Fatalf("a stranger counts %v", rows)
		}
	}
}

type disposals struct {
	Items []struct {
		Resource string `json:"resource"`
		Items    int64  `json:"items"`
		Bytes    int64  `json:"size_bytes"`
	} `json:"items"`
}

// disposeOfWeather deletes the data set, sets the retention of deleted data sets to zero days, runs
// the nightly sweep, and checks that it deleted the data set and recorded that.
func (w *walk) disposeOfWeather() {
	w.want(http.MethodDelete, "/v1/datasets/"+w.weather, http.StatusNoContent)
	w.want(http.MethodGet, "/v1/datasets/"+w.weather, http.StatusNotFound)
	call[map[string]any](w.client, http.MethodPost, "/v1/analytics/query",
		map[string]any{"query": countByWeather, "database": "datasets"}, http.StatusUnprocessableEntity)

	call[map[string]any](w.client, http.MethodPut, "/v1/compliance/retention/policies/datasets", map[string]int{"keep_days": 0}, http.StatusOK)
	w.Fire(w.t, "compliance-retention-sweep")
	record := until(w.client, "the record of the disposal",
		func() disposals { return get[disposals](w.client, "/v1/compliance/retention/disposals") },
		func(d disposals) bool { return len(d.Items) > 0 })
	if d := record.Items[0]; d.Resource != "datasets" || d.Items != 1 || d.Bytes <= 0 {
		w.t.Fatalf("disposed of %+v, want one data set", d)
	}
}

// readPlatform reads metrics, documentation, health and dead letters.
func (w *walk) readPlatform() {
	operator := &client{t: w.t, url: w.Metrics}
	metrics := string(operator.want(http.MethodGet, "", http.StatusOK).body)
	for _, name := range []string{
		"user_registrations_total", "user_sessions_active", "datasets_total",
		"data_processing_jobs_duration", "analytics_queries_total", "analytics_dashboard_views",
	} {
		if !strings.Contains(metrics, "\n# TYPE "+name+" ") && !strings.HasPrefix(metrics, "# TYPE "+name+" ") {
			w.t.Errorf("/metrics lacks %s", name)
		}
	}
	if spec := string(w.want(http.MethodGet, "/openapi.yaml", http.StatusOK).body); !strings.Contains(spec, "/v1/users/register") {
		w.t.Error("/openapi.yaml does not describe registration")
	}
	if docs := string(w.want(http.MethodGet, "/docs", http.StatusOK).body); !strings.Contains(docs, "/v1/users/register") {
		w.t.Error("/docs does not show registration")
	}
	w.want(http.MethodGet, "/health/readiness", http.StatusNoContent)
	letters := get[struct{ Items []any }](w.client, "/v1/platform/dead-letters")
	if len(letters.Items) != 0 {
		w.t.Errorf("dead letters after a walk: %v", letters.Items)
	}
}
