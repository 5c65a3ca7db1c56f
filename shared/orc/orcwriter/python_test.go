package orcwriter_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"function/shared/orc/orcwriter"
)

// ORC_PYTHON names a Python with pyarrow and pyorc, which read the ORC files of Apache's library.
func TestWriter_RandomTables_AreReadByPyarrowAndPyorc(t *testing.T) {
	t.Parallel()
	python := os.Getenv("ORC_PYTHON")
	if python == "" {
		t.Skip("ORC_PYTHON is not set: what pyarrow and pyorc read is not tested")
	}
	folder := t.TempDir()
	arguments := []string{filepath.Join("testdata", "compare.py")}
	for seed := range uint64(200) {
		name := fmt.Sprint("rows", seed, ".orc")
		g := generator{Rand: rand.New(rand.NewPCG(seed, 2))}
		if g.described = seed%2 == 0; g.described {
			name = fmt.Sprint("statistics", seed, ".orc")
		}
		schema := g.schema()
		batches := []arrow.RecordBatch{}
		for range g.IntN(4) {
			rows := g.IntN(200)
			if seed%16 == 0 { // of more than a group of the index
				rows = 1000 + g.IntN(20_000)
			}
			batches = append(batches, g.batch(schema, rows))
		}
		options := orcwriter.Options{Compression: orcwriter.Compression(seed % 5), StripeSize: int64(g.IntN(1 << (16 + seed%8)))}
		content, _ := write(t, schema, options, batches...)
		path := filepath.Join(folder, name)
		expected, err := json.Marshal(rows(batches...))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".json", expected, 0o600); err != nil {
			t.Fatal(err)
		}
		arguments = append(arguments, path)
	}
	out, err := exec.CommandContext(t.Context(), python, arguments...).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
