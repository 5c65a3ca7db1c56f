package textfile

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The scanner agrees with encoding/csv on every file that encoding/csv can read.
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
		count := CSVScanner{CSVForm: CSVForm{Delimiter: []byte{','}, Quote: []byte{'"'}}, Record: func(_ int64, r *CSVRecord) error {
			if !r.Blank() {
				counts = append(counts, r.Fields)
			}
			return nil
		}}
		scanner := CSVScanner{CSVForm: CSVForm{Delimiter: []byte{','}, Quote: []byte{'"'}}, Record: func(_ int64, r *CSVRecord) error {
			if r.Blank() {
				return nil
			}
			var row []string
			r.Each(func(_ int, value []byte, _ bool) { row = append(row, string(value)) })
			got = append(got, row)
			return nil
		}}
		for line := range strings.Lines(string(content)) {
			if err := scanner.Add([]byte(line)); err != nil {
				t.Fatal(err)
			}
			if err := count.Add([]byte(line)); err != nil {
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
