package download_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions/datasets/datasetstest"
	"function/shared/engine"
	"function/shared/platformtest"
)

// allTypes selects rows with every type that a version can have, by the names of its columns.
const allTypes = `SELECT * FROM (VALUES
	(1, true, '-128'::TINYINT, '-32768'::SMALLINT, '-9223372036854775808'::BIGINT, 255::UTINYINT, 65535::USMALLINT, 4294967295::UINTEGER, 18446744073709551615::UBIGINT,
	 1.1::FLOAT, 5e-324::DOUBLE, 1.10::DECIMAL(4,2), '0.000000000000000001'::DECIMAL(18,18), '-99999999999999999999999999999999999999'::DECIMAL(38,0), '12345678901234567890123456789.012345678'::DECIMAL(38,9),
	 'grüß "Gott", 🙂;' || chr(10) || chr(9) || '<&>\', '\x00\xFF\x22,'::BLOB, '01234567-89ab-cdef-0123-456789abcdef'::UUID, DATE '0001-01-01', TIME '23:59:59.999999',
	 TIMESTAMP '1969-12-31 23:59:59.999999', TIMESTAMPTZ '2024-02-29 12:00:00.000001+00', TIMESTAMP_NS '1969-12-31 23:59:59.999999999',
	 '{"a":[1,1.10,null],"ü":"x"}'::JSON, [1, NULL, 3]::BIGINT[], {'a': 1.5::DECIMAL(5,2), 'b': ['x', NULL, ''], 'c_d': {'e': DATE '2024-01-01'}}, MAP {'k': 1, '': NULL}, MAP {7: [true, NULL]}, 'odd'),
	(2, false, 127, 32767, 9223372036854775807, 0, 0, 0, 0, 'NaN'::FLOAT, 'NaN'::DOUBLE, -99.99, -0.5, 0, -0.000000001,
	 '', ''::BLOB, '00000000-0000-0000-0000-000000000000', DATE '9999-12-31', TIME '00:00:00', TIMESTAMP '9999-12-31 23:59:59', TIMESTAMPTZ '1900-01-01 00:00:00+00', TIMESTAMP_NS '2262-04-11 23:47:15.999999999',
	 '"text"', [], {'a': NULL, 'b': [], 'c_d': NULL}, MAP {}, MAP {}, 'NULL'),
	(3, NULL, NULL, NULL, 9007199254740993, NULL, NULL, NULL, 9007199254740993, '-inf'::FLOAT, 'inf'::DOUBLE, NULL, NULL, NULL, NULL,
	 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(4, true, 0, 0, 0, 1, 1, 1, 1, 16777216::FLOAT, 1.7976931348623157e308, 0, 0, 1, 0,
	 ' padded ', '\x00'::BLOB, 'ffffffff-ffff-ffff-ffff-ffffffffffff', DATE '1582-10-10', TIME '12:34:56', TIMESTAMP '1582-10-10 00:00:00', TIMESTAMPTZ '2024-03-31 01:00:00+00', TIMESTAMP_NS '2024-01-01 00:00:00.123456789',
	 '[]', [9223372036854775807], {'a': 0, 'b': ['a"b'], 'c_d': {'e': NULL}}, MAP {'ü': -1, 'x"y': 2}, MAP {-1: [], 0: NULL}, ' ')
) AS t(id, boolean, tinyint, smallint, bigint, utinyint, usmallint, uinteger, ubigint, "float", "double", short, fraction, wide, "both",
	"varchar", "blob", "uuid", "date", "time", "timestamp", "timestamptz", nanos, "json", list, struct, map, numbered, "an odd, ""näme""")`

// reads has the types that a format is read back with, by the type that it was written from.
var reads = map[string]map[string]string{
	"avro": {"TINYINT": "INTEGER", "SMALLINT": "INTEGER", "UTINYINT": "INTEGER", "USMALLINT": "INTEGER", "UINTEGER": "BIGINT", "UBIGINT": "DECIMAL(20,0)",
		"JSON": "VARCHAR", "MAP(INTEGER, BOOLEAN[])": `STRUCT("key" INTEGER, "value" BOOLEAN[])[]`},
	"arrow":   {"JSON": "VARCHAR"},
	"parquet": {},
	"orc":     {"UTINYINT": "SMALLINT", "USMALLINT": "INTEGER", "UINTEGER": "BIGINT", "UBIGINT": "DECIMAL(20,0)", "UUID": "VARCHAR", "TIME": "VARCHAR", "JSON": "VARCHAR"},
}

// declarable are the types that text can be declared to have.
var declarable = strings.Fields("BOOLEAN TINYINT SMALLINT INTEGER BIGINT DOUBLE VARCHAR UUID DATE TIME TIMESTAMP JSON")

func source(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "all.parquet")
	query(t, "COPY ("+allTypes+" ORDER BY id) TO "+engine.Literal(path)+" (FORMAT parquet)")
	return path
}

func query(t *testing.T, statement string) [][]any {
	t.Helper()
	s, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var rows [][]any
	if err := s.Each(t.Context(), statement, func(row []any) error { rows = append(rows, row); return nil }); err != nil {
		t.Fatalf("%.200s: %v", statement, err)
	}
	return rows
}

// set is a data set whose rows are in a file, too.
type set struct {
	path   string // of its rows as Parquet
	format string
	notes  string // of the download that it is made of
	names  []string
	types  []string
}

// conversions uploads and downloads data sets.
type conversions struct {
	p      *platformtest.Platform
	caller platformtest.Caller
	count  int
}

// add uploads a file as a new data set and returns its rows. declared are the types of text.
func (c *conversions) add(t *testing.T, format, content string, declared []string, names []string) (string, set) {
	t.Helper()
	c.count++
	d := datasetstest.Create(t, c.p, c.caller.Token, fmt.Sprintf("set-%d", c.count))
	body, contentType := datasetstest.Form(t, "file", "a."+format, "", content)
	if declared != nil {
		types := map[string]string{}
		for i, sqlType := range declared {
			if sqlType != "" {
				types[names[i]] = sqlType
			}
		}
		options, err := json.Marshal(map[string]any{"types": types})
		if err != nil {
			t.Fatal(err)
		}
		body = strings.Replace(body, "\r\n", "\r\nContent-Disposition: form-data; name=\"reading\"\r\n\r\n"+string(options)+"\r\n"+body[:strings.Index(body, "\r\n")]+"\r\n", 1)
	}
	datasetstest.Send(c.p, c.caller.Token, d.ID, body, contentType).Want(t, http.StatusCreated)
	datasetstest.Profile(t, c.p, c.count)
	if got := datasetstest.Get(t, c.p, c.caller.Token, d.ID); got.Status != "ready" {
		t.Fatalf("%s: data set is %s: %s", format, got.Status, *got.Failure)
	}
	s := set{path: filepath.Join(t.TempDir(), "rows.parquet"), format: format}
	rows := c.p.Do(c.caller.Token, http.MethodGet, path(d)+"?format=parquet", nil).Want(t, http.StatusOK)
	if err := os.WriteFile(s.path, rows.Body, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range query(t, "SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet("+engine.Literal(s.path)+"))") {
		s.names, s.types = append(s.names, row[0].(string)), append(s.types, row[1].(string))
	}
	return path(d), s
}

func text(format string) bool { return format == "csv" || format == "json" || format == "ndjson" }

// declare returns the declarable types of columns.
func declare(s set) []string {
	list := make([]string, len(s.types))
	for i, sqlType := range s.types {
		for _, name := range declarable {
			if sqlType == name || strings.HasPrefix(sqlType, "DECIMAL") || sqlType == "TIMESTAMP WITH TIME ZONE" {
				list[i] = sqlType
			}
		}
		if sqlType == "FLOAT" {
			list[i] = "REAL"
		}
	}
	return list
}

func TestDownload_EveryFormat_KeepsEveryValue(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	c := &conversions{p: p, caller: p.Login("owner")}
	content, err := os.ReadFile(source(t))
	if err != nil {
		t.Fatal(err)
	}
	url, original := c.add(t, "parquet", string(content), nil, nil)
	type uploaded struct {
		url string
		set set
	}
	formats := []string{"csv", "json", "ndjson", "parquet", "avro", "orc", "arrow"}
	from := map[string]uploaded{}
	for _, format := range formats {
		u, s := c.convert(t, url, original, format)
		from[format] = uploaded{u, s}
	}
	for _, a := range formats {
		for _, b := range formats {
			if a == "parquet" || a == "ndjson" || b == "ndjson" && a != "json" {
				continue
			}
			c.convert(t, from[a].url, from[a].set, b)
		}
	}
}

// convert downloads a data set in a format, uploads that as a new one, and compares the two.
func (c *conversions) convert(t *testing.T, url string, from set, format string) (string, set) {
	t.Helper()
	answer := c.p.Do(c.caller.Token, http.MethodGet, url+"?format="+format, nil).Want(t, http.StatusOK)
	notes := answer.Header.Get("Conversion-Notes")
	extension := strings.TrimPrefix(format, "nd")
	var declared []string
	if text(format) {
		declared = declare(from)
	}
	url, to := c.add(t, extension, string(answer.Body), declared, from.names)
	to.notes = notes
	pair := from.format + " to " + format
	var a, b []string
	for i, was := range from.types {
		is := to.types[i]
		want := was
		if as, ok := reads[format][was]; ok {
			want = as
		}
		if !text(format) && is != want || text(format) && declared[i] != "" && is != was {
			t.Errorf("%s: column %s of type %s is read as %s, want %s", pair, from.names[i], was, is, want)
		}
		value := engine.Identifier(to.names[i])
		switch {
		case was == is:
		case was == "BLOB":
			value = "from_base64(" + value + ")"
		case strings.HasPrefix(is, `STRUCT("key"`):
			value = "map_from_entries(" + value + ")"
		case text(format) && engine.Nested(was):
			value = "CAST(CAST(" + value + " AS JSON) AS " + was + ")"
		default:
			value = "CAST(" + value + " AS " + was + ")"
		}
		if was != is && notes == "" {
			t.Errorf("%s: no note says that %s is %s", pair, was, is)
		}
		a, b = append(a, engine.Identifier(from.names[i])), append(b, value)
	}
	both := func(x, y string) string {
		return fmt.Sprintf("SELECT COLUMNS(*)::VARCHAR FROM (SELECT %s FROM %s EXCEPT ALL SELECT %s FROM %s)", x, engine.Literal(from.path), y, engine.Literal(to.path))
	}
	lost := query(t, both(strings.Join(a, ", "), strings.Join(b, ", ")))
	if len(lost) > 0 {
		for i := range a {
			if rows := query(t, both(a[i], b[i])); len(rows) > 0 {
				t.Errorf("%s: column %s (%s, now %s) loses %s; it is %v", pair, from.names[i], from.types[i], to.types[i], rows, query(t, fmt.Sprintf("SELECT %s FROM %s", engine.Identifier(to.names[i]), engine.Literal(to.path))))
			}
		}
	}
	if diff := cmp.Diff(query(t, "SELECT count(*) FROM "+engine.Literal(from.path)), query(t, "SELECT count(*) FROM "+engine.Literal(to.path))); diff != "" {
		t.Errorf("%s: rows: %s", pair, diff)
	}
	return url, to
}
