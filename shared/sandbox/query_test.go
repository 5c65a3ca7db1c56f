package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"function/shared/ingest"
	"function/shared/sandbox"
)

const weather = "../../testdata/seattle-weather.csv"

// prepare makes a table named t of a CSV file.
func prepare(t testing.TB, csv string) sandbox.Table {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "t.parquet")
	source := ingest.Source{Path: csv, Format: ingest.CSV}
	if _, err := ingest.Prepare(t.Context(), source, dst, ingest.Options{Scratch: t.TempDir()}); err != nil {
		t.Fatalf("prepare %s: %v", csv, err)
	}
	return sandbox.Table{Name: "t", Paths: []string{dst}}
}

// ask returns the rows of a query over one table, as JSON.
func ask(t testing.TB, table sandbox.Table, sql string, params ...any) string {
	t.Helper()
	set, err := sandbox.Query(t.Context(), []sandbox.Table{table}, sql, params, sandbox.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(set.Rows); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// Whatever untrusted SQL tries, it ends with this reason, and its message shows no path of the host.
func TestSandbox(t *testing.T) {
	t.Parallel()
	table := prepare(t, weather)
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.csv")
	if err := os.WriteFile(secret, []byte("secret\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(dir, "out.csv")
	tests := []struct {
		sql    string
		reason sandbox.Reason
	}{
		// Statements that are no single SELECT.
		{"", sandbox.Syntax},
		{" ; ", sandbox.Syntax},
		{"-- nothing", sandbox.Syntax},
		{"SELEC 1", sandbox.Syntax},
		{"SELECT 1; SELECT 2", sandbox.Syntax},
		{"SELECT 1; DROP VIEW t", sandbox.NotAllowed},
		{"SELECT 1) UNION (SELECT 2", sandbox.Syntax},
		{"SELECT 1\n) LIMIT 1; COPY (SELECT 1", sandbox.Syntax},
		{"INSERT INTO t VALUES (1)", sandbox.NotAllowed},
		{"UPDATE t SET wind = 0", sandbox.NotAllowed},
		{"DELETE FROM t", sandbox.NotAllowed},
		{"TRUNCATE t", sandbox.NotAllowed},
		{"WITH x AS (DELETE FROM t RETURNING *) FROM x", sandbox.Syntax},
		{"CREATE TABLE x (i INT)", sandbox.NotAllowed},
		{"CREATE MACRO x() AS 1", sandbox.NotAllowed},
		{"CREATE MACRO x() AS TABLE FROM read_text('/etc/passwd')", sandbox.NotAllowed},
		{"CREATE SECRET (TYPE s3)", sandbox.NotAllowed},
		{"DROP VIEW t", sandbox.NotAllowed},
		{"ALTER VIEW t RENAME TO u", sandbox.NotAllowed},
		{"PRAGMA version", sandbox.NotAllowed},
		{"PRAGMA add_parquet_key('k', 'x')", sandbox.NotAllowed},
		{"CALL enable_logging(storage='file', storage_path='/tmp')", sandbox.NotAllowed},
		{"CALL pragma_version()", sandbox.NotAllowed},
		{"SET memory_limit = '100GB'", sandbox.NotAllowed},
		{"RESET memory_limit", sandbox.NotAllowed},
		{"SET VARIABLE x = 1", sandbox.NotAllowed},
		{"ATTACH '" + target + "'", sandbox.NotAllowed},
		{"DETACH memory", sandbox.NotAllowed},
		{"USE memory", sandbox.NotAllowed},
		{"COPY t TO '" + target + "'", sandbox.NotAllowed},
		{"COPY (SELECT 1) TO '" + table.Paths[0] + "'", sandbox.NotAllowed},
		{"EXPORT DATABASE '" + dir + "'", sandbox.NotAllowed},
		{"IMPORT DATABASE '" + dir + "'", sandbox.NotAllowed},
		{"INSTALL httpfs", sandbox.NotAllowed},
		{"LOAD httpfs", sandbox.NotAllowed},
		{"CHECKPOINT", sandbox.NotAllowed},
		{"BEGIN", sandbox.NotAllowed},
		{"PREPARE p AS SELECT 1", sandbox.NotAllowed},
		{"EXECUTE p", sandbox.NotAllowed},
		{"EXPLAIN ANALYZE SELECT 1", sandbox.NotAllowed},
		{"SHOW TABLES", sandbox.NotAllowed},
		{"SHOW ALL TABLES", sandbox.NotAllowed},
		{"SHOW DATABASES", sandbox.NotAllowed},
		// Files and the network.
		{"FROM '" + secret + "'", sandbox.UnknownTable},
		{"FROM \"" + secret + "\"", sandbox.UnknownTable},
		{"FROM '" + table.Paths[0] + "'", sandbox.UnknownTable},
		{"FROM 'https://example.org/x.parquet'", sandbox.UnknownTable},
		{"FROM '/proc/self/environ'", sandbox.UnknownTable},
		{"SELECT (SELECT count(*) FROM '" + secret + "')", sandbox.UnknownTable},
		{"DESCRIBE FROM '" + secret + "'", sandbox.UnknownTable},
		{"SUMMARIZE '" + secret + "'", sandbox.UnknownTable},
		{"FROM t POSITIONAL JOIN '" + secret + "'", sandbox.UnknownTable},
		{"PIVOT '" + secret + "' ON secret IN (1) USING sum(secret)", sandbox.UnknownTable},
		{"WITH RECURSIVE r AS (SELECT 1 UNION ALL FROM '" + secret + "') FROM r", sandbox.UnknownTable},
		{"FROM read_csv('" + secret + "')", sandbox.NotAllowed},
		{"FROM READ_CSV_AUTO('" + secret + "')", sandbox.NotAllowed},
		{"FROM \"read_text\"('/etc/passwd')", sandbox.NotAllowed},
		{"FROM main.read_blob('/proc/self/maps')", sandbox.NotAllowed},
		{"FROM system.main.read_text('/etc/passwd')", sandbox.NotAllowed},
		{"FROM read_parquet('" + table.Paths[0] + "')", sandbox.NotAllowed},
		{"FROM parquet_scan(['" + table.Paths[0] + "'])", sandbox.NotAllowed},
		{"FROM read_json('/etc/passwd')", sandbox.NotAllowed},
		{"FROM read_ndjson_objects('/etc/passwd')", sandbox.NotAllowed},
		{"FROM read_duckdb('x')", sandbox.NotAllowed},
		{"FROM glob('/**')", sandbox.NotAllowed},
		{"FROM sniff_csv('" + secret + "')", sandbox.NotAllowed},
		{"FROM parquet_metadata('" + table.Paths[0] + "')", sandbox.NotAllowed},
		{"FROM parquet_kv_metadata('" + table.Paths[0] + "')", sandbox.NotAllowed},
		{"FROM t, LATERAL (FROM read_text('/etc/passwd'))", sandbox.NotAllowed},
		{"SELECT * FROM t WHERE EXISTS (FROM glob('*'))", sandbox.NotAllowed},
		{"SELECT read_text('/etc/passwd')", sandbox.NotAllowed},
		// SQL inside SQL.
		{"FROM query('SELECT 1')", sandbox.NotAllowed},
		{"FROM query_table('" + secret + "')", sandbox.NotAllowed},
		{"FROM query_table(['t'])", sandbox.NotAllowed},
		{"FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))", sandbox.NotAllowed},
		{"SELECT json_serialize_plan('SELECT * FROM t')", sandbox.NotAllowed},
		{"FROM sql_auto_complete('SEL')", sandbox.NotAllowed},
		// Settings, the catalog, the host.
		{"SELECT current_setting('allowed_paths')", sandbox.NotAllowed},
		{"SELECT 'allowed_paths' .current_setting()", sandbox.Syntax},
		{"SELECT getenv('HOME')", sandbox.NotAllowed},
		{"SELECT getvariable('x')", sandbox.NotAllowed},
		{"FROM duckdb_settings()", sandbox.NotAllowed},
		{"FROM duckdb_secrets()", sandbox.NotAllowed},
		{"FROM which_secret('s3://x', 's3')", sandbox.NotAllowed},
		{"FROM duckdb_views()", sandbox.NotAllowed},
		{"FROM duckdb_views", sandbox.UnknownTable},
		{"FROM sqlite_master", sandbox.UnknownTable},
		{"FROM information_schema.tables", sandbox.UnknownTable},
		{"FROM pg_catalog.pg_views", sandbox.UnknownTable},
		{"FROM pg_settings", sandbox.UnknownTable},
		{"FROM pragma_database_list", sandbox.UnknownTable},
		{"FROM temp.answer", sandbox.UnknownTable},
		{"FROM answer", sandbox.UnknownTable},
		{"SELECT pg_get_viewdef(0)", sandbox.NotAllowed},
		{"SELECT main.pg_get_viewdef(0)", sandbox.NotAllowed},
		{"SELECT get_block_size('memory')", sandbox.NotAllowed},
		{"FROM pragma_database_size()", sandbox.NotAllowed},
		{"FROM duckdb_memory()", sandbox.NotAllowed},
		{"FROM duckdb_temporary_files()", sandbox.NotAllowed},
		{"FROM enable_logging()", sandbox.NotAllowed},
		{"FROM checkpoint()", sandbox.NotAllowed},
		{"FROM seq_scan('t')", sandbox.NotAllowed},
		{"FROM arrow_scan(1, 2, 3)", sandbox.NotAllowed},
		{"FROM pg_read_file('/etc/passwd')", sandbox.NotAllowed},
		{"SELECT pg_read_file('/etc/passwd')", sandbox.NotAllowed},
		{"SELECT pg_sleep(1000)", sandbox.NotAllowed},
		{"SELECT write_log('x')", sandbox.NotAllowed},
		{"SELECT nextval('x')", sandbox.NotAllowed},
		{"SELECT filename FROM t", sandbox.Runtime},
		// Time and memory.
		{"SELECT sum(a.wind + b.wind + c.wind) FROM t a, t b, t c, t d", sandbox.Timeout},
		{"SELECT count(*) FROM range(100000000000) a, range(100000) b", sandbox.Timeout},
		{"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r", sandbox.Timeout},
		{"SELECT repeat('x', 10000000000)", sandbox.Memory},
		{"SELECT length(repeat('x', 1000000 + i::INT)) FROM range(1000000) r(i)", sandbox.Memory},
		{"SELECT system.main.repeat('x', 10000000000)", sandbox.NotAllowed},
		{"SELECT main.repeat('x', 10000000000)", sandbox.Memory},
		{"SELECT lpad('x', 2000000000, 'y')", sandbox.Memory},
		{"SELECT len(range(10000000000))", sandbox.Memory},
		{"SELECT unnest(generate_series(TIMESTAMP '2000-01-01', TIMESTAMP '9000-01-01', INTERVAL 1 SECOND))", sandbox.Memory},
		{"SELECT list_resize([1], 2000000000)", sandbox.Memory},
		{"SELECT format('{:1000000000}', 1)", sandbox.NotAllowed},
		{"SELECT format(f, 1) FROM (VALUES ('{:1000000000}')) v(f)", sandbox.NotAllowed},
		{"SELECT printf('%*d', 1000000000, 1)", sandbox.NotAllowed},
		{"SELECT string_agg(i::VARCHAR) FROM range(1000000000) r(i)", sandbox.Memory},
		{"SELECT i FROM range(1000000000) r(i) ORDER BY hash(i), i DESC LIMIT 100000000", sandbox.Memory},
		{"SELECT 1" + strings.Repeat("+1", 100_000), sandbox.Syntax},
		{"SELECT '" + strings.Repeat("x", 1<<20) + "'", sandbox.Syntax},
		{"SELECT '\xff'", sandbox.Syntax},
		{"SELECT '\x00'", sandbox.Syntax},
	}
	for _, test := range tests {
		t.Run(test.sql[:min(len(test.sql), 60)], func(t *testing.T) {
			t.Parallel()
			limits := sandbox.Limits{Timeout: 20 * time.Second, Memory: "64MB"}
			if test.reason == sandbox.Timeout {
				limits = sandbox.Limits{Timeout: 300 * time.Millisecond}
			}
			set, err := sandbox.Query(t.Context(), []sandbox.Table{table}, test.sql, nil, limits)
			var fault *sandbox.Error
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, %v", set, err)
			}
			if fault.Reason != test.reason {
				t.Errorf("got %v", err)
			}
			if strings.Contains(fault.Detail+fault.Hint, table.Paths[0]) && !strings.Contains(test.sql, table.Paths[0]) {
				t.Errorf("%q shows a path", fault.Detail+fault.Hint)
			}
		})
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("the directory holds %d entries", len(left))
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	table := prepare(t, weather)
	tests := []struct {
		name, sql string
		params    []any
		want      string
	}{
		{"semicolon and comment", "SELECT 1; -- one; two", nil, `[[1]]`},
		{"comment at the end", "SELECT 1 -- one", nil, `[[1]]`},
		{"semicolons in text", "SELECT ';' || '--' /* ; */ ;;", nil, `[[";--"]]`},
		{"order is kept", "SELECT i FROM range(5) r(i) ORDER BY i DESC", nil, `[[4],[3],[2],[1],[0]]`},
		{"names repeat", "SELECT 1 AS a, 2 AS a, 3 AS A", nil, `[[1,2,3]]`},
		{"common table expressions", "WITH a AS (FROM T), b AS (FROM A) SELECT count(*) FROM b", nil, `[[1461]]`},
		{"set operation", "(SELECT 1) UNION ALL (SELECT 2)", nil, `[[1],[2]]`},
		{"values", "VALUES (1, 'x')", nil, `[[1,"x"]]`},
		{"no rows", "SELECT 1 WHERE false", nil, `[]`},
		{"describe", "SELECT column_name FROM (DESCRIBE t) LIMIT 1", nil, `[["date"]]`},
		{"recursion", "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT sum(n) FROM r", nil, `[[6]]`},
		{"pivot", "PIVOT (SELECT weather, year(date) AS y FROM t) ON weather IN ('sun', 'fog') USING count(*) GROUP BY y ORDER BY y LIMIT 1", nil, `[[2012,118,5]]`},
		{"JSON functions", `SELECT value FROM json_each('{"a":[1,1.50]}')`, nil, `[[[1,1.5]]]`},
		{"date spine", "SELECT unnest(generate_series(DATE '2024-02-28', DATE '2024-03-01', INTERVAL 1 DAY))::DATE", nil, `[["2024-02-28"],["2024-02-29"],["2024-03-01"]]`},
		{"short functions", "SELECT repeat('ab', 2), repeat([1], 2), lpad('7', 3, '0'), range(3), range(5, 1, -2), format('{:,}', 12345), printf('%03d', 7)", nil,
			`[["abab",[1,1],"007",[0,1,2],[5,3],"12,345","007"]]`},
		{"parameters", "SELECT ?, ?, ?, ?, ?, count(*) FROM t WHERE weather = ?",
			[]any{"x';--", json.Number("1.5"), json.Number("42"), true, nil, "snow"}, `[["x';--",1.5,42,true,null,26]]`},
		{"wide parameter", "SELECT ? = 12345678901234567890123", []any{json.Number("12345678901234567890123")}, `[[true]]`},
		{"numbered parameters", "SELECT $2, $1", []any{"a", "b"}, `[["b","a"]]`},
		{"integers", "SELECT 9007199254740991, 9007199254740992, -9007199254740992, 170141183460469231731687303715884105727, 18446744073709551615::UBIGINT", nil,
			`[[9007199254740991,"9007199254740992","-9007199254740992","170141183460469231731687303715884105727","18446744073709551615"]]`},
		{"decimals", "SELECT 1.50, -0.05, 0.00, 100::DECIMAL(5,0), 0.1::FLOAT, 'NaN'::DOUBLE, '-inf'::DOUBLE", nil, `[["1.50","-0.05","0.00",100,0.1,"NaN","-Infinity"]]`},
		{"times", "SELECT DATE '2024-02-29', TIME '01:02:03.5', TIMESTAMP '2024-01-02 03:04:05.000001', TIMESTAMPTZ '2024-01-02 03:04:05+02', TIMESTAMP 'infinity', TIMESTAMPTZ '-infinity'", nil,
			`[["2024-02-29","01:02:03.5","2024-01-02T03:04:05.000001","2024-01-02T01:04:05Z","infinity","-infinity"]]`},
		{"intervals", "SELECT INTERVAL '14 months 3 days', INTERVAL '1.5 seconds', INTERVAL '-0.25 seconds', INTERVAL '0 days'", nil, `[["P14M3D","PT1.5S","PT-0.25S","PT0S"]]`},
		{"blobs and UUIDs", "SELECT '\\xFF\\x00'::BLOB, '00000000-0000-0000-0000-0000000000ab'::UUID, '101'::BIT, 'b'::ENUM('a', 'b')", nil,
			`[["/wA=","00000000-0000-0000-0000-0000000000ab","101","b"]]`},
		{"nested", "SELECT [1, NULL], {'a': DATE '2024-01-01', 'b': [9007199254740993]}, MAP {'k': 9007199254740993}, [[1.5]], union_value(n := 1), array_value(1, 2)", nil,
			`[[[1,null],{"a":"2024-01-01","b":["9007199254740993"]},{"k":"9007199254740993"},[["1.5"]],1,[1,2]]]`},
		{"JSON", `SELECT '{"n": 1.10, "w": 123456789012345678901}'::JSON, ['[1]'::JSON], NULL::JSON`, nil, `[[{"n":1.10,"w":123456789012345678901},[[1]],null]]`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rows := ask(t, table, test.sql, test.params...)
			if diff := cmp.Diff(test.want, rows); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	query := func(sql string, limits sandbox.Limits) (int, bool) {
		t.Helper()
		set, err := sandbox.Query(t.Context(), nil, sql, nil, limits)
		if err != nil {
			t.Fatal(err)
		}
		return len(set.Rows), set.Truncated
	}
	if rows, truncated := query("FROM range(3)", sandbox.Limits{Rows: 3}); rows != 3 || truncated {
		t.Errorf("exactly enough rows: %d, %t", rows, truncated)
	}
	if rows, truncated := query("FROM range(1000000000)", sandbox.Limits{Rows: 3}); rows != 3 || !truncated {
		t.Errorf("too many rows: %d, %t", rows, truncated)
	}
	if rows, truncated := query("SELECT repeat('x', 1000) FROM range(100)", sandbox.Limits{Bytes: 10_500}); rows != 10 || !truncated {
		t.Errorf("too many bytes: %d, %t", rows, truncated)
	}
	_, err := sandbox.Query(t.Context(), nil, "SELECT list(i) FROM range(100000) r(i)", nil, sandbox.Limits{Bytes: 1000})
	var fault *sandbox.Error
	if !errors.As(err, &fault) || fault.Reason != sandbox.Memory {
		t.Errorf("a large list: %v", err)
	}
}

func TestQueryFaults(t *testing.T) {
	t.Parallel()
	table := prepare(t, weather)
	tests := []struct {
		sql    string
		params []any
		want   sandbox.Error
	}{
		{"SELECT é FROM\nnowhere", nil, sandbox.Error{Reason: sandbox.UnknownTable, Detail: `There is no table "nowhere".`, Table: "nowhere", Position: 15}},
		{"SELECT * FORM t", nil, sandbox.Error{Reason: sandbox.Syntax, Detail: `syntax error at or near "t"`, Position: 15}},
		{"SELECT temp FROM t", nil, sandbox.Error{Reason: sandbox.Runtime, Detail: `Referenced column "temp" not found in FROM clause!`, Hint: `Candidate bindings: "temp_max", "temp_min"`}},
		{"SELECT weather::INT FROM t", nil, sandbox.Error{Reason: sandbox.Runtime, Detail: "Could not convert string 'drizzle' to INT32 when casting from source column weather"}},
		{"SELECT 1", []any{map[string]any{}}, sandbox.Error{Reason: sandbox.Runtime, Detail: "Parameter 1 is not a string, number, boolean or null."}},
		{"SELECT 1", []any{json.Number("x")}, sandbox.Error{Reason: sandbox.Runtime, Detail: "Parameter 1 is not a number."}},
		{"SELECT ?", nil, sandbox.Error{Reason: sandbox.Runtime, Detail: "The query has 1 placeholders (?), but there are 0 parameters."}},
		{"SELECT 1", []any{"x"}, sandbox.Error{Reason: sandbox.Runtime, Detail: "The query has 0 placeholders (?), but there are 1 parameters."}},
	}
	for _, test := range tests {
		t.Run(test.sql, func(t *testing.T) {
			t.Parallel()
			_, err := sandbox.Query(t.Context(), []sandbox.Table{table}, test.sql, test.params, sandbox.Limits{})
			var fault *sandbox.Error
			if !errors.As(err, &fault) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(test.want, *fault); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTableNamesAreQuoted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "one.csv")
	if err := os.WriteFile(path, []byte("a\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	table := prepare(t, path)
	for _, name := range []string{`Order"s; DROP`, "select", "ünï", "a.b"} {
		table.Name = name
		rows := ask(t, table, `SELECT a FROM "`+strings.ReplaceAll(strings.ToLower(name), `"`, `""`)+`"`)
		if diff := cmp.Diff(`[[1]]`, rows); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := sandbox.Query(ctx, nil, "SELECT count(*) FROM range(100000000000) a, range(100000) b", nil, sandbox.Limits{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// The check must neither panic nor let a statement through that reaches a file.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"SELECT 1", "FROM t;", "WITH a AS (SELECT ';') FROM a -- x", "FROM '/etc/passwd'", "FROM read_text('/etc/hostname')", "SELECT $1, '\\", "SELECT 1 /*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		_, err := sandbox.Query(t.Context(), nil, sql, nil, sandbox.Limits{Rows: 10, Timeout: 2 * time.Second, Memory: "32MB"})
		var fault *sandbox.Error
		if err != nil && !errors.As(err, &fault) {
			t.Errorf("%q: %v", sql, err)
		}
	})
}
