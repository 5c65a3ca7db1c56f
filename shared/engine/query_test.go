package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"function/shared/engine"

	"github.com/google/go-cmp/cmp"
)

// Whatever untrusted SQL tries, it ends with this reason, and its message shows no path of the host.
func TestSandbox(t *testing.T) {
	t.Parallel()
	table, _ := prepare(t, engine.Source{Path: weather, Format: engine.CSV})
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.csv")
	if err := os.WriteFile(secret, []byte("secret\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(dir, "out.csv")
	tests := []struct {
		sql    string
		reason engine.Reason
	}{
		// Statements that are no single SELECT.
		{"", engine.Syntax},
		{" ; ", engine.Syntax},
		{"-- nothing", engine.Syntax},
		{"SELEC 1", engine.Syntax},
		{"SELECT 1; SELECT 2", engine.Syntax},
		{"SELECT 1; DROP VIEW t", engine.NotAllowed},
		{"SELECT 1) UNION (SELECT 2", engine.Syntax},
		{"SELECT 1\n) LIMIT 1; COPY (SELECT 1", engine.Syntax},
		{"INSERT INTO t VALUES (1)", engine.NotAllowed},
		{"UPDATE t SET wind = 0", engine.NotAllowed},
		{"DELETE FROM t", engine.NotAllowed},
		{"TRUNCATE t", engine.NotAllowed},
		{"WITH x AS (DELETE FROM t RETURNING *) FROM x", engine.Syntax},
		{"CREATE TABLE x (i INT)", engine.NotAllowed},
		{"CREATE MACRO x() AS 1", engine.NotAllowed},
		{"CREATE MACRO x() AS TABLE FROM read_text('/etc/passwd')", engine.NotAllowed},
		{"CREATE SECRET (TYPE s3)", engine.NotAllowed},
		{"DROP VIEW t", engine.NotAllowed},
		{"ALTER VIEW t RENAME TO u", engine.NotAllowed},
		{"PRAGMA version", engine.NotAllowed},
		{"PRAGMA add_parquet_key('k', 'x')", engine.NotAllowed},
		{"CALL enable_logging(storage='file', storage_path='/tmp')", engine.NotAllowed},
		{"CALL pragma_version()", engine.NotAllowed},
		{"SET memory_limit = '100GB'", engine.NotAllowed},
		{"RESET memory_limit", engine.NotAllowed},
		{"SET VARIABLE x = 1", engine.NotAllowed},
		{"ATTACH '" + target + "'", engine.NotAllowed},
		{"DETACH memory", engine.NotAllowed},
		{"USE memory", engine.NotAllowed},
		{"COPY t TO '" + target + "'", engine.NotAllowed},
		{"COPY (SELECT 1) TO '" + table.Path + "'", engine.NotAllowed},
		{"EXPORT DATABASE '" + dir + "'", engine.NotAllowed},
		{"IMPORT DATABASE '" + dir + "'", engine.NotAllowed},
		{"INSTALL httpfs", engine.NotAllowed},
		{"LOAD httpfs", engine.NotAllowed},
		{"CHECKPOINT", engine.NotAllowed},
		{"BEGIN", engine.NotAllowed},
		{"PREPARE p AS SELECT 1", engine.NotAllowed},
		{"EXECUTE p", engine.NotAllowed},
		{"EXPLAIN ANALYZE SELECT 1", engine.NotAllowed},
		{"SHOW TABLES", engine.NotAllowed},
		{"SHOW ALL TABLES", engine.NotAllowed},
		{"SHOW DATABASES", engine.NotAllowed},
		// Files and the network.
		{"FROM '" + secret + "'", engine.UnknownTable},
		{"FROM \"" + secret + "\"", engine.UnknownTable},
		{"FROM '" + table.Path + "'", engine.UnknownTable},
		{"FROM 'https://example.org/x.parquet'", engine.UnknownTable},
		{"FROM '/proc/self/environ'", engine.UnknownTable},
		{"SELECT (SELECT count(*) FROM '" + secret + "')", engine.UnknownTable},
		{"DESCRIBE FROM '" + secret + "'", engine.UnknownTable},
		{"SUMMARIZE '" + secret + "'", engine.UnknownTable},
		{"FROM t POSITIONAL JOIN '" + secret + "'", engine.UnknownTable},
		{"PIVOT '" + secret + "' ON secret IN (1) USING sum(secret)", engine.UnknownTable},
		{"WITH RECURSIVE r AS (SELECT 1 UNION ALL FROM '" + secret + "') FROM r", engine.UnknownTable},
		{"FROM read_csv('" + secret + "')", engine.NotAllowed},
		{"FROM READ_CSV_AUTO('" + secret + "')", engine.NotAllowed},
		{"FROM \"read_text\"('/etc/passwd')", engine.NotAllowed},
		{"FROM main.read_blob('/proc/self/maps')", engine.NotAllowed},
		{"FROM system.main.read_text('/etc/passwd')", engine.NotAllowed},
		{"FROM read_parquet('" + table.Path + "')", engine.NotAllowed},
		{"FROM parquet_scan(['" + table.Path + "'])", engine.NotAllowed},
		{"FROM read_json('/etc/passwd')", engine.NotAllowed},
		{"FROM read_ndjson_objects('/etc/passwd')", engine.NotAllowed},
		{"FROM read_duckdb('x')", engine.NotAllowed},
		{"FROM glob('/**')", engine.NotAllowed},
		{"FROM sniff_csv('" + secret + "')", engine.NotAllowed},
		{"FROM parquet_metadata('" + table.Path + "')", engine.NotAllowed},
		{"FROM parquet_kv_metadata('" + table.Path + "')", engine.NotAllowed},
		{"FROM t, LATERAL (FROM read_text('/etc/passwd'))", engine.NotAllowed},
		{"SELECT * FROM t WHERE EXISTS (FROM glob('*'))", engine.NotAllowed},
		{"SELECT read_text('/etc/passwd')", engine.NotAllowed},
		// SQL inside SQL.
		{"FROM query('SELECT 1')", engine.NotAllowed},
		{"FROM query_table('" + secret + "')", engine.NotAllowed},
		{"FROM query_table(['t'])", engine.NotAllowed},
		{"FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))", engine.NotAllowed},
		{"SELECT json_serialize_plan('SELECT * FROM t')", engine.NotAllowed},
		{"FROM sql_auto_complete('SEL')", engine.NotAllowed},
		// Settings, the catalog, the host.
		{"SELECT current_setting('allowed_paths')", engine.NotAllowed},
		{"SELECT 'allowed_paths' .current_setting()", engine.Syntax},
		{"SELECT getenv('HOME')", engine.NotAllowed},
		{"SELECT getvariable('x')", engine.NotAllowed},
		{"FROM duckdb_settings()", engine.NotAllowed},
		{"FROM duckdb_secrets()", engine.NotAllowed},
		{"FROM which_secret('s3://x', 's3')", engine.NotAllowed},
		{"FROM duckdb_views()", engine.NotAllowed},
		{"FROM duckdb_views", engine.UnknownTable},
		{"FROM sqlite_master", engine.UnknownTable},
		{"FROM information_schema.tables", engine.UnknownTable},
		{"FROM pg_catalog.pg_views", engine.UnknownTable},
		{"FROM pg_settings", engine.UnknownTable},
		{"FROM pragma_database_list", engine.UnknownTable},
		{"FROM temp.answer", engine.UnknownTable},
		{"FROM answer", engine.UnknownTable},
		{"SELECT pg_get_viewdef(0)", engine.NotAllowed},
		{"SELECT main.pg_get_viewdef(0)", engine.NotAllowed},
		{"SELECT get_block_size('memory')", engine.NotAllowed},
		{"FROM pragma_database_size()", engine.NotAllowed},
		{"FROM duckdb_memory()", engine.NotAllowed},
		{"FROM duckdb_temporary_files()", engine.NotAllowed},
		{"FROM enable_logging()", engine.NotAllowed},
		{"FROM checkpoint()", engine.NotAllowed},
		{"FROM seq_scan('t')", engine.NotAllowed},
		{"FROM arrow_scan(1, 2, 3)", engine.NotAllowed},
		{"FROM pg_read_file('/etc/passwd')", engine.NotAllowed},
		{"SELECT pg_read_file('/etc/passwd')", engine.NotAllowed},
		{"SELECT pg_sleep(1000)", engine.NotAllowed},
		{"SELECT write_log('x')", engine.NotAllowed},
		{"SELECT nextval('x')", engine.NotAllowed},
		{"SELECT filename FROM t", engine.Runtime},
		// Time and memory.
		{"SELECT sum(a.wind + b.wind + c.wind) FROM t a, t b, t c, t d", engine.Timeout},
		{"SELECT count(*) FROM range(100000000000) a, range(100000) b", engine.Timeout},
		{"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r", engine.Timeout},
		{"SELECT repeat('x', 10000000000)", engine.Memory},
		{"SELECT length(repeat('x', 1000000 + i::INT)) FROM range(1000000) r(i)", engine.Memory},
		{"SELECT system.main.repeat('x', 10000000000)", engine.NotAllowed},
		{"SELECT main.repeat('x', 10000000000)", engine.Memory},
		{"SELECT lpad('x', 2000000000, 'y')", engine.Memory},
		{"SELECT len(range(10000000000))", engine.Memory},
		{"SELECT unnest(generate_series(TIMESTAMP '2000-01-01', TIMESTAMP '9000-01-01', INTERVAL 1 SECOND))", engine.Memory},
		{"SELECT list_resize([1], 2000000000)", engine.Memory},
		{"SELECT format('{:1000000000}', 1)", engine.NotAllowed},
		{"SELECT format(f, 1) FROM (VALUES ('{:1000000000}')) v(f)", engine.NotAllowed},
		{"SELECT printf('%*d', 1000000000, 1)", engine.NotAllowed},
		{"SELECT string_agg(i::VARCHAR) FROM range(1000000000) r(i)", engine.Memory},
		{"SELECT i FROM range(1000000000) r(i) ORDER BY hash(i), i DESC LIMIT 100000000", engine.Memory},
		{"SELECT 1" + strings.Repeat("+1", 100_000), engine.Syntax},
		{"SELECT '" + strings.Repeat("x", 1<<20) + "'", engine.Syntax},
		{"SELECT '\xff'", engine.Syntax},
		{"SELECT '\x00'", engine.Syntax},
	}
	for _, test := range tests {
		t.Run(test.sql[:min(len(test.sql), 60)], func(t *testing.T) {
			t.Parallel()
			limits := engine.Limits{Timeout: 20 * time.Second, Memory: "64MB"}
			if test.reason == engine.Timeout {
				limits = engine.Limits{Timeout: 300 * time.Millisecond}
			}
			set, err := engine.Query(t.Context(), []engine.Table{table}, test.sql, nil, limits)
			var fault *engine.QueryError
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, %v", set, err)
			}
			if fault.Reason != test.reason {
				t.Errorf("got %v", err)
			}
			if strings.Contains(fault.Detail+fault.Hint, table.Path) && !strings.Contains(test.sql, table.Path) {
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
	table, _ := prepare(t, engine.Source{Path: weather, Format: engine.CSV})
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
			_, rows := ask(t, table, test.sql, test.params...)
			if diff := cmp.Diff(test.want, rows); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	query := func(sql string, limits engine.Limits) (int, bool) {
		t.Helper()
		set, err := engine.Query(t.Context(), nil, sql, nil, limits)
		if err != nil {
			t.Fatal(err)
		}
		return len(set.Rows), set.Truncated
	}
	if rows, truncated := query("FROM range(3)", engine.Limits{Rows: 3}); rows != 3 || truncated {
		t.Errorf("exactly enough rows: %d, %t", rows, truncated)
	}
	if rows, truncated := query("FROM range(1000000000)", engine.Limits{Rows: 3}); rows != 3 || !truncated {
		t.Errorf("too many rows: %d, %t", rows, truncated)
	}
	if rows, truncated := query("SELECT repeat('x', 1000) FROM range(100)", engine.Limits{Bytes: 10_500}); rows != 10 || !truncated {
		t.Errorf("too many bytes: %d, %t", rows, truncated)
	}
	_, err := engine.Query(t.Context(), nil, "SELECT list(i) FROM range(100000) r(i)", nil, engine.Limits{Bytes: 1000})
	var fault *engine.QueryError
	if !errors.As(err, &fault) || fault.Reason != engine.Memory {
		t.Errorf("a large list: %v", err)
	}
}

func TestQueryFaults(t *testing.T) {
	t.Parallel()
	table, _ := prepare(t, engine.Source{Path: weather, Format: engine.CSV})
	tests := []struct {
		sql    string
		params []any
		want   engine.QueryError
	}{
		{"SELECT é FROM\nnowhere", nil, engine.QueryError{Reason: engine.UnknownTable, Detail: `There is no table "nowhere".`, Table: "nowhere", Position: 15}},
		{"SELECT * FORM t", nil, engine.QueryError{Reason: engine.Syntax, Detail: `syntax error at or near "t"`, Position: 15}},
		{"SELECT temp FROM t", nil, engine.QueryError{Reason: engine.Runtime, Detail: `Referenced column "temp" not found in FROM clause!`, Hint: `Candidate bindings: "temp_max", "temp_min"`}},
		{"SELECT weather::INT FROM t", nil, engine.QueryError{Reason: engine.Runtime, Detail: "Could not convert string 'drizzle' to INT32 when casting from source column weather"}},
		{"SELECT 1", []any{map[string]any{}}, engine.QueryError{Reason: engine.Runtime, Detail: "Parameter 1 is not a string, number, boolean or null."}},
		{"SELECT 1", []any{json.Number("x")}, engine.QueryError{Reason: engine.Runtime, Detail: "Parameter 1 is not a number."}},
		{"SELECT ?", nil, engine.QueryError{Reason: engine.Runtime, Detail: "The query has 1 placeholders (?), but there are 0 parameters."}},
		{"SELECT 1", []any{"x"}, engine.QueryError{Reason: engine.Runtime, Detail: "The query has 0 placeholders (?), but there are 1 parameters."}},
	}
	for _, test := range tests {
		t.Run(test.sql, func(t *testing.T) {
			t.Parallel()
			_, err := engine.Query(t.Context(), []engine.Table{table}, test.sql, test.params, engine.Limits{})
			var fault *engine.QueryError
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
	table, _ := prepare(t, engine.Source{Path: file(t, "a\n1\n"), Format: engine.CSV})
	for _, name := range []string{`Order"s; DROP`, "select", "ünï", "a.b"} {
		table.Name = name
		_, rows := ask(t, table, `SELECT a FROM "`+strings.ReplaceAll(strings.ToLower(name), `"`, `""`)+`"`)
		if diff := cmp.Diff(`[[1]]`, rows); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := engine.Query(ctx, nil, "SELECT count(*) FROM range(100000000000) a, range(100000) b", nil, engine.Limits{})
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
		_, err := engine.Query(t.Context(), nil, sql, nil, engine.Limits{Rows: 10, Timeout: 2 * time.Second, Memory: "32MB"})
		var fault *engine.QueryError
		if err != nil && !errors.As(err, &fault) {
			t.Errorf("%q: %v", sql, err)
		}
	})
}
