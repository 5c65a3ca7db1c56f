package ingest_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/ingest"
	"function/shared/ingest/invalid"
	"function/shared/resultset"
	"function/shared/sandbox"
)

// Each text is read as its declared type, or refused where the type would drop a part of it.
func TestDeclaredType_TextForms(t *testing.T) {
	t.Parallel()
	const refused = ""
	for _, test := range []struct{ sqlType, text, want string }{
		{"TIMESTAMP", "2024-01-31T10:00:00+02:00", refused},
		{"TIMESTAMP", "2024-01-31 10:00:00Z", refused},
		{"TIMESTAMP", "2024-01-31 10:00:00 UTC", refused},
		{"TIMESTAMP", "2024-01-31 10:00:00.1234567", refused},
		{"TIMESTAMP", "2024-01-31 10:00:00.123456000", `"2024-01-31T10:00:00.123456"`},
		{"TIMESTAMP", "2024/1/31 9:05", `"2024-01-31T09:05:00"`},
		{"TIMESTAMP", "2024-01-31", `"2024-01-31T00:00:00"`},
		{"TIMESTAMP", "infinity", `"infinity"`},
		{"TIMESTAMP", "now", refused},
		{"TIMESTAMPTZ", "2024-01-31T10:00:00+02:00", `"2024-01-31T08:00:00Z"`},
		{"TIMESTAMPTZ", "2024-01-31 10:00:00+0130", `"2024-01-31T08:30:00Z"`},
		{"TIMESTAMPTZ", "2024-01-31 10:00:00.5-05", `"2024-01-31T15:00:00.5Z"`},
		{"TIMESTAMPTZ", "2024-01-31 10:00:00 UTC", `"2024-01-31T10:00:00Z"`},
		{"TIMESTAMPTZ", "2024-01-31 10:00:00.123456789Z", refused},
		{"DATE", "2024-12-31 23:59:59", refused},
		{"DATE", "2024-12-31T00:00:00Z", refused},
		{"DATE", "2024-12-31 00:00:00.000", `"2024-12-31"`},
		{"DATE", "2024-12-31T00:00:00", `"2024-12-31"`},
		{"DATE", "2024/1/3", `"2024-01-03"`},
		{"DATE", "today", refused},
		{"TIME", "10:00:00.123456789", refused},
		{"TIME", "10:00:00+02", refused},
		{"TIME", "2024-01-01 10:00:00", refused},
		{"TIME", "24:00:00", refused},
		{"TIME", "10:00", `"10:00:00"`},
		{"TIME", "1:02:03.5000000", `"01:02:03.5"`},
		{"DOUBLE", "9007199254740993", refused},
		{"DOUBLE", "9007199254740992", `9007199254740992`},
		{"DOUBLE", "0.1", `0.1`},
		{"DOUBLE", "-00.10e+01", `-1`},
		{"DOUBLE", "0.30000000000000004", `0.30000000000000004`},
		{"DOUBLE", "3.14159265358979323846", refused},
		{"DOUBLE", "1e400", refused},
		{"DOUBLE", "1e-400", refused},
		{"DOUBLE", "1_000", refused},
		{"DOUBLE", "0x10", refused},
		{"DOUBLE", "0.00", `0`},
		{"DOUBLE", "NaN", `"NaN"`},
		{"DOUBLE", "-Infinity", `"-Infinity"`},
		{"REAL", "0.1", `0.1`},
		{"REAL", "16777217", refused},
		{"REAL", "1e39", refused},
		{"BIGINT", "2.5", refused},
		{"BIGINT", "2.0", `2`},
		{"BIGINT", "1e3", refused},
		{"BIGINT", "9223372036854775808", refused},
		{"TINYINT", "128", refused},
		{"DECIMAL(10,2)", "1.005", refused},
		{"DECIMAL(10,2)", "1.5000", `"1.50"`},
		{"DECIMAL(10,2)", "123456789.00", refused},
		{"DECIMAL(10,2)", "1e2", refused},
		{"HUGEINT", "12345678901234567890123", `"12345678901234567890123"`},
		{"HUGEINT", "1.5", refused},
		{"BOOLEAN", "true", `true`},
		{"BOOLEAN", "maybe", refused},
		{"UUID", "not-a-uuid", refused},
		{"JSON", `{"a":1}`, `{"a":1}`},
		{"JSON", `{"a":`, refused},
		{"JSON", `{"a":1,"a":2}`, refused},
		{"JSON", `{"o":{"a":1,"\u0061":2}}`, refused},
		{"JSON", `"\ud800"`, refused},
		{"VARCHAR", "007", `"007"`},
	} {
		t.Run(test.sqlType+" "+test.text, func(t *testing.T) {
			t.Parallel()
			src := ingest.Source{Path: file(t, "v\n"+quoted(test.text)+"\n"), Format: ingest.CSV, Columns: []resultset.Column{{Name: "v", Type: test.sqlType}}}
			dst := filepath.Join(t.TempDir(), "t.parquet")
			_, err := ingest.Prepare(t.Context(), src, dst, ingest.Options{Scratch: t.TempDir()})
			if test.want == refused {
				var invalid *invalid.Error
				if !errors.As(err, &invalid) {
					_, rows := ask(t, sandbox.Table{Name: "t", Paths: []string{dst}}, "FROM t")
					t.Errorf("got %v, rows %s", err, rows)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, rows := ask(t, sandbox.Table{Name: "t", Paths: []string{dst}}, "FROM t")
			if diff := cmp.Diff("[["+test.want+"]]", rows); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// quoted makes a CSV field of a text.
func quoted(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }
