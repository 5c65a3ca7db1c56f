package arrowfile

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	parquetfile "github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"function/shared/ingest/invalid"
)

// types has a value of each type that needs more than a copy, as JSON.
var types = []struct {
	name  string
	typ   arrow.DataType
	value string
}{
	{"nothing", arrow.Null, `null`},
	{"half", arrow.FixedWidthTypes.Float16, `1.5`},
	{"text", arrow.BinaryTypes.String, `"é"`},
	{"large_text", arrow.BinaryTypes.LargeString, `"é"`},
	{"text_view", arrow.BinaryTypes.StringView, `"a text longer than twelve bytes"`},
	{"bytes_view", arrow.BinaryTypes.BinaryView, `"AP8="`},
	{"fixed", &arrow.FixedSizeBinaryType{ByteWidth: 2}, `"AP8="`},
	{"word", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, `"a"`},
	{"day", arrow.FixedWidthTypes.Date64, `"2024-02-29"`},
	{"second", arrow.FixedWidthTypes.Timestamp_s, `"2024-02-29T00:00:01Z"`},
	{"nano", &arrow.TimestampType{Unit: arrow.Nanosecond}, `"2024-02-29T00:00:01.123456789"`},
	{"time", arrow.FixedWidthTypes.Time32s, `"23:59:59"`},
	{"digits", &arrow.Decimal256Type{Precision: 38, Scale: 2}, `"-123.45"`},
	{"list", arrow.LargeListOf(arrow.PrimitiveTypes.Int64), `[1, null]`},
	{"pair", arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int32), `[1, 2]`},
	{"map", arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int32), `[{"key": "a", "value": null}]`},
	{"struct", arrow.StructOf(arrow.Field{Name: "x", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true}), `{"x": ["a", null]}`},
}

// sample returns batches of two rows: values, and nulls.
func sample(t testing.TB) arrow.RecordBatch {
	fields := make([]arrow.Field, len(types))
	row, null := "{", "{"
	for i, c := range types {
		fields[i] = arrow.Field{Name: c.name, Type: c.typ, Nullable: true}
		if i > 0 {
			row, null = row+",", null+","
		}
		row, null = row+`"`+c.name+`":`+c.value, null+`"`+c.name+`":null`
	}
	batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema(fields, nil), strings.NewReader("["+row+"},"+null+"}]"))
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

func write(t testing.TB, batch arrow.RecordBatch, isFile bool, batches int, options ...ipc.Option) []byte {
	t.Helper()
	var out bytes.Buffer
	options = append(options, ipc.WithSchema(batch.Schema()))
	var w interface {
		Write(arrow.RecordBatch) error
		Close() error
	} = ipc.NewWriter(&out, options...)
	if isFile {
		out.Reset()
		f, err := ipc.NewFileWriter(&out, options...)
		if err != nil {
			t.Fatal(err)
		}
		w = f
	}
	for range batches {
		if err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// convert returns the rows as JSON, or why the content is refused.
func convert(t testing.TB, content []byte) (rows []byte, refusal string) {
	t.Helper()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.WriteFile(from, content, 0o600); err != nil {
		t.Fatal(err)
	}
	err := Convert(context.Background(), from, to, func(int64) {})
	var refused *invalid.Error
	if errors.As(err, &refused) {
		return nil, refused.Detail
	}
	if err != nil {
		t.Fatal(err)
	}
	in, err := parquetfile.OpenParquetFile(to, false)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	reader, err := pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := reader.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	batches := array.NewTableReader(table, 0)
	for batches.Next() {
		encoded, err := batches.RecordBatch().MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, encoded...)
	}
	return rows, ""
}

const converted = `[{"bytes_view":"AP8=","day":"2024-02-29","digits":"-123.45","fixed":"AP8=","half":1.5,"large_text":"é","list":[1,null],"map":[{"key":"a","value":null}],"nano":"2024-02-29T00:00:01.123456789","nothing":null,"pair":[1,2],"second":"2024-02-29T00:00:01Z","struct":{"x":["a",null]},"text":"é","text_view":"a text longer than twelve bytes","time":"23:59:59","word":"a"}`

func TestConvert_EveryFormAndCompression_KeepsTheValues(t *testing.T) {
	t.Parallel()
	batch := sample(t)
	for name, content := range map[string][]byte{
		"stream": write(t, batch, false, 1), "file": write(t, batch, true, 1),
		"lz4 stream": write(t, batch, false, 1, ipc.WithLZ4()), "zstd file": write(t, batch, true, 1, ipc.WithZstd()),
	} {
		rows, refusal := convert(t, content)
		got, _, _ := strings.Cut(string(rows), "\n")
		if got != converted {
			t.Errorf("%s: %s%s\nwant %s", name, refusal, got, converted)
		}
	}
}

func TestConvert_ManyBatches_HoldsOneAtATime(t *testing.T) {
	t.Parallel()
	text := `[{"v":"` + strings.Repeat("0123456789abcdef", 1<<16) + `"}]`
	batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "v", Type: arrow.BinaryTypes.String}}, nil), strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, isFile := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "a")
		if err := os.WriteFile(path, write(t, batch, isFile, 300), 0o600); err != nil { // more than maxMemory
			t.Fatal(err)
		}
		if err := Convert(t.Context(), path, path+".parquet", func(int64) {}); err != nil {
			t.Errorf("file %t: %v", isFile, err)
		}
	}
}

func column(t testing.TB, typ arrow.DataType, value string) arrow.RecordBatch {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "v", Type: typ, Nullable: true}}, nil)
	batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(`[{"v":`+value+`}]`))
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

func TestConvert_Refused(t *testing.T) {
	t.Parallel()
	whole := write(t, sample(t), false, 1)
	zeros := column(t, arrow.BinaryTypes.String, `"`+strings.Repeat("0", 15<<20)+`"`)
	invalidText := column(t, arrow.BinaryTypes.Binary, `"/w=="`)
	data := invalidText.Column(0).Data()
	asText := array.MakeFromData(array.NewData(arrow.BinaryTypes.String, 1, data.Buffers(), nil, 0, 0))
	broken := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "v", Type: arrow.BinaryTypes.String}}, nil), []arrow.Array{asText}, 1)
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"truncated":         {whole[:len(whole)-100], "truncated or damaged"},
		"two streams":       {append(bytes.Clone(whole), whole...), "more data after its end"},
		"truncated file":    {write(t, sample(t), true, 1)[:400], "truncated or damaged"},
		"duration":          {write(t, column(t, arrow.FixedWidthTypes.Duration_s, `1`), false, 1), "unsupported type duration[s]"},
		"date out of range": {write(t, column(t, arrow.FixedWidthTypes.Date32, `2147483647`), false, 1), "day 2147483647 after 1970-01-01 is out of range"},
		"part of a day":     {write(t, column(t, arrow.FixedWidthTypes.Date64, `1`), false, 1), "not a whole day"},
		"time of day":       {write(t, column(t, arrow.FixedWidthTypes.Time64us, `86400000000`), false, 1), "not a time of day"},
		"wide decimal":      {write(t, column(t, &arrow.Decimal256Type{Precision: 39, Scale: 0}, `"1"`), false, 1), "at most 38 are supported"},
		"not UTF-8":         {write(t, broken, false, 1), "truncated or damaged"},
		"nested null":       {write(t, column(t, arrow.ListOf(arrow.Null), `[null]`), false, 1), "values of the type null"},
		"bomb":              {write(t, zeros, false, 1, ipc.WithZstd()), "decompresses to more than 250 times"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, got := convert(t, test.content); !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// FuzzConvert looks for panics, and for memory beyond the bounds.
func FuzzConvert(f *testing.F) {
	batch := sample(f)
	f.Add(write(f, batch, false, 1))
	f.Add(write(f, batch, true, 2))
	f.Add(write(f, batch, false, 1, ipc.WithLZ4()))
	f.Add(write(f, batch, true, 1, ipc.WithZstd()))
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		from := filepath.Join(dir, "a")
		if err := os.WriteFile(from, content, 0o600); err != nil {
			t.Fatal(err)
		}
		var refused *invalid.Error
		if err := Convert(t.Context(), from, filepath.Join(dir, "b"), func(int64) {}); err != nil && !errors.As(err, &refused) {
			t.Error(err)
		}
	})
}
