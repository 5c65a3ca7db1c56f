package query_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions/analytics/analyticstest"
	"function/shared/platformtest"
	"function/shared/problem"
)

// rows are the rows of an answer as they stand in its JSON.
func rows(t *testing.T, p *platformtest.Platform, caller platformtest.Caller, database, sql string, parameters ...any) string {
	t.Helper()
	var body struct{ Rows json.RawMessage }
	answered := p.Do(caller.Token, http.MethodPost, path, ask(database, sql, parameters...)).Want(t, http.StatusOK).Body
	if err := json.Unmarshal(answered, &body); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(body.Rows))
}

func TestQuery_NumbersOfEveryDatabase(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")
	for _, database := range []string{"datasets", "postgresql"} {
		for sql, want := range map[string]string{
			`SELECT count(*), sum(x), max(x) FROM (VALUES (3), (4)) t(x)`:                                       `[[2,7,4]]`,
			`SELECT sum(CAST(x AS BIGINT)) FROM (VALUES (9007199254740990), (1)) t(x)`:                          `[[9007199254740991]]`,
			`SELECT sum(CAST(x AS BIGINT)) FROM (VALUES (-9007199254740990), (-1)) t(x)`:                        `[[-9007199254740991]]`,
			`SELECT sum(CAST(x AS BIGINT)) FROM (VALUES (9007199254740991), (1)) t(x)`:                          `[["9007199254740992"]]`,
			`SELECT sum(CAST(x AS BIGINT)) FROM (VALUES (-9007199254740991), (-1)) t(x)`:                        `[["-9007199254740992"]]`,
			`SELECT CAST(7 AS NUMERIC(9,0)), CAST(7 AS NUMERIC(9,2)), CAST(-7 AS SMALLINT)`:                     `[[7,"7.00",-7]]`,
			`SELECT CAST(12345678901234567890 AS NUMERIC(38,0)), CAST(0.5 AS DOUBLE PRECISION)`:                 `[["12345678901234567890",0.5]]`,
			`SELECT ARRAY[CAST(7 AS NUMERIC(9,0)), NULL, 12345678901234567890], ARRAY[CAST(7 AS NUMERIC(9,1))]`: `[[[7,null,"12345678901234567890"],["7.0"]]]`,
		} {
			if got := rows(t, p, caller, database, sql); got != want {
				t.Errorf("%s: %s is %s, want %s", database, sql, got, want)
			}
		}
	}
}

func TestQuery_ListParameters(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")
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
		for _, database := range []string{"datasets", "postgresql"} {
			if got := rows(t, p, caller, database, test.sql, test.parameters...); got != test.want {
				t.Errorf("%s: %s of %v is %s, want %s", database, test.sql, test.parameters, got, test.want)
			}
		}
	}
	if got := rows(t, p, caller, "datasets", `SELECT x FROM (VALUES ('a')) t(x) WHERE x NOT IN (?)`, list{}); got != `[["a"]]` {
		t.Errorf("NOT IN of an empty list is %s", got)
	}
	for _, test := range []struct{ database, sql string }{
		{"postgresql", `SELECT 1 WHERE 1 IN (?)`}, {"datasets", `SELECT ?, ?`}, {"postgresql", `SELECT 1`}, {"datasets", `SELECT 1`},
	} {
		p.Do(caller.Token, http.MethodPost, path, ask(test.database, test.sql, list{})).Want(t, http.StatusUnprocessableEntity)
	}
	p.Do(caller.Token, http.MethodPost, path, ask("datasets", `SELECT ?`, list{list{1}})).Want(t, http.StatusUnprocessableEntity)
}

func TestQuery_RefusedWithASentence(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")
	analyticstest.Describe(t, p, caller.OrganizationID, "from", "draft")
	for _, test := range []struct{ database, sql, want string }{
		{"datasets", `SELECT string_agg(k::VARCHAR, ',') FROM range(3000000) t(k)`, "larger than 16 MiB"},
		{"datasets", `SELECT list(k) FROM range(3000000) t(k)`, "larger than 16 MiB"},
		{"datasets", `SELECT string_agg(k::VARCHAR, ',') AS a, a AS b FROM range(1500000) t(k)`, "larger than 16 MiB"},
		{"datasets", `SELECT 'x' UNION ALL SELECT string_agg(k::VARCHAR, ',') FROM range(3000000) t(k)`, "larger than 16 MiB"},
		{"postgresql", `SELECT string_agg(CAST(k AS text), ',') FROM generate_series(1, 3000000) t(k)`, "larger than 16 MiB"},
		{"datasets", `SELECT * FROM nonexist`, `There is no table "nonexist"`},
		{"datasets", `PIVOT (SELECT 'a' k, 1 v) ON k USING sum(v)`, "PIVOT needs the values"},
		{"datasets", `FROM (PIVOT (SELECT 'a' k, 1 v) ON k USING sum(v))`, "PIVOT needs the values"},
		{"datasets", `WITH p AS (PIVOT (SELECT 'a' k, 1 v) ON k USING sum(v)) FROM p`, "PIVOT needs the values"},
	} {
		problem := platformtest.Decode[problem.Problem](t, p.Do(caller.Token, http.MethodPost, path, ask(test.database, test.sql)).Want(t, http.StatusUnprocessableEntity))
		if !strings.Contains(problem.Detail, test.want) {
			t.Errorf("%s: %q, want %q", test.sql, problem.Detail, test.want)
		}
	}
	if diff := cmp.Diff(`[["a",3]]`, rows(t, p, caller, "datasets", `PIVOT (SELECT 'a' k, 3 v, 'a' w) ON k IN ('a') USING sum(v)`)); diff != "" {
		t.Error(diff)
	}
}
