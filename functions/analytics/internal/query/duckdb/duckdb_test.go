package duckdb_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"function/functions/analytics/analyticstest"
	"function/functions/analytics/internal/query"
	"function/functions/analytics/internal/query/duckdb"
	"function/functions/analytics/internal/query/querytest"
	"function/shared/access"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

func open(t testing.TB) (*platformtest.Platform, query.Backend) {
	t.Helper()
	p := platformtest.New(t)
	b, err := duckdb.Open(t.Context(), p.Env)
	if err != nil {
		t.Fatal(err)
	}
	return p, b
}

func TestBackend(t *testing.T) {
	t.Parallel()
	querytest.Run(t, func(t testing.TB) querytest.Case {
		p, b := open(t)
		one, other := uuid.New(), uuid.New()
		analyticstest.Load(t, p, one, "weather", analyticstest.Weather)
		analyticstest.Load(t, p, one, "Climate", analyticstest.CSV(t, "n\n1\n"))
		analyticstest.Describe(t, p, one, "empty", "draft")
		analyticstest.Load(t, p, other, "weather", analyticstest.CSV(t, "n\n1\n2\n"))
		analyticstest.Load(t, p, other, "secret_plan", analyticstest.CSV(t, "n\n1\n"))
		return querytest.Case{
			Backend: b, One: one, Other: other,
			Tables:  []string{"Climate", "weather"},
			Count:   "SELECT count(*) FROM weather",
			Counts:  map[uuid.UUID]int{one: 1461, other: 2},
			Series:  "range(%d) t(n)",
			Slow:    "SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c WHERE a.range + b.range + c.range = 1",
			Attacks: attacks(strings.TrimPrefix(p.Env.Config.StorageLocalURL, "file://"), p.Env.Config.Scratch),
		}
	})
}

func TestBackend_DatasetsOfAnyName_AreFound(t *testing.T) {
	t.Parallel()
	p, b := open(t)
	organization := uuid.New()
	for name, from := range map[string]string{
		`Größe 2024`: `"größe 2024"`, `my"table`: `"my""table"`, `select`: `"select"`, `a`: `A`, `x'y`: `"x'y"`, `naïve_name`: `naïve_name`,
	} {
		analyticstest.Load(t, p, organization, name, analyticstest.CSV(t, "n\n1\n"))
		if got := querytest.Rows(t, b, organization, "SELECT n FROM "+from); got != "[[1]]" {
			t.Errorf("%s: rows %s", from, got)
		}
	}
}

func TestBackend_LongAnswers_AreTruncated(t *testing.T) {
	t.Parallel()
	_, b := open(t)
	for sql, want := range map[string]int{
		`SELECT * FROM range(1000000000)`:            10_000,
		`SELECT repeat('x', 60000) FROM range(1000)`: 279,
		`SELECT * FROM range(10001)`:                 10_000,
	} {
		set, err := b.Run(t.Context(), access.Everyone(uuid.New()), query.Query{SQL: sql}, query.Limits{})
		if err != nil || len(set.Rows) != want || !set.Truncated {
			t.Errorf("%s: %v, want %d rows, truncated", sql, err, want)
		}
	}
}

func TestBackend_ListsOfDuckDB(t *testing.T) {
	t.Parallel()
	_, b := open(t)
	organization := uuid.New()
	if got := querytest.Rows(t, b, organization, `SELECT x FROM (VALUES ('a')) t(x) WHERE x NOT IN (?)`, []any{}); got != `[["a"]]` {
		t.Errorf("NOT IN of an empty list is %s", got)
	}
	if got := querytest.Rows(t, b, organization, `SELECT ?`, []any{1, nil}); got != `[[[1,null]]]` {
		t.Errorf("a list by itself is %s", got)
	}
	querytest.Refusal(t, b, organization, `SELECT ?, ?`, []any{})
}

func TestBackend_Refusal_IsASentence(t *testing.T) {
	t.Parallel()
	p, b := open(t)
	organization := uuid.New()
	analyticstest.Describe(t, p, organization, "from", "draft")
	for _, test := range []struct{ sql, want string }{
		{`SELECT string_agg(k::VARCHAR, ',') FROM range(3000000) t(k)`, "larger than 16 MiB"},
		{`SELECT list(k) FROM range(3000000) t(k)`, "larger than 16 MiB"},
		{`SELECT string_agg(k::VARCHAR, ',') AS a, a AS b FROM range(1500000) t(k)`, "larger than 16 MiB"},
		{`SELECT 'x' UNION ALL SELECT string_agg(k::VARCHAR, ',') FROM range(3000000) t(k)`, "larger than 16 MiB"},
		{`SELECT * FROM nonexist`, `There is no table "nonexist"`},
		{`PIVOT (SELECT 'a' k, 1 v) ON k USING sum(v)`, "PIVOT needs the values"},
		{`FROM (PIVOT (SELECT 'a' k, 1 v) ON k USING sum(v))`, "PIVOT needs the values"},
		{`WITH p AS (PIVOT (SELECT 'a' k, 1 v) ON k USING sum(v)) FROM p`, "PIVOT needs the values"},
	} {
		if f := querytest.Refusal(t, b, organization, test.sql); !strings.Contains(f.Detail, test.want) {
			t.Errorf("%s: %q, want %q", test.sql, f.Detail, test.want)
		}
	}
	if got := querytest.Rows(t, b, organization, `PIVOT (SELECT 'a' k, 3 v, 'a' w) ON k IN ('a') USING sum(v)`); got != `[["a",3]]` {
		t.Errorf("PIVOT answers %s", got)
	}
}
