package orcwriter_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"

	"function/shared/ingest/orcfile"
	"function/shared/orc"
	"function/shared/orc/orcwriter"
)

// write returns an ORC file with the batches.
func write(t *testing.T, schema *arrow.Schema, options orcwriter.Options, batches ...arrow.RecordBatch) ([]byte, []string) {
	t.Helper()
	var b bytes.Buffer
	w, err := orcwriter.New(&b, schema, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, batch := range batches {
		if err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.Notes()
}

// read returns the rows of an ORC file.
func read(t *testing.T, content []byte) arrow.Table {
	t.Helper()
	from, to := filepath.Join(t.TempDir(), "in.orc"), filepath.Join(t.TempDir(), "out.parquet")
	if err := os.WriteFile(from, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := orcfile.Convert(t.Context(), from, to, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	f, err := file.OpenParquetFile(to, false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	reader, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := reader.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// plain returns value i in a form that does not depend on the type: integers and decimals as digits,
// times as text.
func plain(a arrow.Array, i int) any {
	switch a := a.(type) {
	case *array.Null:
		return nil
	case *array.SparseUnion:
		member := a.ChildID(i)
		fields := a.DataType().(*arrow.SparseUnionType).Fields()
		out := map[string]any{"tag": fields[member].Name}
		for k, f := range fields {
			out[f.Name] = nil
			if k == member {
				out[f.Name] = plain(a.Field(k), i)
			}
		}
		return out
	}
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Float32:
		return math.Float32bits(a.Value(i))
	case *array.Float64:
		return math.Float64bits(a.Value(i))
	case *array.Dictionary:
		return plain(a.Dictionary(), a.GetValueIndex(i))
	case *array.Timestamp:
		return a.Value(i).ToTime(a.DataType().(*arrow.TimestampType).Unit).Format(time.RFC3339Nano)
	case *array.Time64:
		return a.Value(i).ToTime(arrow.Microsecond).Format("15:04:05.000000")
	case *array.Time32:
		return a.Value(i).ToTime(arrow.Millisecond).Format("15:04:05.000")
	case *array.Map:
		from, to := a.ValueOffsets(i)
		out := []any{}
		for k := from; k < to; k++ {
			out = append(out, plain(a.Keys(), int(k)), plain(a.Items(), int(k)))
		}
		return out
	case array.ListLike:
		from, to := a.ValueOffsets(i)
		out := []any{}
		for k := from; k < to; k++ {
			out = append(out, plain(a.ListValues(), int(k)))
		}
		return out
	case *array.Struct:
		out := map[string]any{}
		for k, f := range a.DataType().(*arrow.StructType).Fields() {
			out[f.Name] = plain(a.Field(k), i)
		}
		return out
	}
	return a.ValueStr(i)
}

// rows returns the rows of batches.
func rows(batches ...arrow.RecordBatch) []any {
	out := []any{}
	for _, b := range batches {
		for i := range int(b.NumRows()) {
			row := []any{}
			for _, c := range b.Columns() {
				row = append(row, plain(c, i))
			}
			out = append(out, row)
		}
	}
	return out
}

func tableRows(t *testing.T, table arrow.Table) []any {
	t.Helper()
	reader := array.NewTableReader(table, 0)
	defer reader.Release()
	out := []any{}
	for reader.Next() {
		out = append(out, rows(reader.RecordBatch())...)
	}
	return out
}

func TestWriter_RandomTables_AreReadAsWritten(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			g := generator{Rand: rand.New(rand.NewPCG(seed, 1))}
			schema := g.schema()
			batches := []arrow.RecordBatch{}
			for range g.IntN(4) {
				most := 300
				if seed < 10 {
					most = 25_000
				}
				batch := g.batch(schema, g.IntN(most))
				if n := batch.NumRows(); n > 3 {
					from := g.Int64N(n)
					batch = batch.NewSlice(from, from+g.Int64N(n-from))
				}
				batches = append(batches, batch)
			}
			options := orcwriter.Options{Compression: orcwriter.Compression(seed % 5), StripeSize: int64(g.IntN(1 << (16 + seed%8)))}
			content, _ := write(t, schema, options, batches...)
			if diff := cmp.Diff(rows(batches...), tableRows(t, read(t, content))); diff != "" {
				t.Errorf("%s: %s", schema, diff)
			}
		})
	}
}

func TestWriter_MillionRows_AreReadFromSeveralStripes(t *testing.T) {
	t.Parallel()
	const count = 1_000_000
	batch := column(arrow.PrimitiveTypes.Int64, func(b array.Builder) {
		for i := range int64(count) {
			if i%7 == 0 {
				b.AppendNull()
			} else {
				b.(*array.Int64Builder).Append(i * i)
			}
		}
	})
	content, _ := write(t, batch.Schema(), orcwriter.Options{StripeSize: 1 << 18}, batch)
	f, err := orc.Open(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Stripes) < 3 || f.Rows != count {
		t.Errorf("%d stripes with %d rows", len(f.Stripes), f.Rows)
	}
	values := array.NewTableReader(read(t, content), count)
	defer values.Release()
	if !values.Next() || !array.Equal(batch.Column(0), values.RecordBatch().Column(0)) {
		t.Error("the values differ")
	}
}

func TestWriter_ChunksOfEachCompression_AreReadAsWritten(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	batch := column(arrow.BinaryTypes.Binary, func(b array.Builder) {
		for range 50_000 {
			b.(*array.BinaryBuilder).Append(fmt.Appendf(nil, "%d %d", random.Uint64(), random.IntN(10)))
		}
	})
	for _, method := range []orcwriter.Compression{orcwriter.Zstd, orcwriter.Zlib, orcwriter.Snappy, orcwriter.LZ4, orcwriter.None} {
		content, _ := write(t, batch.Schema(), orcwriter.Options{Compression: method}, batch)
		if diff := cmp.Diff(rows(batch), tableRows(t, read(t, content))); diff != "" {
			t.Errorf("compression %d: the values differ", method)
		}
	}
}
