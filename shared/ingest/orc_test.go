package ingest_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/ingest"
	"function/shared/resultset"
)

// The files are by the C++ writer of Apache, a type each; testdata/orc/write.py writes them.
func TestORC_EveryTypeKeepsItsValues(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"bigint":                {"v BIGINT", `[["-9223372036854775808"],["9223372036854775807"],["9007199254740993"]]`},
		"binary":                {"v BLOB", `[[""],["AP8="]]`},
		"boolean":               {"v BOOLEAN", `[[true],[null],[false]]`},
		"char":                  {"v VARCHAR", `[["ab  "],["abcd"]]`},
		"date":                  {"v DATE", `[["0001-01-01"],["1582-10-04"],["1582-10-15"],["2024-02-29"]]`},
		"decimal":               {"v DECIMAL(10,2)", `[["-1.50"],["99999999.99"],[null]]`},
		"decimal-wide":          {"v DECIMAL(38,10)", `[["-1234567890123456789012345678.0123456789"],["0.0000000000"],["0.0000000001"]]`},
		"dictionary":            {"v VARCHAR", `[["b"],[""],[null],["b"],["a"]]`},
		"dictionary-version-1":  {"v VARCHAR", `[["b"],[""],[null],["b"],["a"]]`},
		"double":                {"v DOUBLE", `[[0.1],["NaN"],[1e+308]]`},
		"float":                 {"v FLOAT", `[[1.5],["Infinity"],[-0]]`},
		"int":                   {"v INTEGER", `[[-2147483648],[2147483647],[0]]`},
		"list":                  {"v BIGINT[]", `[[[1,null]],[[]],[null]]`},
		"list-of-structs":       {"v STRUCT(x INTEGER, tags VARCHAR[])[]", `[[[{"tags":["a","b"],"x":1},{"tags":[],"x":2}]],[[]]]`},
		"map":                   {"v MAP(VARCHAR, VARCHAR[])", `[[{"":[],"a":["x"]}],[{}],[null]]`},
		"map-of-ints":           {"v MAP(INTEGER, DOUBLE)", `[[{"1":0.5}]]`},
		"no-rows":               {"v INTEGER", `[]`},
		"root":                  {"value BIGINT", `[[1],[2]]`},
		"same-names":            {"a INTEGER, A_1 INTEGER", `[[1,2]]`},
		"smallint":              {"v SMALLINT", `[[-32768],[32767]]`},
		"string":                {"v VARCHAR", `[[""],["007"],["é\u0000日😀"],[null]]`},
		"struct":                {"v STRUCT(x INTEGER, y VARCHAR)", `[[{"x":1,"y":null}],[null],[{"x":2,"y":"b"}]]`},
		"timestamp":             {"v TIMESTAMP", `[["0001-01-01T00:00:00"],["1969-12-31T23:59:58.123"],["1969-12-31T23:59:59.000001"],["2024-07-02T03:04:05.123456"],[null]]`},
		"timestamp-instant":     {"v TIMESTAMP WITH TIME ZONE", `[["0001-01-01T00:00:00Z"],["1969-12-31T23:59:58.123Z"],["1969-12-31T23:59:59.000001Z"],["2024-07-02T03:04:05.123456Z"],[null]]`},
		"timestamp-nanoseconds": {"v TIMESTAMP_NS", `[["1970-01-01T00:00:00.000000001"],["1969-12-31T23:59:59.999999999"],["1969-12-31T23:59:58.5"],["2024-01-02T03:04:05.123456789"],[null]]`},
		"timestamp-zone":        {"v TIMESTAMP", `[["1969-12-31T23:59:59.123"],["2024-07-02T03:04:05.123456"],["2024-01-02T03:04:05"]]`},
		"tinyint":               {"v TINYINT", `[[-128],[127],[null]]`},
		"union":                 {"v STRUCT(tag TINYINT, field0 INTEGER, field1 VARCHAR, field2 INTEGER)", `[[{"field0":1,"field1":null,"field2":null,"tag":0}],[{"field0":null,"field1":"1","field2":null,"tag":1}],[null]]`},
		"varchar":               {"v VARCHAR", `[["abc"],["é"]]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, profile := prepare(t, ingest.Source{Path: filepath.Join("testdata/orc", name+".orc"), Format: ingest.ORC})
			_, rows := ask(t, table, "FROM t")
			if diff := cmp.Diff(want, [2]string{types(profile), rows}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestORC_EveryCodec_IsDecompressed(t *testing.T) {
	t.Parallel()
	for _, codec := range []string{"zlib", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			table, _ := prepare(t, ingest.Source{Path: filepath.Join("testdata/orc", "codec-"+codec+".orc"), Format: ingest.ORC})
			query := "SELECT count(*), count(*) FILTER (v = repeat(chr(CAST(97 + i % 26 AS INTEGER)), 100)) FROM (SELECT v, row_number() OVER () - 1 AS i FROM t)"
			if _, rows := ask(t, table, query); rows != `[[300,300]]` {
				t.Errorf("got %s", rows)
			}
		})
	}
}

func TestORC_DeclaredTypes_AreKeptOrRefused(t *testing.T) {
	t.Parallel()
	src := ingest.Source{Path: "testdata/orc/bigint.orc", Format: ingest.ORC, Columns: []resultset.Column{{Name: "V", Type: "HUGEINT"}}}
	if _, profile := prepare(t, src); types(profile) != "V DECIMAL(38,0)" {
		t.Errorf("got %s", types(profile))
	}
	src.Columns[0].Type = "DOUBLE"
	want := `Row 2, column "V": "9223372036854775807" cannot be stored exactly as DOUBLE.`
	if got := refusal(t, src); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestORC_WhatCannotBeKept_IsRefused(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"same-nested-names":             `Column "v" has the fields "a" and "A", which differ in case only: rename one.`,
		"timestamp-instant-nanoseconds": `Row 1, column "v": "2024-01-02 03:04:05.123456789" cannot be stored exactly as TIMESTAMP WITH TIME ZONE.`,
		"write.py":                      `The ORC file is truncated or damaged: its postscript is not valid.`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("testdata/orc", name)
			if filepath.Ext(name) == "" {
				path += ".orc"
			}
			if got := refusal(t, ingest.Source{Path: path, Format: ingest.ORC}); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
