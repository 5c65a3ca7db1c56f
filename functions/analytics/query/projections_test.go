package query_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/platformtest"
	"function/shared/problem"
)

// populate gives an organization users.
func populate(t testing.TB, p *platformtest.Platform, organization uuid.UUID, users int) {
	t.Helper()
	_, err := p.DB(database.Analytics).Exec(context.Background(),
		`INSERT INTO projections.users SELECT gen_random_uuid(), $1, 'member', '2026-01-02 03:04:05+00' FROM generate_series(1, $2)`, organization, users)
	if err != nil {
		t.Fatal(err)
	}
}

func TestQueryCountsTheUsersOfTheCallersOrganization(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	a, b := p.Login("member"), p.Login("member")
	populate(t, p, a.OrganizationID, 3)
	populate(t, p, b.OrganizationID, 5)

	for range 3 { // the connections are used again
		for caller, want := range map[string]float64{a.Token: 3, b.Token: 5, p.Login("member").Token: 0} {
			got := platformtest.Decode[answer](t, p.Do(caller, http.MethodPost, path, ask("postgresql", "SELECT COUNT(*) FROM users;")).Want(t, http.StatusOK))
			if got.Rows[0][0] != want {
				t.Errorf("%v users, want %v", got.Rows[0][0], want)
			}
		}
	}
}

func TestQueryOfProjectionsAnswersValuesExactly(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")
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
		body := string(p.Do(caller.Token, http.MethodPost, path, ask("postgresql", sql)).Want(t, http.StatusOK).Body)
		if !strings.Contains(body, `"rows":[[`+want+`]]`) {
			t.Errorf("%s answers %s, want %s", sql, body, want)
		}
	}
}

func TestQueryOfProjectionsBindsParameters(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")
	populate(t, p, caller.OrganizationID, 2)
	body := p.Do(caller.Token, http.MethodPost, path, ask("postgresql",
		`SELECT count(*) AS n, ? AS text, ?::bool, ?::numeric, coalesce(?, 7) FROM users WHERE role = ? AND registered_at > ?`,
		"pg_sleep'); --", true, 0.5, nil, "member", "2026-01-01")).Want(t, http.StatusOK).Body
	if want := `"rows":[[2,"pg_sleep'); --",true,"0.5",7]]`; !strings.Contains(string(body), want) {
		t.Errorf("answer %s, want %s", body, want)
	}
	for name, body := range map[string]any{
		"too few":   ask("postgresql", "SELECT ?, ?", 1),
		"too many":  ask("postgresql", "SELECT ? -- ?", 1, 2),
		"an object": ask("postgresql", "SELECT ?", map[string]any{}),
		"numbered":  ask("postgresql", "SELECT $1", 1),
		"misfit":    ask("postgresql", "SELECT ?::int", "one"),
		"NUL":       ask("postgresql", "SELECT ?", "a\x00b"),
	} {
		t.Run(name, func(t *testing.T) {
			p.Do(caller.Token, http.MethodPost, path, body).Want(t, http.StatusUnprocessableEntity)
		})
	}
}

func TestQueryOfProjectionsSaysWhereItIsWrong(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")
	for sql, want := range map[string]string{
		"SELECT 'é', ?, ?::text, nothing FROM users": `at character 25: column "nothing" does not exist`,
		"SELECT ?, ?::text FROM nowhere":             `at character 24: relation "nowhere" does not exist; the tables are users, datasets and logins`,
		"SELECT 1; SELECT 2":                         "at character 11: the query holds more than one statement",
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
		problem := platformtest.Decode[problem.Problem](t, p.Do(caller.Token, http.MethodPost, path, ask("postgresql", sql, parameters...)).Want(t, http.StatusUnprocessableEntity))
		if len(problem.Errors) != 1 || problem.Errors[0].Location != "body.query" || !strings.HasPrefix(problem.Errors[0].Message, want) {
			t.Errorf("%s: %+v, want %q", sql, problem.Errors, want)
		}
	}
}

// Without the functions' own checks the reader sees no row, and reaches nothing else.
func TestReaderRoleIsABarrierByItself(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
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

// Whatever is tried: one clear answer, and the next organization's query is right.
func TestQueryOfProjectionsRefusesEveryWayOut(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller, victim := p.Login("member"), p.Login("member")
	populate(t, p, victim.OrganizationID, 7)
	for _, sql := range []string{
		`SELECT pg_sleep(1)`, `SELECT "pg_sleep"(1)`, `SELECT PG_Sleep(1)`, `SELECT pg_catalog . pg_sleep(1)`, `SELECT U&"\0070g_sleep"(1)`, `SELECT u&"!0070g_sleep" UESCAPE '!' (1)`,
		`SELECT pg_read_file('/etc/passwd')`, `SELECT pg_terminate_backend(1)`, `SELECT * FROM pg_stat_activity`, `SELECT * FROM pg_class`, `SELECT * FROM pg_catalog.pg_settings`,
		`SELECT set_config('tenancy.grant', 'x', false)`, `SELECT current_setting('tenancy.grant')`, `SELECT * FROM information_schema.tables`,
		`SELECT tenancy.organization()`, `SELECT * FROM tenancy.secret`, `SELECT value FROM "tenancy"."secret"`,
		`SELECT query_to_xml('SELECT 1', true, true, '')`, `SELECT database_to_xml(true, true, '')`, `SELECT * FROM ts_stat('SELECT 1')`, `SELECT ts_rewrite('a'::tsquery, 'SELECT 1')`,
		`SELECT lo_create(0)`, `SELECT loread(1, 2)`, `SELECT * FROM dblink('', '')`, `SELECT pg_advisory_lock(1)`, `SELECT pg_notify('a', 'b')`, `SELECT nextval('x')`,
		`SET ROLE postgres`, `RESET ROLE`, `SET SESSION AUTHORIZATION postgres`, `SHOW ALL`, `RESET ALL`, `DISCARD ALL`,
		`COPY users TO '/tmp/x'`, `COPY (SELECT 1) TO PROGRAM 'id'`, `DO $$ BEGIN END $$`, `CALL x()`, `EXPLAIN SELECT 1`, `EXECUTE x`, `PREPARE x AS SELECT 1`, `LISTEN x`, `VACUUM`,
		`SELECT 1; SELECT 2`, `SELECT 1; COMMIT; DELETE FROM users`, `COMMIT`, `ROLLBACK`, `BEGIN`, `SELECT 1) AS result; COMMIT; --`, `SELECT 1) AS result UNION SELECT (1`, `SELECT 1) AS a, LATERAL (SELECT generate_series(1, 1000000000)`, `SELECT 1 /*`,
		`INSERT INTO users VALUES (1)`, `UPDATE users SET role = 'x'`, `DELETE FROM users`, `MERGE INTO users USING logins ON true WHEN MATCHED THEN DELETE`, `TRUNCATE users`,
		`WITH gone AS (DELETE FROM users RETURNING *) SELECT * FROM gone`, `WITH new AS (INSERT INTO users SELECT * FROM users RETURNING *) SELECT * FROM new`,
		`SELECT * FROM users FOR UPDATE`, `SELECT * FROM users FOR SHARE`, `SELECT * INTO t FROM users`, `CREATE TABLE t (x int)`, `CREATE TEMP TABLE t AS SELECT 1`, `DROP TABLE users`,
		`SELECT * FROM public.reports`, `SELECT * FROM reports`, `SELECT * FROM public.outbox`, `SELECT * FROM platform.dead_letters`, `SELECT * FROM published.metrics`,
		`SELECT repeat('x', 1000000000)`, `SELECT array_fill(0, ARRAY[1000000000])`, `SELECT string_agg(repeat('x', 1000000), '') FROM generate_series(1, 100)`,
		`SELECT ` + strings.Repeat("(", 20000) + `1` + strings.Repeat(")", 20000),
	} {
		t.Run(sql[:min(len(sql), 60)], func(t *testing.T) {
			p.Do(caller.Token, http.MethodPost, path, ask("postgresql", sql)).Want(t, http.StatusUnprocessableEntity)
		})
	}
	for caller, want := range map[string]float64{caller.Token: 0, victim.Token: 7} {
		got := platformtest.Decode[answer](t, p.Do(caller, http.MethodPost, path, ask("postgresql", "SELECT count(*) FROM users")).Want(t, http.StatusOK))
		if got.Rows[0][0] != want {
			t.Errorf("%v users after all that, want %v", got.Rows[0][0], want)
		}
	}
}

func TestQueryOfProjectionsIsBounded(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")
	for sql, want := range map[string]string{
		// Some minutes of work on a few megabytes that fit the limit of temporary space.
		`SELECT count(*) FROM generate_series(1, 1500) a, generate_series(1, 1500) b, generate_series(1, 1500) c`: "longer than 10 seconds",
		`SELECT repeat('x', 1000) || a FROM generate_series(1, 10000000) a ORDER BY random()`:                     "temporary space",
		`SELECT repeat('x', 50000000)`: "larger than 16 MiB",
	} {
		problem := platformtest.Decode[problem.Problem](t, p.Do(caller.Token, http.MethodPost, path, ask("postgresql", sql)).Want(t, http.StatusUnprocessableEntity))
		if !strings.Contains(problem.Detail, want) {
			t.Errorf("%s: %q, want %q", sql, problem.Detail, want)
		}
	}
}

func TestQueryOfProjectionsIsTruncated(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	caller := p.Login("member")
	for sql, want := range map[string]int{
		`SELECT generate_series(1, 1000000000)`:                                                         10_000,
		`SELECT repeat('x', 1000000) FROM generate_series(1, 5000)`:                                     16,
		`WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT n FROM r LIMIT 20000`: 10_000,
	} {
		got := platformtest.Decode[answer](t, p.Do(caller.Token, http.MethodPost, path, ask("postgresql", sql)).Want(t, http.StatusOK))
		if got.RowCount != want || len(got.Rows) != want || !got.Truncated {
			t.Errorf("%s: %d rows, truncated %v; want %d, true", sql, got.RowCount, got.Truncated, want)
		}
	}
	got := platformtest.Decode[answer](t, p.Do(caller.Token, http.MethodPost, path, ask("postgresql", "SELECT generate_series(1, 10000)")).Want(t, http.StatusOK))
	if got.Truncated || got.RowCount != 10_000 {
		t.Errorf("%d rows, truncated %v; want all 10,000", got.RowCount, got.Truncated)
	}
}
