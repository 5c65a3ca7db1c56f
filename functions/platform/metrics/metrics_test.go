package metrics_test

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	platformmetrics "function/functions/platform/metrics"
	"function/shared/database"
	"function/shared/metrics"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var declaration = platformmetrics.Service

func scrape(t *testing.T, p *platformtest.Platform) map[string]*dto.MetricFamily {
	t.Helper()
	answer := p.Do("", http.MethodGet, "/metrics", nil).Want(t, http.StatusOK)
	if got := answer.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("content type %q, want the text format", got)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(answer.Body))
	if err != nil {
		t.Fatalf("%v\n%s", err, answer.Body)
	}
	return families
}

// values returns a family's values by their labels.
func values(f *dto.MetricFamily) map[string]float64 {
	all := map[string]float64{}
	for _, m := range f.GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			labels = append(labels, l.GetName()+"="+l.GetValue())
		}
		all[strings.Join(labels, ",")] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return all
}

func TestMetrics_FromTheStart_ArePresent(t *testing.T) {
	t.Parallel()
	families := scrape(t, platformtest.New(t, declaration))
	for name, kind := range map[string]dto.MetricType{
		"audit_unsealed_seconds": dto.MetricType_GAUGE, "outbox_oldest_seconds": dto.MetricType_GAUGE, "database_connections": dto.MetricType_GAUGE,
		"user_logins_total": dto.MetricType_COUNTER, "user_lockouts_total": dto.MetricType_COUNTER, "user_mfa_total": dto.MetricType_COUNTER,
		"password_hashes_waited_total": dto.MetricType_COUNTER, "password_hashes_refused_total": dto.MetricType_COUNTER,
		"user_registrations_total": dto.MetricType_COUNTER, "user_sessions_active": dto.MetricType_GAUGE,
		"datasets_total": dto.MetricType_GAUGE, "data_processing_jobs_duration": dto.MetricType_HISTOGRAM,
		"analytics_queries_total": dto.MetricType_COUNTER, "analytics_dashboard_views": dto.MetricType_COUNTER,
	} {
		if f := families[name]; f.GetType() != kind || f.GetHelp() == "" || len(f.GetMetric()) == 0 {
			t.Errorf("%s: %v, want a %s with help and a series", name, f, kind)
		}
	}
	want := map[string]float64{"status=draft": 0, "status=processing": 0, "status=ready": 0, "status=failed": 0}
	if diff := cmp.Diff(want, values(families["datasets_total"])); diff != "" {
		t.Error(diff)
	}
}

func TestMetrics_ReportTheStateOfTheDatabases(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	p.Login("owner")
	p.Login("owner")
	ctx := context.Background()
	in := func(db database.Name, work func(*database.Tx) error) {
		t.Helper()
		if err := database.Transact(ctx, p.DB(db), work); err != nil {
			t.Fatal(err)
		}
	}
	in(database.Users, func(tx *database.Tx) error { return metrics.Add(ctx, tx, "user_registrations_total", nil, 3) })
	in(database.Analytics, func(tx *database.Tx) error {
		return metrics.Add(ctx, tx, "analytics_queries_total", metrics.Labels{"database": "datasets", "outcome": "failed\n\"\\"}, 2)
	})
	jobs := metrics.Labels{"job": "profile", "outcome": "ready"}
	for _, d := range []time.Duration{50 * time.Millisecond, 700 * time.Millisecond, time.Hour} {
		in(database.Datasets, func(tx *database.Tx) error { return metrics.Observe(ctx, tx, "data_processing_jobs_duration", jobs, d) })
	}
	in(database.Datasets, func(tx *database.Tx) error {
		_, err := tx.Exec(ctx, `
INSERT INTO datasets (id, organization_id, name, description, storage_type, status, created_by, deleted_at)
VALUES ($1, $1, 'a', '', 'local', 'ready', $1, NULL), ($2, $2, 'b', '', 'local', 'draft', $2, now())`, uuid.New(), uuid.New())
		return err
	})

	in(database.Analytics, func(tx *database.Tx) error {
		_, err := tx.Exec(ctx, `
INSERT INTO audit_entries (id, organization_id, at, actor_kind, actor_id, action, result)
VALUES ($1, $1, now() - interval '1 hour', 'platform', $1, 'a:b', 'done')`, uuid.New())
		return err
	})

	in(database.Analytics, func(tx *database.Tx) error {
		_, err := tx.Exec(ctx, `
WITH o AS (INSERT INTO outbox (id, event, next_attempt_at, created_at)
    VALUES ('01900000-0000-7000-8000-000000000001', '{}', now(), now() - interval '30 minutes'), ('01900000-0000-7000-8000-000000000002', '{}', now(), now()))
INSERT INTO platform.dead_letters (id, source, event_id, event_type, destination, event, reason, failed_at, redelivered_at)
SELECT gen_random_uuid(), '', n::text, 't', '', '', '', now(), again
FROM (VALUES (1, NULL), (2, now() - interval '1 hour'), (3, now() + interval '1 second')) l (n, again)`)
		return err
	})

	families := scrape(t, p)

	for name, want := range map[string]float64{"database=analytics_db": 1800, "database=user_management_db": 0} {
		if got := values(families["outbox_oldest_seconds"])[name]; got < want || got > want+60 {
			t.Errorf("%s: the oldest event waits %f s, want %f", name, got, want)
		}
	}
	for name, least := range map[string]float64{"database_connections": 1, "database_connections_max": 10, "database_size_bytes": 1 << 20} {
		if got := values(families[name]); len(got) != 3 || got["database=analytics_db"] < least {
			t.Errorf("%s: %v, want at least %f of each database", name, got, least)
		}
	}
	if age := values(families["audit_unsealed_seconds"]); len(age) != 3 || age["trail=users"] != 0 || age["trail=analytics"] < 3600 {
		t.Errorf("ages of the oldest unsealed entries %v, want an hour for analytics and none for users", age)
	}
	for name, want := range map[string]map[string]float64{
		"user_registrations_total": {"": 3},
		"dead_letters":             {"event_type=t": 2},
		"user_sessions_active":     {"": 2},
		"datasets_total":           {"status=draft": 0, "status=processing": 0, "status=ready": 1, "status=failed": 0},
		"analytics_queries_total": {
			"database=datasets,outcome=succeeded": 0, "database=postgresql,outcome=succeeded": 0, "database=datasets,outcome=failed\n\"\\": 2,
		},
		"aic_database_up": {"database=user_management_db": 1, "database=data_management_db": 1, "database=analytics_db": 1},
	} {
		if diff := cmp.Diff(want, values(families[name])); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, m := range families["data_processing_jobs_duration"].GetMetric() {
		h := m.GetHistogram()
		if h.GetSampleCount() == 0 {
			continue
		}
		if h.GetSampleCount() != 3 || math.Abs(h.GetSampleSum()-3600.75) > 1e-9 {
			t.Errorf("%d samples of %f seconds, want 3 of 3600.75", h.GetSampleCount(), h.GetSampleSum())
		}
		got := map[float64]uint64{}
		for _, b := range h.GetBucket() {
			got[b.GetUpperBound()] = b.GetCumulativeCount()
		}
		want := map[float64]uint64{0.1: 1, 0.5: 1, 1: 2, 2.5: 2, 5: 2, 10: 2, 30: 2, 60: 2, 120: 2, 300: 2, 600: 2, math.Inf(1): 3}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("buckets: %s", diff)
		}
	}
}

// A scrape times out after 10 s, and ended sessions are kept for weeks.
func TestMetrics_ActiveSessions_UseAnIndex(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	c := p.Login("owner")
	db, ctx := p.DB(database.Users), context.Background()
	_, err := db.Exec(ctx, `
INSERT INTO sessions (id, user_id, organization_id, expires_at, ended_at)
SELECT gen_random_uuid(), $1, $2, now() + n % 3 * interval '1 hour' - interval '1 hour', CASE WHEN n % 3 = 2 AND n > 30 THEN now() - interval '1 minute' END
FROM generate_series(1, 30000) n`, c.UserID, c.OrganizationID)
	if err == nil {
		_, err = db.Exec(ctx, `ANALYZE sessions`)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := values(scrape(t, p)["user_sessions_active"])[""]; got != 11 {
		t.Errorf("%v sessions are active, want 11: neither expired nor ended", got)
	}
	rows, _ := db.Query(ctx, `EXPLAIN SELECT value FROM published.metrics WHERE name = 'user_sessions_active'`)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if text := strings.Join(plan, "\n"); err != nil || !strings.Contains(text, "sessions_over") {
		t.Errorf("%v, sessions are not counted with their index:\n%s", err, text)
	}
}

func TestMetrics_DatabaseDown_AreAbsent(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	if _, err := p.DB(database.Users).Exec(context.Background(), `ALTER SCHEMA published RENAME TO unreachable`); err != nil {
		t.Fatal(err)
	}
	families := scrape(t, p)
	want := map[string]float64{"database=user_management_db": 0, "database=data_management_db": 1, "database=analytics_db": 1}
	if diff := cmp.Diff(want, values(families["aic_database_up"])); diff != "" {
		t.Error(diff)
	}
	if families["user_registrations_total"] != nil || families["user_sessions_active"] != nil {
		t.Error("metrics of the database that is down are shown")
	}
	if len(families["data_processing_jobs_duration"].GetMetric()) != 4 || families["datasets_total"] == nil || families["analytics_queries_total"] == nil {
		t.Error("metrics of the databases that are up are missing")
	}
}

func TestMetrics_UnexpectedCounter_IsTolerated(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	_, err := p.DB(database.Users).Exec(context.Background(), `
INSERT INTO metric_counters (name, labels, shard, value) VALUES
    ('user_registrations_total', '{}', 1, 1), ('user_registrations_total', '{"other": "label"}', 1, 1),
    ('user_registrations_total_more', '{}', 1, 1), ('not a name', '{"": ""}', 1, 'NaN')`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]float64{"": 2}, values(scrape(t, p)["user_registrations_total"])); diff != "" {
		t.Error(diff)
	}
}
