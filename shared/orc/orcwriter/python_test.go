package orcwriter_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/google/go-cmp/cmp"

	"function/shared/orc/orcwriter"
	"function/shared/platformtest"
)

// pyarrow and pyorc read ORC by Apache's library.
func TestWriter_RandomTables_AreReadByPyarrowAndPyorc(t *testing.T) {
	t.Parallel()
	python := platformtest.Python(t)
	folder := t.TempDir()
	arguments := []string{filepath.Join("testdata", "compare.py")}
	for seed := range uint64(200) {
		name := fmt.Sprint("rows", seed, ".orc")
		g := generator{Rand: rand.New(rand.NewPCG(seed, 2))}
		if g.described = seed%2 == 0; g.described {
			name = fmt.Sprint("statistics", seed, ".orc")
		}
		schema := g.schema()
		batches := []arrow.RecordBatch{g.batch(schema, 0)}
		for range g.IntN(4) {
			rows := g.IntN(200)
			if seed%16 == 0 { // of more than a group of the index
				rows = 1000 + g.IntN(20_000)
			}
			batches = append(batches, g.batch(schema, rows))
		}
		options := orcwriter.Options{Compression: orcwriter.Compression(seed % 5), StripeSize: int64(g.IntN(1 << (16 + seed%8)))}
		arguments = append(arguments, writeFile(t, filepath.Join(folder, name), options, batches...))
	}
	arguments = append(arguments, writeFile(t, filepath.Join(folder, "distant.orc"), orcwriter.Options{}, distant()))
	out, err := exec.CommandContext(t.Context(), python, arguments...).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// writeFile writes an ORC file, and its rows as JSON, and returns its path.
func writeFile(t *testing.T, path string, options orcwriter.Options, batches ...arrow.RecordBatch) string {
	t.Helper()
	content, _ := write(t, batches[0].Schema(), options, batches...)
	expected, err := json.Marshal(rows(batches...))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(path, content, 0o600), os.WriteFile(path+".json", expected, 0o600)); err != nil {
		t.Fatal(err)
	}
	return path
}

// distant returns timestamps of the first and the last year that calendars have.
func distant() arrow.RecordBatch {
	return column(&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"},
		of((*array.TimestampBuilder).Append, -62_135_596_800_000_000, -62_135_596_799_999_999, 253_402_300_799_999_999))
}

func TestWriter_DistantTimestamps_AreReadAsWritten(t *testing.T) {
	t.Parallel()
	content, _ := write(t, distant().Schema(), orcwriter.Options{}, distant())
	if diff := cmp.Diff(rows(distant()), tableRows(t, read(t, content))); diff != "" {
		t.Error(diff)
	}
}
