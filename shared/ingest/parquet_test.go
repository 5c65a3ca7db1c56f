package ingest_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/ingest"
	"function/shared/ingest/invalid"
)

// The files are by pyarrow and polars, a type each.
func TestParquet_EveryTypeKeepsItsValues(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"polars-time":                               {"shift VARCHAR, start TIME", `[["early","08:30:00"],["late","17:00:00"]]`},
		"list-of-time-nanoseconds":                  {"l TIME[], n BIGINT", `[[["00:00:00.000001"],1]]`},
		"map-of-time-nanoseconds":                   {"v MAP(VARCHAR, TIME)", `[[{"a":"00:00:00.000001"}]]`},
		"timestamp-nanoseconds":                     {"v TIMESTAMP_NS", `[["2024-01-02T03:04:05.123456789"],[null]]`},
		"timestamp-utc-nanoseconds-in-microseconds": {"v TIMESTAMP WITH TIME ZONE", `[["2024-01-02T03:04:05.123456Z"],[null]]`},
		"list-of-timestamp-utc-nanoseconds":         {"v TIMESTAMP WITH TIME ZONE[]", `[[["2024-01-02T03:04:05.123456Z",null]],[null]]`},
		"struct-of-timestamps-nanoseconds":          {"v STRUCT(a TIMESTAMP WITH TIME ZONE, b TIMESTAMP_NS)", `[[{"a":"2024-01-02T03:04:05.123456Z","b":"2024-01-02T03:04:05.123456789"}]]`},
		"map-of-decimals":                           {"m MAP(VARCHAR, DECIMAL(38,10))", `[[{"a":"12345678901234567890.1234567891"}]]`},
		"struct-with-map":                           {"s STRUCT(m MAP(VARCHAR, BIGINT), t TIMESTAMP, d DECIMAL(10,2))", `[[{"d":"1.50","m":{"a":1},"t":"2024-01-02T03:04:05"}]]`},
		"geoparquet":                                {"n BIGINT, geometry GEOMETRY('OGC:CRS84')", `[[1,"POINT (1 2)"],[2,null]]`},
		"int96-microseconds":                        {"v TIMESTAMP", `[["2024-01-02T03:04:05.123456"]]`},
		"list-of-int96-microseconds":                {"v TIMESTAMP[]", `[[["2024-01-02T03:04:05.123456",null]],[null]]`},
		"unsigned-64":                               {"v UBIGINT", `[["18446744073709551615"],[0]]`},
		"decimal-of-38-digits":                      {"v DECIMAL(38,0)", `[["-12345678901234567890123456789012345678"]]`},
		"float-16":                                  {"v FLOAT", `[[1.5]]`},
		"uuid":                                      {"v UUID", `[["00000000-0000-0000-0000-000000000005"]]`},
		"json":                                      {"v JSON", `[[{"a":1.50}]]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, profile := prepare(t, ingest.Source{Path: filepath.Join("testdata/parquet", name+".parquet"), Format: ingest.Parquet})
			_, rows := ask(t, table, "FROM t")
			if diff := cmp.Diff(want, [2]string{types(profile), rows}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParquet_ValueThatCannotBeKept_IsRefused(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"decimal-of-39-digits":                `Column "d" has decimals of 39 digits, but at most 38 are supported: write it with fewer, or as text.`,
		"list-of-decimal-of-39-digits":        `Column "element" has decimals of 39 digits, but at most 38 are supported: write it with fewer, or as text.`,
		"timestamp-utc-nanoseconds":           `Row 1, column "t": "2024-01-02 03:04:05.123456789" cannot be stored exactly as TIMESTAMP WITH TIME ZONE.`,
		"struct-of-timestamp-utc-nanoseconds": `Row 1, column "v": "{'a': '2024-01-02 03:04:05.123456001'}" cannot be stored exactly as STRUCT(a TIMESTAMP WITH TIME ZONE).`,
		"time-nanoseconds":                    `Row 1, column "v": "08:30:00.123456789" cannot be stored exactly as TIME.`,
		"int96-nanoseconds":                   `Row 1, column "v": an INT96 timestamp is out of range or has fractions of a microsecond and cannot be stored exactly: write the column as TIMESTAMP.`,
		"list-of-int96-nanoseconds":           `Row 2, column "v": an INT96 timestamp is out of range or has fractions of a microsecond and cannot be stored exactly: write the column as TIMESTAMP.`,
		"struct-of-int96-nanoseconds":         `Row 1, column "v": an INT96 timestamp is out of range or has fractions of a microsecond and cannot be stored exactly: write the column as TIMESTAMP.`,
		"map-of-int96-nanoseconds":            `Row 1, column "v": an INT96 timestamp is out of range or has fractions of a microsecond and cannot be stored exactly: write the column as TIMESTAMP.`,
		"integers-byte-stream-split":          "The Parquet file uses an unsupported encoding (BYTE_STREAM_SPLIT encoding is only supported for FLOAT or DOUBLE data): write it with plain or dictionary encoding.",
		"bytes-byte-stream-split":             "The Parquet file uses an unsupported encoding (BYTE_STREAM_SPLIT encoding is only supported for FLOAT or DOUBLE data): write it with plain or dictionary encoding.",
		"encrypted-columns":                   "Columns of the Parquet file are encrypted: write it without encryption.",
		"string-not-utf8":                     "A string in the Parquet file is not valid UTF-8: write that column as binary, or correct the string.",
		"json-broken":                         "A JSON column of the Parquet file contains invalid JSON.",
		"map-key-twice":                       `Row 1, column "v": a map has a duplicate key.`,
		"nested-map-key-twice":                `Row 1, column "v": a map has a duplicate key.`,
		"json-key-twice":                      `Row 1, column "v": the JSON contains the key "a" twice.`,
		"no-columns":                          "The Parquet file has no columns.",
		"timestamp-out-of-range":              "The Parquet file contains a value outside the supported range of its type (Could not convert Timestamp(MS) to Timestamp(US)).",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := ingest.Source{Path: filepath.Join("testdata/parquet", name+".parquet"), Format: ingest.Parquet}
			_, err := ingest.Prepare(t.Context(), src, filepath.Join(t.TempDir(), "t.parquet"), ingest.Options{Scratch: t.TempDir()})
			var invalid *invalid.Error
			if !errors.As(err, &invalid) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(want, invalid.Detail); diff != "" {
				t.Error(diff)
			}
		})
	}
}
