package ingest_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/ingest"
)

// A table of text comes back as it was, however it is written as CSV or JSON.
func TestText_SurvivesEveryWayToWriteIt(t *testing.T) {
	t.Parallel()
	pieces := []string{"a", "é", "日本", "😀", " ", ",", ";", "\t", "|", "\"", "\"\"", "\n", "\r\n", "\r", "'", "\\", "\\\"", "x", "1", "#", "=", "{", "NULL", "\u00a0", "\u2028"}
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			columns := 2 + r.IntN(3)
			var rows [][]any
			for range 1 + r.IntN(20) {
				row := make([]any, columns)
				for i := range row {
					if r.IntN(6) == 0 {
						continue
					}
					text := "w" // which is no number
					for range r.IntN(5) {
						text += pieces[r.IntN(len(pieces))]
					}
					row[i] = text
				}
				rows = append(rows, row)
			}
			want := encode(t, rows)
			for _, src := range []ingest.Source{
				{Path: file(t, writeCSV(r, columns, rows)), Format: ingest.CSV},
				{Path: file(t, writeJSON(t, r, columns, rows)), Format: ingest.JSON},
			} {
				table, _ := prepare(t, src)
				_, got := ask(t, table, "FROM t")
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: %s", src.Format, diff)
				}
			}
		})
	}
}

func writeCSV(r *rand.Rand, columns int, rows [][]any) string {
	delimiter := []string{",", ";", "\t", "|", "~", "^"}[r.IntN(6)]
	ending := []string{"\n", "\r\n", "\r"}[r.IntN(3)]
	mixed, always := r.IntN(3) == 0, r.IntN(2) == 0
	var b strings.Builder
	end := func() {
		if mixed {
			ending = []string{"\n", "\r\n"}[r.IntN(2)]
		}
		b.WriteString(ending)
	}
	if r.IntN(2) == 0 {
		b.WriteString("sep=" + delimiter)
		end()
	}
	for i := range columns {
		b.WriteString(strings.Repeat(delimiter, min(i, 1)) + fmt.Sprintf("c%d", i))
	}
	end()
	for _, row := range rows {
		for i, v := range row {
			b.WriteString(strings.Repeat(delimiter, min(i, 1)))
			if text, ok := v.(string); ok {
				if always || strings.ContainsAny(text, "\"\r\n"+delimiter) {
					text = quoted(text)
				}
				b.WriteString(text)
			}
		}
		end()
	}
	return b.String()
}

func writeJSON(t *testing.T, r *rand.Rand, columns int, rows [][]any) string {
	var objects []string
	for _, row := range rows {
		object := map[string]any{}
		for i := range columns {
			if row[i] != nil || r.IntN(2) == 0 || len(objects) == 0 {
				object[fmt.Sprintf("c%d", i)] = row[i]
			}
		}
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, string(text))
	}
	if r.IntN(2) == 0 {
		return strings.Join(objects, "\n")
	}
	return "[" + strings.Join(objects, ",\n") + "]"
}
