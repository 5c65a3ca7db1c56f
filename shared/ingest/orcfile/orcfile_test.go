package orcfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"

	"function/shared/ingest/invalid"
)

// convertTo returns the sentence of a refusal, which is empty for a file that was converted.
func convertTo(t testing.TB, content []byte, to string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	err := Convert(t.Context(), path, to, func(int64) {})
	var refused *invalid.Error
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("got %v, want none or an invalid.Error", err)
	}
	if err != nil {
		return refused.Detail
	}
	return ""
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../testdata/orc", name+".orc"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// The values are those of write.py, which make the writer use every encoding.
func TestConvert_RunsOfIntegers_AreDecoded(t *testing.T) {
	t.Parallel()
	var want []int64
	add := func(n int, value func(i int64) int64) {
		for i := range n {
			want = append(want, value(int64(i)))
		}
	}
	add(5, func(int64) int64 { return 7 })
	add(60, func(i int64) int64 { return i*7919%1000 - 500 })
	add(100, func(i int64) int64 { return 4 * i })
	add(100, func(i int64) int64 { return 1_000_000 - i*i })
	add(200, func(i int64) int64 { return i % 10 })
	add(1, func(int64) int64 { return 1 << 40 })
	add(100, func(i int64) int64 { return i % 10 })
	add(600, func(int64) int64 { return 3 })
	for _, name := range []string{"integers", "integers-version-1"} {
		table, refusal := rows(t, read(t, name))
		if refusal != "" {
			t.Fatal(refusal)
		}
		var got []int64
		for _, chunk := range table.Column(0).Data().Chunks() {
			got = append(got, chunk.(*array.Int64).Int64Values()...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func FuzzConvert(f *testing.F) {
	files, err := filepath.Glob("../testdata/orc/*.orc")
	if err != nil || len(files) == 0 {
		f.Fatalf("%d files (%v)", len(files), err)
	}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) { convertTo(t, content, filepath.Join(t.TempDir(), "t.parquet")) })
}
