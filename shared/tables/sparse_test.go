package tables

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/sandbox"
)

// parquet writes a query's rows with DuckDB, and returns the file.
func parquet(t testing.TB, query, options string) []byte {
	t.Helper()
	s, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	path := filepath.Join(t.TempDir(), "t.parquet")
	if err := s.Exec(t.Context(), "COPY ("+query+") TO "+engine.Literal(path)+" (FORMAT parquet"+options+")"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sparse opens a cache that copies no file whole at once.
func sparse(t testing.TB, max int64, source Open) *Cache {
	t.Helper()
	c, err := newCache(t.TempDir(), max, 0, source)
	if err != nil {
		t.Fatal(err)
	}
	c.small = 64 << 10
	t.Cleanup(func() { c.Close() })
	return c
}

// version stands for a file in memory.
func version(files map[uuid.UUID][]byte, data []byte) Version {
	v := Version{Dataset: uuid.New(), Number: 1, Bytes: int64(len(data))}
	files[v.Dataset] = data
	return v
}

func fromMemory(files map[uuid.UUID][]byte) Open {
	return func(_ context.Context, v Version) (Source, error) {
		return stored{Reader: bytes.NewReader(files[v.Dataset])}, nil
	}
}

// table is a table of open copies.
func table(name string, copies *Copies, versions ...int) sandbox.Table {
	t := sandbox.Table{Name: name, Columns: copies.Columns(versions[0]), Load: func(ctx context.Context, columns []string) error {
		return copies.Load(ctx, versions, columns)
	}}
	for _, i := range versions {
		t.Paths = append(t.Paths, copies.Path(i))
	}
	return t
}

// types has a column of every type that data sets have, and names that a plan shows ambiguously.
const types = `
SELECT i, i % 7 AS small, (i % 100)::UTINYINT AS tiny, i::HUGEINT AS huge, (i * 7919 % 1000) / 8.0::DOUBLE AS d, random()::FLOAT AS f,
	(i / 3.0)::DECIMAL(12, 3) AS money, 'text ' || (i % 50) AS s, md5(i::VARCHAR) AS hash, encode(md5(i::VARCHAR)) AS bytes, i % 2 = 0 AS flag,
	DATE '2020-01-01' + i::INT % 1000 AS day, TIME '00:00:00' + to_seconds(i) AS clock, TIMESTAMP '2020-01-01' + to_minutes(i) AS at,
	TIMESTAMPTZ '2020-01-01 00:00:00Z' + to_minutes(i) AS atz, to_days(i::INT % 30) AS span, uuid() AS id, ['a', 'b'][1 + i % 2]::ENUM('a', 'b') AS kind,
	[i, i + 1, NULL] AS list, {'p': i, 'q': {'r': i % 3, 's': 'x'}} AS point, MAP {'k': i, 'l': NULL} AS map, [{'n': i, 'o': [i]}] AS nested,
	('{"a": ' || i || '}')::JSON AS doc, CASE WHEN i % 3 = 0 THEN i END AS holes, NULL::INT AS nothing, 42 AS constant,
	i AS "point.p", i + 1 AS "we ird", i + 2 AS "quote""d", i + 3 AS "ünï", i + 4 AS "Select"
FROM range(30000) r(i)`

var queries = []string{
	"SELECT i, d FROM t ORDER BY i DESC LIMIT 5",
	"SELECT * FROM t ORDER BY i LIMIT 3",
	"SELECT count(*) FROM t",
	"SELECT count(*) FROM t WHERE small = 3",
	"SELECT count(*) FROM t WHERE s = 'text 7' AND money > 100 AND point.q.r = 1",
	"SELECT count(*) FROM t WHERE small > 100",
	"SELECT sum(d) FROM t WHERE s LIKE '%7' OR flag",
	"SELECT min(i), max(at), min(s), max(money), min(atz) FROM t",
	"SELECT small, avg(d), count(DISTINCT hash) FROM t GROUP BY small HAVING count(holes) > 10 ORDER BY ALL",
	"SELECT a.i, b.s FROM t a JOIN u b ON a.i = b.i WHERE b.tiny IN (1, 2) ORDER BY ALL LIMIT 20",
	"SELECT count(*) FROM t, u WHERE t.i = u.i AND u.kind = 'a'",
	"SELECT count(*) FROM t WHERE i IN (SELECT holes FROM u WHERE flag)",
	"SELECT count(*) FROM t WHERE EXISTS (FROM u WHERE u.i = t.small AND u.day > DATE '2020-01-03')",
	"SELECT (SELECT max(u.s) FROM u WHERE u.i = t.small) FROM t ORDER BY i LIMIT 9",
	"WITH a AS (SELECT i, small FROM t), b AS MATERIALIZED (SELECT i, tiny FROM a JOIN u USING (i)) SELECT sum(tiny), count(*) FROM b",
	"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r JOIN t ON t.i = r.n WHERE n < 20) SELECT max(n) FROM r",
	"SELECT unnest(list) AS x FROM t ORDER BY i, x LIMIT 9",
	"SELECT unnest(nested).o[1] AS x FROM t ORDER BY 1 LIMIT 9",
	"SELECT point.q.r, point.p, \"point.p\" FROM t ORDER BY i LIMIT 3",
	"SELECT sum(\"point.p\") FROM t WHERE point.q.s = 'x'",
	"SELECT t.point FROM t WHERE i = 5",
	"SELECT t FROM t WHERE i = 5",
	"SELECT map['k'], doc->>'a', list[1], list_transform(list, x -> x + small) FROM t WHERE i < 3 ORDER BY i",
	"SELECT sum(d) OVER (PARTITION BY small ORDER BY i) FROM t ORDER BY i LIMIT 9",
	"SELECT i FROM t QUALIFY row_number() OVER (PARTITION BY small ORDER BY hash) = 1 ORDER BY i",
	"PIVOT (SELECT small, flag, d FROM t) ON flag IN (true, false) USING sum(d) GROUP BY small ORDER BY small",
	"UNPIVOT (SELECT i, small, tiny FROM t WHERE i < 5) ON small, tiny ORDER BY ALL",
	"SELECT max(COLUMNS(* EXCLUDE (map, doc, point, nested, list))) FROM t",
	"SELECT max(COLUMNS('^s')) FROM t",
	"SELECT count(COLUMNS(*)) FROM t",
	"SELECT * EXCLUDE (id, f) REPLACE (i + 1 AS i) FROM t WHERE clock < TIME '00:00:03' ORDER BY i",
	"FROM (DESCRIBE t)",
	"SELECT column_name, column_type, min, max, count FROM (SUMMARIZE t) ORDER BY 1",
	"SELECT i FROM t WHERE nothing IS NULL AND constant = 42 ORDER BY i LIMIT 2",
	"SELECT i FROM t WHERE constant = 43",
	"SELECT count(*) FROM t WHERE holes IS NULL",
	"SELECT \"we ird\", \"quote\"\"d\", \"ünï\", \"Select\" FROM t ORDER BY 1 LIMIT 3",
	"SELECT i FROM t UNION ALL SELECT tiny FROM u ORDER BY 1 LIMIT 5",
	"(SELECT s FROM t) EXCEPT (SELECT 'text ' || small FROM u) ORDER BY 1 LIMIT 5",
	"SELECT count(*) FROM (SELECT DISTINCT ON (small) * FROM t ORDER BY small, i)",
	"SELECT * FROM t ORDER BY hash LIMIT 2",
	"SELECT a.i FROM t a ASOF JOIN u b ON a.at >= b.at ORDER BY 1 LIMIT 4",
	"SELECT count(*) FROM t NATURAL JOIN (SELECT i, s FROM u) n",
	"SELECT i FROM t WHERE d > (SELECT avg(d) FROM u) ORDER BY i LIMIT 4",
	"SELECT s FROM t WHERE s IN ('text 3', 'text 49', 'none') GROUP BY ALL ORDER BY 1",
	"SELECT quantile_cont(d, 0.5), string_agg(DISTINCT s ORDER BY s), arg_max(i, money), histogram(small) FROM t",
	"SELECT repeat(s, 2), range(small)[1] FROM t ORDER BY i LIMIT 3",
	"SELECT i FROM t WHERE ? = small AND i > ? ORDER BY i LIMIT ?",
	"SELECT 1 FROM t LIMIT 2",
	"SELECT missing FROM t",
	"SELECT error('Invalid Error: TProtocolException: Invalid data') FROM t",
	"SELECT s::INT FROM t",
	"SELECT i FROM t WHERE bytes = encode(md5('5')) OR id IS NULL OR span = to_days(29) ORDER BY i LIMIT 3",
}

func answer(t *testing.T, tables []sandbox.Table, sql string) string {
	t.Helper()
	var params []any
	if strings.Contains(sql, "?") {
		params = []any{3, 100, 5}
	}
	set, err := sandbox.Query(t.Context(), tables, sql, params, sandbox.Limits{Memory: "1GB"})
	if e := (*sandbox.Error)(nil); err != nil && !errors.As(err, &e) {
		t.Fatalf("%s: %v", sql, err)
	}
	return fmt.Sprintf("%v %v", set, err)
}

func TestSparseCopies_AnyQuery_AnswersAsWholeFiles(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"ingest":       ", COMPRESSION zstd, ROW_GROUP_SIZE 10000, STRING_DICTIONARY_PAGE_SIZE_LIMIT 100000",
		"version 2":    ", PARQUET_VERSION v2, ROW_GROUP_SIZE 8192",
		"uncompressed": ", COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := parquet(t, types, options)
			path := filepath.Join(t.TempDir(), "whole.parquet")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			whole := []sandbox.Table{{Name: "t", Paths: []string{path, path}}, {Name: "u", Paths: []string{path}}}
			files := map[uuid.UUID][]byte{}
			c := sparse(t, maxBytes, fromMemory(files))
			for _, sql := range queries {
				copies, err := c.Open(t.Context(), version(files, data), version(files, data), version(files, data))
				if err != nil {
					t.Fatal(err)
				}
				got := answer(t, []sandbox.Table{table("t", copies, 0, 1), table("u", copies, 2)}, sql)
				if diff := cmp.Diff(answer(t, whole, sql), got); diff != "" {
					t.Errorf("%s: %.2000s", sql, diff)
				}
				copies.Release()
			}
		})
	}
}

// loaded returns which columns of a version have been loaded.
func loaded(copies *Copies, i int) (names []string) {
	for n, p := range copies.files[i].columns {
		if p != nil {
			names = append(names, copies.files[i].layout.columns[n].name)
		}
	}
	return names
}

func TestSparseCopies_Query_LoadsWhatItReads(t *testing.T) {
	t.Parallel()
	data := parquet(t, types, ", ROW_GROUP_SIZE 10000")
	files := map[uuid.UUID][]byte{}
	c := sparse(t, maxBytes, fromMemory(files))
	for sql, want := range map[string]string{
		"SELECT i FROM t":                                        "i",
		"SELECT d FROM t WHERE small = 3":                        "small d",
		"SELECT count(*) FROM t":                                 "",
		"SELECT count(*) FROM t WHERE s = ? OR i < ? + ?":        "i s",
		"SELECT point.q.r FROM t":                                "point",
		"SELECT i FROM t WHERE small > 100":                      "",
		"SELECT i FROM t WHERE money > 100 ORDER BY atz LIMIT 3": "i money atz",
		"FROM (DESCRIBE t)":                                      "",
		"SELECT s::INT FROM t":                                   "s",
		"SELECT error('TProtocolException' || i) FROM t":         "i",
		"SELECT missing FROM t":                                  "",
	} {
		copies, err := c.Open(t.Context(), version(files, data))
		if err != nil {
			t.Fatal(err)
		}
		answer(t, []sandbox.Table{table("t", copies, 0)}, sql)
		if diff := cmp.Diff(want, strings.Join(loaded(copies, 0), " ")); diff != "" {
			t.Errorf("%s: %s", sql, diff)
		}
		copies.Release()
	}
}

func TestSparseCopies_PlanLacksAColumn_AllAreLoaded(t *testing.T) {
	t.Parallel()
	data := parquet(t, types, "")
	files := map[uuid.UUID][]byte{}
	c := sparse(t, maxBytes, fromMemory(files))
	for sql, want := range map[string]string{
		"SELECT sum(i) FROM t":                   "449985000",
		"SELECT count(*) FROM t WHERE small = 3": "4286",
		"SELECT count(*) FROM t WHERE s = 's 7'": "0",
		"SELECT count(point.q.r) FROM t":         "30000",
	} {
		copies, err := c.Open(t.Context(), version(files, data))
		if err != nil {
			t.Fatal(err)
		}
		source := table("t", copies, 0)
		load := source.Load
		source.Load = func(ctx context.Context, columns []string) error {
			if columns != nil {
				return nil
			}
			return load(ctx, nil)
		}
		if got := answer(t, []sandbox.Table{source}, sql); !strings.Contains(got, "[["+want+"]]") {
			t.Errorf("%s: %s", sql, got)
		}
		copies.Release()
	}
}

func TestSparseCopies_ColumnsNotLoaded_TakeNoSpace(t *testing.T) {
	t.Parallel()
	data := parquet(t, "SELECT i AS a, hash(i) AS b, hash(i + 1) AS c FROM range(1000000) r(i)", "")
	files := map[uuid.UUID][]byte{}
	c := sparse(t, maxBytes, fromMemory(files))
	copies, err := c.Open(t.Context(), version(files, data))
	if err != nil {
		t.Fatal(err)
	}
	defer copies.Release()
	if err := copies.Load(t.Context(), []int{0}, []string{"b"}); err != nil {
		t.Fatal(err)
	}
	var stat syscall.Stat_t
	if err := syscall.Stat(copies.Path(0), &stat); err != nil {
		t.Fatal(err)
	}
	if used := stat.Blocks * 512; used > int64(len(data))*2/3 || c.bytes > int64(len(data))/2 || stat.Size != int64(len(data)) {
		t.Errorf("%d bytes used, %d counted, of %d", used, c.bytes, len(data))
	}
}

func TestLoad_ColumnsExceedTheCache_IsRefused(t *testing.T) {
	t.Parallel()
	data := parquet(t, "SELECT hash(i) AS a, hash(i + 1) AS b, hash(i + 2) AS c FROM range(100000) r(i)", "")
	files := map[uuid.UUID][]byte{}
	c := sparse(t, int64(len(data))*3/4, fromMemory(files))
	v := version(files, data)
	read := func(columns ...string) error {
		copies, err := c.Open(t.Context(), v)
		if err != nil {
			return err
		}
		defer copies.Release()
		err = copies.Load(t.Context(), []int{0}, columns)
		if err != nil {
			return err
		}
		whole := filepath.Join(t.TempDir(), "whole.parquet")
		if err := os.WriteFile(whole, data, 0o600); err != nil {
			return err
		}
		sql := "SELECT sum(" + strings.Join(columns, "), sum(") + ") FROM t"
		want := answer(t, []sandbox.Table{{Name: "t", Paths: []string{whole}}}, sql)
		if diff := cmp.Diff(want, answer(t, []sandbox.Table{{Name: "t", Paths: []string{copies.Path(0)}}}, sql)); diff != "" {
			t.Error(diff)
		}
		return nil
	}
	// Columns of earlier queries make room.
	for _, columns := range [][]string{{"a", "b"}, {"b", "c"}, {"a"}, {"a", "c"}} {
		if err := read(columns...); err != nil {
			t.Errorf("%v: %v", columns, err)
		}
	}
	if f, ok := fault.As(read("a", "b", "c")); !ok || f.Kind != fault.Invalid {
		t.Error("all columns: want a refusal")
	}
	if c.bytes > c.max {
		t.Errorf("%d bytes of at most %d", c.bytes, c.max)
	}
}

func TestLoad_FetchFails_IsTriedAgain(t *testing.T) {
	t.Parallel()
	data := parquet(t, "SELECT i AS a, hash(i) AS b FROM range(100000) r(i)", "")
	var broken atomic.Bool
	c := sparse(t, maxBytes, func(context.Context, Version) (Source, error) {
		s := stored{Reader: bytes.NewReader(data)}
		if broken.Load() {
			s.err = errors.New("broken")
		}
		return s, nil
	})
	copies, err := c.Open(t.Context(), Version{Dataset: uuid.New(), Bytes: int64(len(data))})
	if err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	if err := copies.Load(t.Context(), []int{0}, []string{"b"}); err == nil {
		t.Error("a broken fetch is no error")
	}
	broken.Store(false)
	if err := copies.Load(t.Context(), []int{0}, []string{"b"}); err != nil || !strings.Contains(strings.Join(loaded(copies, 0), " "), "b") {
		t.Errorf("the second try: %v", err)
	}
	copies.Release()
	if c.bytes != 0 || exists(copies.Path(0)) {
		t.Errorf("the file of the failed fetch stays (%d bytes)", c.bytes)
	}
}
