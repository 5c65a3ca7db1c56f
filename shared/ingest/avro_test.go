package ingest_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/ingest"
	"function/shared/ingest/invalid"
	"function/shared/resultset"
)

// The files are by fastavro and polars, a type each; testdata/avro/write.py writes them.
func TestAvro_EveryTypeKeepsItsValues(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"array-of-records":       {"v STRUCT(x INTEGER, tags VARCHAR[])[]", `[[[{"tags":["a","b"],"x":1},{"tags":[],"x":2}]],[[]]]`},
		"array":                  {"v BIGINT[]", `[[[1,null]],[[]]]`},
		"boolean":                {"v BOOLEAN", `[[true],[false]]`},
		"bytes":                  {"v BLOB", `[[""],["AP8="]]`},
		"date":                   {"v DATE", `[["0001-01-01"],["2024-02-29"]]`},
		"decimal-bytes":          {"v DECIMAL(38,10)", `[["-1234567890123456789012345678.0123456789"],["0.0000000000"],["0.0000000001"]]`},
		"decimal-fixed":          {"v DECIMAL(10,2)", `[["-1.50"],["99999999.99"]]`},
		"double":                 {"v DOUBLE", `[[0.1],["NaN"],[1e+308]]`},
		"duration":               {"v STRUCT(\"months\" UINTEGER, \"days\" UINTEGER, \"milliseconds\" UINTEGER)", `[[{"days":2,"milliseconds":4294967295,"months":1}]]`},
		"enum":                   {"v VARCHAR", `[["GREEN"],["RED"]]`},
		"fixed":                  {"v BLOB", `[["YWJj"]]`},
		"float":                  {"v FLOAT", `[[1.5],["Infinity"],[-0]]`},
		"int":                    {"v INTEGER", `[[-2147483648],[2147483647],[0]]`},
		"local-timestamp-micros": {"v TIMESTAMP", `[["2024-01-02T03:04:05.123"]]`},
		"local-timestamp-millis": {"v TIMESTAMP", `[["2024-01-02T03:04:05.123"]]`},
		"local-timestamp-nanos":  {"v TIMESTAMP_NS", `[["2024-01-02T03:04:05.123456789"]]`},
		"long":                   {"v BIGINT", `[["-9223372036854775808"],["9223372036854775807"],["9007199254740993"]]`},
		"map":                    {"v MAP(VARCHAR, VARCHAR[])", `[[{"":[],"a":["x"]}],[{}]]`},
		"named-twice":            {"v VARCHAR[]", `[[["A"]]]`},
		"no-rows":                {"v INTEGER", `[]`},
		"not-records":            {"value INTEGER[]", `[[[1,2]],[[]]]`},
		"null-beside":            {"v VARCHAR, n INTEGER", `[[null,1]]`},
		"nullable-last":          {"v VARCHAR", `[[""],[null]]`},
		"nullable-record":        {"v STRUCT(x INTEGER)", `[[null],[{"x":null}],[{"x":3}]]`},
		"nullable":               {"v INTEGER", `[[null],[0]]`},
		"record":                 {"v STRUCT(x INTEGER, y VARCHAR)", `[[{"x":1,"y":null}],[{"x":2,"y":"b"}]]`},
		"reference":              {"a VARCHAR, b VARCHAR, c VARCHAR", `[["A",null,"B"]]`},
		"same-names":             {"a INTEGER, A_1 INTEGER", `[[1,2]]`},
		"string":                 {"v VARCHAR", `[[""],["007"],["é\u0000日😀"]]`},
		"time-micros":            {"v TIME", `[["23:59:59.999999"]]`},
		"time-millis":            {"v TIME", `[["08:30:00.123"]]`},
		"timestamp-micros":       {"v TIMESTAMP WITH TIME ZONE", `[["1969-12-31T23:59:59.123Z"]]`},
		"timestamp-millis":       {"v TIMESTAMP WITH TIME ZONE", `[["1969-12-31T23:59:59.123Z"]]`},
		"timestamp-nanos-whole":  {"v TIMESTAMP WITH TIME ZONE", `[["2024-01-02T03:04:05.123456Z"]]`},
		"union":                  {"v STRUCT(\"int\" INTEGER, string VARCHAR, p STRUCT(x INTEGER))", `[[{"int":1,"p":null,"string":null}],[{"int":null,"p":null,"string":"1"}],[null],[{"int":null,"p":{"x":2},"string":null}]]`},
		"unknown-logical-type":   {"v BIGINT", `[[7]]`},
		"uuid-fixed":             {"v UUID", `[["00000000-0000-0000-0000-000000000005"]]`},
		"uuid":                   {"v UUID", `[["00000000-0000-0000-0000-000000000005"]]`},
		"union-of-records":       {"v STRUCT(\"a.Event\" STRUCT(x INTEGER), \"b.Event\" STRUCT(y INTEGER))", `[[{"a.Event":{"x":1},"b.Event":null}],[{"a.Event":null,"b.Event":{"y":2}}]]`},
		"polars":                 {"n BIGINT, t VARCHAR, l DOUBLE[], d DATE, at TIMESTAMP", `[[1,"é",[1.5],"2024-01-02","2024-01-02T03:04:05.000006"],[null,null,null,null,null]]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, profile := prepare(t, ingest.Source{Path: filepath.Join("testdata/avro", name+".avro"), Format: ingest.Avro})
			_, rows := ask(t, table, "FROM t")
			if diff := cmp.Diff(want, [2]string{types(profile), rows}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAvro_EveryCodec_IsDecompressed(t *testing.T) {
	t.Parallel()
	for _, codec := range []string{"deflate", "snappy", "zstandard", "bzip2"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			table, _ := prepare(t, ingest.Source{Path: filepath.Join("testdata/avro", "codec-"+codec+".avro"), Format: ingest.Avro})
			if _, rows := ask(t, table, "SELECT count(*), min(v) = repeat('a', 100), max(v) = min(v) FROM t"); rows != `[[50,true,true]]` {
				t.Errorf("got %s", rows)
			}
		})
	}
}

func TestAvro_DeclaredTypes_AreKeptOrRefused(t *testing.T) {
	t.Parallel()
	src := ingest.Source{Path: "testdata/avro/long.avro", Format: ingest.Avro, Columns: []resultset.Column{{Name: "V", Type: "HUGEINT"}}}
	if _, profile := prepare(t, src); types(profile) != "V DECIMAL(38,0)" {
		t.Errorf("got %s", types(profile))
	}
	src.Columns[0].Type = "DOUBLE"
	want := `Row 2, column "V": "9223372036854775807" cannot be stored exactly as DOUBLE.`
	if got := refusal(t, src); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAvro_WhatCannotBeKept_IsRefused(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"codec-lz4":              `The Avro file is compressed by "lz4": write it with zstandard, snappy, deflate, bzip2 or null.`,
		"codec-xz":               `The Avro file is compressed by "xz": write it with zstandard, snappy, deflate, bzip2 or null.`,
		"decimal-39-digits":      `Column "v" has decimals of 39 digits, but at most 38 are supported: write it with fewer, or as text.`,
		"empty-record":           `Column "v" is a record without fields, which holds nothing: leave it out.`,
		"map-key-twice":          `Row 1, column "v": a map has a duplicate key.`,
		"not-a-uuid":             `Row 1, column "v": "{00000000-0000-0000-0000-000000000005}" is not a UUID.`,
		"null":                   `The Avro file has no column with values.`,
		"out-of-range-time":      `Row 1, column "v": 86400000000 microseconds are not a time of day.`,
		"out-of-range-timestamp": `Row 1, column "v": the timestamp 4611686018427387904 ms after 1970-01-01 is out of range.`,
		"recursive":              `Column "next" has the recursive type "example.org.row", which no table holds.`,
		"same-nested-names":      `Column "v" has the fields "a" and "A", which differ in case only: rename one.`,
		"timestamp-nanos":        `Row 1, column "v": "2024-01-02 03:04:05.123456789" cannot be stored exactly as TIMESTAMP WITH TIME ZONE.`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := refusal(t, ingest.Source{Path: filepath.Join("testdata/avro", name+".avro"), Format: ingest.Avro})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func refusal(t *testing.T, src ingest.Source) string {
	t.Helper()
	_, err := ingest.Prepare(t.Context(), src, filepath.Join(t.TempDir(), "t.parquet"), ingest.Options{Scratch: t.TempDir()})
	var invalid *invalid.Error
	if !errors.As(err, &invalid) {
		t.Fatalf("got %v, want a refusal", err)
	}
	return invalid.Detail
}
