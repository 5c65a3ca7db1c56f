package querytest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"function/functions/analytics/internal/query"
	"function/shared/access"
)

func limits(t *testing.T, c Case) {
	series := func(rows int) string { return fmt.Sprintf(c.Series, rows) }
	for _, test := range []struct {
		sql       string
		limits    query.Limits
		rows      int
		truncated bool
	}{
		{"SELECT n FROM " + series(10_000), query.Limits{}, 10_000, false},
		{"SELECT n FROM " + series(10_001), query.Limits{}, 10_000, true},
		{"SELECT n FROM " + series(1_000_000_000), query.Limits{}, 10_000, true},
		{"SELECT n FROM " + series(3), query.Limits{Rows: 3}, 3, false},
		{"SELECT n FROM " + series(4), query.Limits{Rows: 3}, 3, true},
		{"SELECT repeat('x', 996) FROM " + series(100), query.Limits{Bytes: 10_500}, 10, true},
	} {
		set, err := c.Backend.Run(t.Context(), access.Everyone(c.One), query.Query{SQL: test.sql}, test.limits)
		if err != nil || len(set.Rows) != test.rows || set.Truncated != test.truncated {
			t.Errorf("%s within %+v: %v, want %d rows, truncated %v", test.sql, test.limits, err, test.rows, test.truncated)
		}
	}
	for _, test := range []struct {
		sql    string
		limits query.Limits
		want   string
	}{
		{"SELECT string_agg(CAST(n AS VARCHAR), ',') FROM " + series(3_000_000), query.Limits{}, "larger than 16 MiB"},
		{"SELECT string_agg(CAST(n AS VARCHAR), ',') FROM " + series(300_000), query.Limits{Bytes: 1 << 20}, "larger than 1 MiB"},
		{c.Slow, query.Limits{Time: 500 * time.Millisecond}, "longer than 0.5 seconds"},
	} {
		if f := refusal(t, c.Backend, c.One, query.Query{SQL: test.sql}, test.limits); !strings.Contains(f.Detail, test.want) {
			t.Errorf("%s: %q, want %q", test.sql, f.Detail, test.want)
		}
	}
}

// values checks that whole numbers within ±(2^53−1) are JSON numbers, and that larger ones and
// decimals with a fraction are strings.
func values(t *testing.T, c Case) {
	for sql, want := range map[string]string{
		`SELECT count(*), sum(x), max(x) FROM (VALUES (3), (4)) t(x)`:                                       `[[2,7,4]]`,
		`SELECT sum(CAST(x AS BIGINT)) FROM (VALUES (9007199254740990), (1)) t(x)`:                          `[[9007199254740991]]`,
		`SELECT sum(CAST(x AS BIGINT)) FROM (VALUES (-9007199254740990), (-1)) t(x)`:                        `[[-9007199254740991]]`,
		`SELECT sum(CAST(x AS BIGINT)) FROM (VALUES (9007199254740991), (1)) t(x)`:                          `[["9007199254740992"]]`,
		`SELECT sum(CAST(x AS BIGINT)) FROM (VALUES (-9007199254740991), (-1)) t(x)`:                        `[["-9007199254740992"]]`,
		`SELECT CAST(7 AS NUMERIC(9,0)), CAST(7 AS NUMERIC(9,2)), CAST(-7 AS SMALLINT)`:                     `[[7,"7.00",-7]]`,
		`SELECT CAST(12345678901234567890 AS NUMERIC(38,0)), CAST(0.5 AS DOUBLE PRECISION)`:                 `[["12345678901234567890",0.5]]`,
		`SELECT ARRAY[CAST(7 AS NUMERIC(9,0)), NULL, 12345678901234567890], ARRAY[CAST(7 AS NUMERIC(9,1))]`: `[[[7,null,"12345678901234567890"],["7.0"]]]`,
		`SELECT 1 = 1, 1 = 2, NULL, 'é"\'`:                                                                  `[[true,false,null,"é\"\\"]]`,
		`SELECT CAST('NaN' AS DOUBLE PRECISION)`:                                                            `[["NaN"]]`,
		`SELECT CAST('2026-02-03' AS DATE), CAST('2026-02-03 04:05:06.5' AS TIMESTAMP)`:                     `[["2026-02-03","2026-02-03T04:05:06.5"]]`,
		`SELECT CAST('2026-02-03 04:05:06.789+02' AS TIMESTAMPTZ)`:                                          `[["2026-02-03T02:05:06.789Z"]]`,
		`SELECT CAST('0190f1c2-0000-7000-8000-00000000000a' AS UUID)`:                                       `[["0190f1c2-0000-7000-8000-00000000000a"]]`,
		`SELECT CAST('{"a": 12345678901234567890}' AS JSON)`:                                                `[[{"a":12345678901234567890}]]`,
		`SELECT 1 WHERE 1 = 2`: `[]`,
	} {
		if got := Rows(t, c.Backend, c.One, sql); got != want {
			t.Errorf("%s is %s, want %s", sql, got, want)
		}
	}
}

func parameters(t *testing.T, c Case) {
	for _, test := range []struct {
		sql   string
		value any
		want  string
	}{
		{`SELECT CAST(? AS VARCHAR)`, `'); DROP TABLE "users"; -- é`, `[["'); DROP TABLE \"users\"; -- é"]]`},
		{`SELECT CAST(? AS VARCHAR), '?' -- ?`, "", `[["","?"]]`},
		{`SELECT CAST(? AS BIGINT)`, json.Number("9007199254740993"), `[["9007199254740993"]]`},
		{`SELECT CAST(? AS NUMERIC(38,0))`, json.Number("12345678901234567890123456789"), `[["12345678901234567890123456789"]]`},
		{`SELECT CAST(? AS NUMERIC(9,2))`, 0.5, `[["0.50"]]`},
		{`SELECT CAST(? AS DOUBLE PRECISION)`, -1.5e-7, `[[-1.5e-7]]`},
		{`SELECT CAST(? AS BOOLEAN)`, true, `[[true]]`},
		{`SELECT CAST(? AS DATE)`, "2024-02-29", `[["2024-02-29"]]`},
		{`SELECT CAST(? AS TIMESTAMP)`, "2024-02-29T23:59:59.123456", `[["2024-02-29T23:59:59.123456"]]`},
		{`SELECT CAST(? AS TIMESTAMPTZ)`, "2024-02-29T23:59:59+01:00", `[["2024-02-29T22:59:59Z"]]`},
		{`SELECT coalesce(CAST(? AS INTEGER), 7)`, nil, `[[7]]`},
		{`SELECT x FROM (VALUES (1), (2), (3)) t(x) WHERE x > ? ORDER BY x`, 1, `[[2],[3]]`},
	} {
		if got := Rows(t, c.Backend, c.One, test.sql, test.value); got != test.want {
			t.Errorf("%s of %v is %s, want %s", test.sql, test.value, got, test.want)
		}
	}
	for sql, values := range map[string][]any{
		"SELECT ?, ?":                      {1},
		"SELECT CAST(? AS INTEGER) -- ?":   {1, 2},
		"SELECT 1":                         {1},
		"SELECT $1":                        {1, 2},
		"SELECT CAST(? AS INTEGER)":        {"one"},
		"SELECT CAST(? AS DATE)":           {"2023-02-29"},
		"SELECT CAST(? AS SMALLINT)":       {70_000},
		"SELECT ?, ? WHERE 1 IN (?, ?, ?)": {1, 2, []any{3}},
	} {
		Refusal(t, c.Backend, c.One, sql, values...)
	}
}

func lists(t *testing.T, c Case) {
	type list = []any
	for _, test := range []struct {
		sql        string
		parameters []any
		want       string
	}{
		{`SELECT x FROM (VALUES (1), (2), (3)) t(x) WHERE x IN (?) ORDER BY x`, list{list{1, 3}}, `[[1],[3]]`},
		{`SELECT x FROM (VALUES (1), (2), (3)) t(x) WHERE x NOT IN (?, ?) AND x > ?`, list{list{1}, 3, 0}, `[[2]]`},
		{`SELECT x FROM (VALUES ('a'), ('b"\'), ('c')) t(x) WHERE x IN (?) ORDER BY x`, list{list{"a", `b"\`}}, `[["a"],["b\"\\"]]`},
		{`SELECT x FROM (VALUES ('a'), ('b"\'), ('c')) t(x) WHERE x = ANY(?) ORDER BY x`, list{list{"a", `b"\`}}, `[["a"],["b\"\\"]]`},
		{`SELECT x FROM (VALUES (1), (2)) t(x) WHERE x = ANY(?)`, list{list{2, nil}}, `[[2]]`},
		{`SELECT x FROM (VALUES (1), (2)) t(x) WHERE x = ANY(?)`, list{list{}}, `[]`},
		{`SELECT CAST(d AS DATE) IN (?) FROM (VALUES ('2024-01-02')) t(d)`, list{list{"2024-01-02", "2024-01-03"}}, `[[true]]`},
		{`SELECT CAST(x AS NUMERIC(38,0)) IN (?) FROM (VALUES ('12345678901234567890')) t(x)`, list{list{json.Number("12345678901234567890")}}, `[[true]]`},
	} {
		if got := Rows(t, c.Backend, c.One, test.sql, test.parameters...); got != test.want {
			t.Errorf("%s of %v is %s, want %s", test.sql, test.parameters, got, test.want)
		}
	}
	Refusal(t, c.Backend, c.One, `SELECT 1`, list{})
}

// timeZone checks that the time zone of a query applies to that query only.
func timeZone(t *testing.T, c Case) {
	const sql = `SELECT CAST(CAST('2026-07-01 12:00:00+00' AS TIMESTAMPTZ) AS TIMESTAMP)`
	for _, test := range [][2]string{
		{"", "2026-07-01T12:00:00"}, {"Europe/Berlin", "2026-07-01T14:00:00"}, {"Asia/Kolkata", "2026-07-01T17:30:00"}, {"", "2026-07-01T12:00:00"},
	} {
		set, err := c.Backend.Run(t.Context(), access.Everyone(c.One), query.Query{SQL: sql, TimeZone: test[0]}, query.Limits{})
		if err != nil || set.Rows[0][0] != test[1] {
			t.Errorf("in %q: %v (%v), want %s", test[0], set, err, test[1])
		}
	}
}
