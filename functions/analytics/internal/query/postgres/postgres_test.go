package postgres_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/analytics/internal/query"
	"function/functions/analytics/internal/query/postgres"
	"function/functions/analytics/internal/query/querytest"
	"function/shared/access"
	"function/shared/database"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// populate adds users to an organization.
func populate(t testing.TB, p *platformtest.Platform, organization uuid.UUID, users int) {
	t.Helper()
	_, err := p.DB(database.Analytics).Exec(context.Background(),
		`INSERT INTO projections.users SELECT gen_random_uuid(), $1, 'member', '2026-01-02 03:04:05+00' FROM generate_series(1, $2)`, organization, users)
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB) (*platformtest.Platform, query.Backend) {
	t.Helper()
	p := platformtest.New(t)
	b, err := postgres.Open(t.Context(), p.Env)
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
		populate(t, p, one, 3)
		populate(t, p, other, 7)
		return querytest.Case{
			Backend: b, One: one, Other: other,
			Tables:  []string{"datasets", "logins", "users"},
			Count:   "SELECT count(*) FROM users",
			Counts:  map[uuid.UUID]int{one: 3, other: 7},
			Series:  "(SELECT generate_series(1, %d) AS n) t",
			Slow:    "SELECT count(*) FROM generate_series(1, 1500) a, generate_series(1, 1500) b, generate_series(1, 1500) c",
			Attacks: attacks,
		}
	})
}

func TestBackend_ValuesOfPostgreSQL_AreExact(t *testing.T) {
	t.Parallel()
	_, b := open(t)
	for sql, want := range map[string]string{
		`SELECT 9007199254740993::int8`: `"9007199254740993"`,
		`SELECT 42`:                     `42`,
		`SELECT 0.10::numeric`:          `"0.10"`,
		`SELECT 'NaN'::float8`:          `"NaN"`,
		`SELECT 1e400::numeric`:         `"1` + strings.Repeat("0", 400) + `"`,
		`SELECT true`:                   `true`,
		`SELECT NULL::int`:              `null`,
		`SELECT '0190f1c2-0000-7000-8000-00000000000a'::uuid`:  `"0190f1c2-0000-7000-8000-00000000000a"`,
		`SELECT '2026-02-03 04:05:06.789+02'::timestamptz`:     `"2026-02-03T02:05:06.789Z"`,
		`SELECT '2026-02-03 04:05:06'::timestamp`:              `"2026-02-03T04:05:06"`,
		`SELECT '2026-02-03'::date`:                            `"2026-02-03"`,
		`SELECT 'infinity'::timestamptz`:                       `"infinity"`,
		`SELECT '04:05:06.5'::time`:                            `"04:05:06.5"`,
		`SELECT interval '1 day 2 hours'`:                      `"1 day 02:00:00"`,
		`SELECT '\x00ff'::bytea`:                               `"AP8="`,
		`SELECT ARRAY[1, NULL, 3]`:                             `[1,null,3]`,
		`SELECT ARRAY[[9007199254740993, 2], [3, 4]]::int8[]`:  `[["9007199254740993",2],[3,4]]`,
		`SELECT '{}'::text[]`:                                  `[]`,
		`SELECT ARRAY['{"a": 12345678901234567890}'::json]`:    `[{"a":12345678901234567890}]`,
		`SELECT '{"a": 12345678901234567890, "b": "é"}'::json`: `{"a":12345678901234567890,"b":"é"}`,
		`SELECT ROW(1, 'a')`:                                   `"(1,a)"`,
		`SELECT '[1,5)'::int4range`:                            `"[1,5)"`,
		`SELECT E'it''s \'?\' ' || 'x?' || $q$?$q$ -- ?`:       `"it's '?' x??"`,
	} {
		if got := querytest.Rows(t, b, uuid.New(), sql); got != "[["+want+"]]" {
			t.Errorf("%s is %s, want %s", sql, got, want)
		}
	}
}

func TestBackend_Parameters_TakeTheTypeOfTheirContext(t *testing.T) {
	t.Parallel()
	p, b := open(t)
	organization := uuid.New()
	populate(t, p, organization, 2)
	got := querytest.Rows(t, b, organization,
		`SELECT count(*) AS n, ? AS text, ?::bool, ?::numeric, coalesce(?, 7) FROM users WHERE role = ? AND registered_at > ?`,
		"pg_sleep'); --", true, 0.5, nil, "member", "2026-01-01")
	if want := `[[2,"pg_sleep'); --",true,"0.5",7]]`; got != want {
		t.Errorf("answer %s, want %s", got, want)
	}
	for sql, parameters := range map[string][]any{
		"SELECT ?, ?":             {1},
		"SELECT ? -- ?":           {1, 2},
		"SELECT $1":               {1},
		"SELECT ?::int":           {"one"},
		"SELECT ?":                {"a\x00b"},
		"SELECT 1 WHERE 1 IN (?)": {[]any{}},
	} {
		querytest.Refusal(t, b, organization, sql, parameters...)
	}
}

func TestBackend_Fault_NamesItsCharacter(t *testing.T) {
	t.Parallel()
	_, b := open(t)
	for sql, want := range map[string]string{
		"SELECT 'é', ?, ?::text, nothing FROM users": `at character 25: column "nothing" does not exist`,
		"SELECT ?, ?::text FROM nowhere":             `at character 24: relation "nowhere" does not exist; the tables are users, datasets and logins`,
		"SELECT 1; SELECT 2":                         "at character 11: the query contains more than one statement",
		"SELECT (1":                                  "a parenthesis is not closed",
		"SELECT 'abc":                                "at character 8: a string is not closed",
		" -- nothing":                                "the query is empty",
		"SELECT 1/0":                                 "division by zero",
		"SELECT 'x'::int":                            `at character 8: invalid input syntax for type integer: "x"`,
	} {
		var parameters []any
		for range strings.Count(sql, "?") {
			parameters = append(parameters, "a")
		}
		f := querytest.Refusal(t, b, uuid.New(), sql, parameters...)
		if len(f.Fields) != 1 || f.Fields[0].Location != "body.query" || !strings.HasPrefix(f.Fields[0].Message, want) {
			t.Errorf("%s: %+v, want %q", sql, f.Fields, want)
		}
	}
}

// Even without the checks of this package, the reader role sees no rows and reaches nothing else.
func TestReaderRole_WithoutOtherChecks_IsolatesOrganizations(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t)
	ctx := context.Background()
	mine, theirs := uuid.New(), uuid.New()
	populate(t, p, mine, 1)
	populate(t, p, theirs, 1)
	var grant string
	if err := p.DB(database.Analytics).QueryRow(ctx, `SELECT tenancy.grant_for($1)`, mine).Scan(&grant); err != nil {
		t.Fatal(err)
	}
	reader, err := pgx.Connect(ctx, p.Env.Config.ReaderDatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close(ctx)
	for name, test := range map[string]struct {
		grant string
		want  int
	}{
		"no grant":              {"", 0},
		"its own":               {grant, 1},
		"another's name":        {theirs.String() + grant[36:], 0},
		"no name":               {strings.Repeat("x", 100), 0},
		"no MAC":                {theirs.String(), 0},
		"the nil organization":  {uuid.Nil.String() + grant[36:], 0},
		"an organization alone": {mine.String() + strings.Repeat("0", 64), 0},
	} {
		var count int
		_, err := reader.Exec(ctx, `SELECT set_config('tenancy.grant', $1, false)`, test.grant)
		if err == nil {
			err = reader.QueryRow(ctx, `SELECT count(*) FROM projections.users`).Scan(&count)
		}
		if count != test.want {
			t.Errorf("%s: %d rows (%v), want %d", name, count, err, test.want)
		}
	}
	for _, sql := range []string{
		`SELECT * FROM public.reports`, `SELECT * FROM public.report_runs`, `SELECT * FROM public.outbox`, `SELECT * FROM public.metric_counters`,
		`SELECT * FROM platform.dead_letters`, `SELECT * FROM published.metrics`,
		`SELECT * FROM tenancy.secret`, `SELECT tenancy.grant_for('` + theirs.String() + `')`,
		`SELECT pg_read_file('/etc/passwd')`, `SELECT pg_ls_dir('/')`, `SELECT lo_import('/etc/passwd')`,
		`COPY projections.users TO PROGRAM 'id'`, `COPY projections.users TO '/tmp/stolen'`, `COPY projections.users FROM PROGRAM 'id'`,
		`INSERT INTO projections.users VALUES (gen_random_uuid(), gen_random_uuid(), 'x', now())`,
		`UPDATE projections.users SET role = 'x'`, `DELETE FROM projections.users`, `SELECT * FROM projections.users FOR UPDATE`,
		`SET ROLE analytics`, `SET SESSION AUTHORIZATION postgres`, `ALTER ROLE analytics_reader SUPERUSER`, `SET row_security = off; SELECT 1/0`,
		`CREATE TABLE public.t ()`, `CREATE TABLE projections.t ()`, `CREATE TEMP TABLE t ()`, `CREATE SCHEMA s`, `CREATE EXTENSION dblink`,
		`CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'`, `DO LANGUAGE plpython3u 'x'`,
		`ALTER TABLE projections.users DISABLE ROW LEVEL SECURITY`, `DROP TABLE projections.users`, `TRUNCATE projections.users`,
	} {
		if _, err := reader.Exec(ctx, sql); err == nil {
			t.Errorf("the reader may %s", sql)
		}
	}
}

func TestBackend_ExpensiveQuery_IsRefused(t *testing.T) {
	t.Parallel()
	_, b := open(t)
	for sql, want := range map[string]string{
		// Minutes of work on a few megabytes, which fit the limit on temporary space.
		`SELECT count(*) FROM generate_series(1, 1500) a, generate_series(1, 1500) b, generate_series(1, 1500) c`: "longer than 10 seconds",
		`SELECT repeat('x', 1000) || a FROM generate_series(1, 10000000) a ORDER BY random()`:                     "temporary space",
		`SELECT repeat('x', 50000000)`: "larger than 16 MiB",
	} {
		if f := querytest.Refusal(t, b, uuid.New(), sql); !strings.Contains(f.Detail, want) {
			t.Errorf("%s: %q, want %q", sql, f.Detail, want)
		}
	}
}

func TestBackend_LongAnswers_AreTruncated(t *testing.T) {
	t.Parallel()
	_, b := open(t)
	for sql, want := range map[string]int{
		`SELECT generate_series(1, 1000000000)`:                                                         10_000,
		`SELECT repeat('x', 1000000) FROM generate_series(1, 5000)`:                                     16,
		`WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT n FROM r LIMIT 20000`: 10_000,
	} {
		set, err := b.Run(t.Context(), access.Everyone(uuid.New()), query.Query{SQL: sql}, query.Limits{})
		if err != nil || len(set.Rows) != want || !set.Truncated {
			t.Errorf("%s: %v, want %d rows, truncated", sql, err, want)
		}
	}
}
