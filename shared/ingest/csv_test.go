package ingest_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/ingest"
	"function/shared/ingest/invalid"
	"function/shared/ingest/reading"
)

func TestCSV_FilesOfOtherPrograms(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ charset, types, rows string }{
		"excel-sep-line.csv":         {"", "id BIGINT, name VARCHAR", `[[1,"Ann"],[2,"Bob"]]`},
		"tilde.csv":                  {"", "id BIGINT, name VARCHAR", `[[1,"Ann"]]`},
		"quote-inside-field.csv":     {"", "stop_id BIGINT, stop_name VARCHAR, code BIGINT", `[[1,"Main \"St",5],[2,"Elm",6]]`},
		"latin1.csv":                 {"iso-8859-1", "name VARCHAR", `[["José"]]`},
		"latin1-semicolon.csv":       {"windows-1252", "ESPECES VARCHAR, DEP BIGINT, SURF VARCHAR", `[["Autres céréales",75,"0,00"]]`},
		"utf16-excel.csv":            {"", "a BIGINT, b VARCHAR", `[[1,"x"]]`},
		"mixed-line-ends.csv":        {"", "a BIGINT, b VARCHAR", `[[1,"x"],[2,"y"]]`},
		"comma-in-header.csv":        {"", "product name VARCHAR, amount, in dollars VARCHAR", `[["blunderbuss","  1,000"],["cyberwagon","   1,000,000"]]`},
		"hive-ctrl-a.csv":            {"", "a BIGINT, b BIGINT", `[[1,2]]`},
		"postgres-copy.csv":          {"", "id BIGINT, b VARCHAR, ts TIMESTAMP WITH TIME ZONE", `[[1,"t","2024-01-31T10:00:00Z"],[2,"f","2024-01-31T09:00:00.5Z"]]`},
		"ids-in-scientific-form.csv": {"", "id VARCHAR", `[["1E5"],["2E3"]]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, profile := prepare(t, ingest.Source{Path: filepath.Join("testdata/csv", name), Format: ingest.CSV, Reading: reading.Options{Encoding: test.charset}})
			_, rows := ask(t, table, "FROM t")
			if diff := cmp.Diff([2]string{test.types, test.rows}, [2]string{types(profile), rows}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCSV_BadFile_IsRefusedWithItsLines(t *testing.T) {
	t.Parallel()
	read := func(name string) string { return filepath.Join("testdata/csv", name) }
	for name, test := range map[string]struct {
		path, charset, want string
		line                int64
	}{
		"another encoding":        {read("latin1.csv"), "", notUTF8(2), 2},
		"bytes of no encoding":    {file(t, "a\nx\n\xd8\x00\n"), "utf-8", "Line 3 is not valid UTF-8 text", 3},
		"short record":            {read("short-record.csv"), "", "Line 2 has 2 fields where the first line has 3.", 2},
		"uneven records":          {file(t, "a,b\n1\n1,2\n\n1,2,3\n"), "", "Lines 2 (1) and 5 (3) do not have 2 fields like the first line.", 2},
		"many uneven records":     {file(t, "a,b\n1,2\n"+strings.Repeat("1\n", 25)), "", "Lines 3 (1), 4 (1), 5 (1), 6 (1), 7 (1), 8 (1), 9 (1), 10 (1), 11 (1), 12 (1) and 15 more do not have 2 fields like the first line.", 3},
		"after quoted newlines":   {read("long-record-after-quoted-newlines.csv"), "", "Line 202 has 3 fields where the first line has 2.", 202},
		"backslash escape":        {read("backslash-escape.csv"), "", "Line 3 has a misplaced quote.", 3},
		"unknown encoding":        {read("latin1.csv"), "klingon", `The encoding "klingon" is not supported.`, 0},
		"half a UTF-16 character": {file(t, "\xff\xfea\x00\n\x00b"), "", "Line 2 has bytes that are not valid in the file's encoding", 2},
		"lone UTF-16 surrogate":   {file(t, "\xfe\xff\x00a\x00\n\x00b\xd8\x00\x00c"), "", "Line 2 has bytes that are not valid in the file's encoding", 2},
		"not Shift JIS":           {file(t, "a\n\x81\n"), "shift_jis", "Line 2 has bytes that are not valid in the file's encoding", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := ingest.Source{Path: test.path, Format: ingest.CSV, Reading: reading.Options{Encoding: test.charset}}
			_, err := ingest.Prepare(t.Context(), src, filepath.Join(t.TempDir(), "t.parquet"), ingest.Options{Scratch: t.TempDir()})
			var invalid *invalid.Error
			if !errors.As(err, &invalid) {
				t.Fatalf("got %v", err)
			}
			if !strings.HasPrefix(invalid.Detail, test.want) || invalid.Line != test.line {
				t.Errorf("got line %d: %s", invalid.Line, invalid.Detail)
			}
		})
	}
}

// Everything that CSV leaves open, in small.
func TestCSV_Forms(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"a,b\n1,\"x\ry\"\n\"2\",\"\r\n\"\n":  `[[1,"x\ry"],[2,"\r\n"]]`,
		"\"x\ry\",b\n1,2\n":                  `[[1,2]]`,
		"\"x\r\ny\",b\n1,2\n":                `[[1,2]]`,
		"a\rb\r":                             `[["b"]]`,
		"a,b\r1,\"x\ry\"\r2,z\r":             `[[1,"x\ry"],[2,"z"]]`,
		"a,b\r\n1,\"x\ny\"\r\n2,z\n":         `[[1,"x\ny"],[2,"z"]]`,
		"a,b\n1,\"x\r\ny\"\n":                `[[1,"x\r\ny"]]`,
		"\n\na,b\n1,2\n":                     `[[1,2]]`,
		"a,b\n\n1,2\n\n":                     `[[1,2]]`,
		"a\n1\n\n2\n":                        `[[1],[null],[2]]`,
		"a\r\n1\n\n2\n":                      `[[1],[null],[2]]`,
		"a,b\n5\" pipe,\"\"\n,\"5\"\" x\"":   `[["5\" pipe",""],[null,"5\" x"]]`,
		"a,b\nsay \"hi\",x\n":                `[["say \"hi\"","x"]]`,
		"a,b\n\"\"\"\",x\"\"\n":              `[["\"","x\"\""]]`,
		"\xef\xbb\xbfsep=\t\r\na\tb\r\n1\t2": `[[1,2]]`,
		"\"sep=|\"\na|b\n1|2\n":              `[[1,2]]`,
		"SEP=,\na,b\n1,2\n":                  `[[1,2]]`,
		"sep=:\na:b\n1:2\n":                  `[[1,2]]`,
		"a^b\n1^2\n":                         `[[1,2]]`,
		"a¦b\n1¦2\n":                         `[[1,2]]`,
		"path\n~/x\n~/y\n":                   `[["~/x"],["~/y"]]`,
		"a;b\n1,5;2\n3,5;4\n":                `[["1,5",2],["3,5",4]]`,
		"a;b\n1,5;2,5\n":                     `[["1,5","2,5"]]`,
		"x, y|z\n1|2\n3|4\n":                 `[[1,2],[3,4]]`,
		"\"a;b\";c,d\n\"1;2\";3,4\n":         `[["1;2","3,4"]]`,
	} {
		t.Run(fmt.Sprintf("%q", content), func(t *testing.T) {
			t.Parallel()
			table, _ := prepare(t, ingest.Source{Path: file(t, content), Format: ingest.CSV})
			_, rows := ask(t, table, "FROM t")
			if diff := cmp.Diff(want, rows); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCSV_ManyColumns(t *testing.T) {
	t.Parallel()
	_, profile := prepare(t, ingest.Source{Path: "testdata/csv/501-columns.csv", Format: ingest.CSV})
	if len(profile.Columns) != 501 {
		t.Errorf("got %d columns", len(profile.Columns))
	}
}
