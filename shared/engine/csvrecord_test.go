package engine

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzCSVScanner holds the scanner to encoding/csv wherever that reads a file.
func FuzzCSVScanner(f *testing.F) {
	for _, seed := range []string{"a,b\n1,\"x\"\"y\"\n", "\"a\nb\",c\r\n1,2\r\n", "\n\na\n\"\"", ",\n,", "\"a\"\"\",\"\"\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		content = bytes.ReplaceAll(content, []byte{'\r'}, nil) // encoding/csv has no CR alone, and drops that of CRLF in quotes
		reader := csv.NewReader(bytes.NewReader(content))
		reader.FieldsPerRecord = -1
		want, err := reader.ReadAll()
		if err != nil {
			return
		}
		var got [][]string
		var counts []int
		count := csvScanner{delimiter: []byte{','}, record: func(_ int64, r *csvRecord) error {
			if !r.blank() {
				counts = append(counts, r.fields)
			}
			return nil
		}}
		scanner := csvScanner{delimiter: []byte{','}, values: true, record: func(_ int64, r *csvRecord) error {
			if r.blank() {
				return nil
			}
			var row []string
			r.each(func(_ int, value []byte, _ bool) { row = append(row, string(value)) })
			got = append(got, row)
			return nil
		}}
		for line := range strings.Lines(string(content)) {
			if err := scanner.add([]byte(line)); err != nil {
				t.Fatal(err)
			}
			if err := count.add([]byte(line)); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		for i, n := range counts {
			if n != len(want[i]) {
				t.Errorf("record %d: counted %d fields of %q", i+1, n, want[i])
			}
		}
	})
}

func FuzzParquetFooter(f *testing.F) {
	f.Add([]byte{0x15, 0x04, 0x29, 0x2c, 0x48, 0x06, 's', 0x00})
	f.Fuzz(func(t *testing.T, content []byte) {
		walk := thrift{raw: content, field: (&footer{}).note}
		walk.structure(nil)
	})
}

func TestMicroseconds_NameOfAType_IsKept(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"TIME_NS":   "TIME",
		"TIME_NS[]": "TIME[]",
		`STRUCT("x TIME_NS)" BIGINT, TIME_NS TIME_NS, a_TIME_NS MAP(TIME_NS, TIME_NS[3]))`: `STRUCT("x TIME_NS)" BIGINT, TIME_NS TIME, a_TIME_NS MAP(TIME, TIME[3]))`,
		"ENUM('TIME_NS', 'a')": "ENUM('TIME_NS', 'a')",
	} {
		if got := microseconds(text); got != want {
			t.Errorf("%s became %s, want %s", text, got, want)
		}
	}
}
