package avrofile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"function/shared/ingest/arrowparquet"
	"function/shared/ingest/invalid"
)

// file returns an object container file with one block.
func file(schema, codec string, rows int64, block []byte) []byte {
	b := []byte(Magic)
	text := func(s string) { b = append(binary.AppendVarint(b, int64(len(s))), s...) }
	b = binary.AppendVarint(b, 2)
	text("avro.schema")
	text(schema)
	text("avro.codec")
	text(codec)
	b = append(b, "\x000123456789abcdef"...)
	b = binary.AppendVarint(binary.AppendVarint(b, rows), int64(len(block)))
	return append(append(b, block...), "0123456789abcdef"...)
}

func record(kind string) string {
	return `{"type":"record","name":"r","fields":[{"name":"v","type":` + kind + `}]}`
}

// convert returns the sentence of a refusal, which is empty for a file that was converted.
func convert(t testing.TB, content []byte) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "source")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	err := Convert(t.Context(), path, filepath.Join(dir, "t.parquet"), func(int64) {})
	var refused *invalid.Error
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("got %v, want none or an invalid.Error", err)
	}
	if err != nil {
		return refused.Detail
	}
	return ""
}

func TestConvert_DamagedFile_IsRefused(t *testing.T) {
	t.Parallel()
	const prefix = "The Avro file is truncated or damaged: "
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	bomb := encoder.EncodeAll(make([]byte, 1<<30), nil)
	quickBomb := encoder.EncodeAll(make([]byte, 20<<20), nil)
	good := file(record(`"int"`), "null", 1, []byte{2})
	number := func(v ...int64) (b []byte) {
		for _, n := range v {
			b = binary.AppendVarint(b, n)
		}
		return b
	}
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"the good file":       {good, ""},
		"magic only":          {good[:4], prefix + "it ends within its header."},
		"cut in the schema":   {good[:40], prefix + "it ends within its header."},
		"cut in the block":    {good[:len(good)-17], prefix + "it ends within block 1."},
		"cut in the marker":   {good[:len(good)-1], prefix + "it ends within block 1."},
		"another marker":      {append(good[:len(good)-1:len(good)-1], 'x'), prefix + "block 1 does not end in the sync marker of the file."},
		"more data":           {file(record(`"int"`), "null", 1, []byte{2, 2}), prefix + "block 1 has more data than rows."},
		"less data":           {file(record(`"int"`), "null", 2, []byte{2, 0x80}), prefix + "row 2, in block 1, does not match the schema."},
		"too many rows":       {file(record(`"int"`), "null", 1<<40, []byte{2}), "The uncompressed file has more than 2147483648 rows or 64 GiB."},
		"more rows than data": {file(record(`"int"`), "null", 1<<20, []byte{2}), prefix + "block 1 has fewer bytes than rows."},
		"negative rows":       {file(record(`"int"`), "null", -1, []byte{2}), prefix + "block 1 has no valid size."},
		"negative size":       {append([]byte(nil), append(good[:len(good)-19:len(good)-19], 2, 1)...), prefix + "block 1 has no valid size."},
		"absurd size":         {append(good[:len(good)-19:len(good)-19], number(1, 1<<60)...), "Block 1 of the Avro file is larger than 32 MiB: write the file with smaller blocks."},
		"absurd header":       {append([]byte(Magic), number(1, 1<<60)...), prefix + "its header is larger than 4 MiB."},
		"negative key":        {append([]byte(Magic), number(1, -5)...), prefix + "its header is larger than 4 MiB."},
		"no schema":           {append(append([]byte(Magic), 0), "0123456789abcdef"...), prefix + "its header has no schema."},
		"broken schema":       {file("{", "null", 1, []byte{2}), prefix + "its schema is not valid."},
		"not compressed":      {file(record(`"int"`), "snappy", 1, []byte{2}), prefix + "block 1 cannot be decompressed."},
		"bomb":                {file(record(`"bytes"`), "zstandard", 1, bomb), "Block 1 of the Avro file is larger than 32 MiB: write the file with smaller blocks."},
		"bomb of booleans":    {file(record(`"boolean"`), "zstandard", 20<<20, quickBomb), "The file decompresses to more than 250 times its compressed size, as only bombs and very repetitive files do: write it without compression."},
		"int of 64 bits":      {file(record(`"int"`), "null", 1, number(1<<40)), prefix + "row 1, in block 1, does not match the schema."},
		"boolean of 2":        {file(record(`"boolean"`), "null", 1, []byte{2}), prefix + "row 1, in block 1, does not match the schema."},
		"no such branch":      {file(record(`["null","int"]`), "null", 1, []byte{4}), prefix + "row 1, in block 1, does not match the schema."},
		"no such symbol":      {file(record(`{"type":"enum","name":"e","symbols":["A"]}`), "null", 1, []byte{2}), prefix + "row 1, in block 1, does not match the schema."},
		"string too long":     {file(record(`"string"`), "null", 1, number(1<<40)), prefix + "row 1, in block 1, does not match the schema."},
		"not UTF-8":           {file(record(`"string"`), "null", 1, []byte{2, 0xff}), `Row 1, column "v": a string is not valid UTF-8: write the column as bytes, or correct the string.`},
		"array of nulls":      {file(record(`{"type":"array","items":"null"}`), "null", 1, number(1<<40, 0)), `Row 1, column "v": the row has more than 2097152 nested values.`},
		"array too long":      {file(record(`{"type":"array","items":"int"}`), "null", 1, number(1<<40, 0)), prefix + "row 1, in block 1, does not match the schema."},
		"array of minus":      {file(record(`{"type":"array","items":"null"}`), "null", 1, number(-1<<63, 0, 0)), prefix + "row 1, in block 1, does not match the schema."},
		"large row":           {file(record(`"bytes"`), "null", 1, append(number(20<<20), make([]byte, 20<<20)...)), "Row 1 is larger than 16 MiB."},
		"decimal too wide":    {file(record(`{"type":"bytes","logicalType":"decimal","precision":2}`), "null", 1, []byte{2, 100}), `Row 1, column "v": a decimal has more than 2 digits.`},
		"decimal of nothing":  {file(record(`{"type":"bytes","logicalType":"decimal","precision":2}`), "null", 1, []byte{0}), `Row 1, column "v": a decimal has no digits.`},
		"infinite date":       {file(record(`{"type":"int","logicalType":"date"}`), "null", 1, number(1<<31-1)), `Row 1, column "v": the date of day 2147483647 after 1970-01-01 is out of range.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := convert(t, test.content); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Each of n types has two fields of the next, so the schema of some kilobytes describes 2^n columns.
func TestConvert_SchemaThatGrows_IsRefused(t *testing.T) {
	t.Parallel()
	kind := `{"type":"record","name":"r0","fields":[{"name":"a","type":"int"}]}`
	for i := range 20 {
		kind = strings.ReplaceAll(`{"type":"record","name":"rN","fields":[{"name":"a","type":`, "N", string(rune('A'+i))) + kind + `},{"name":"b","type":"` + lastName(i) + `"}]}`
	}
	if got := convert(t, file(kind, "null", 1, []byte{2})); got != "The schema of the Avro file has more than 2000 columns and nested fields." {
		t.Errorf("got %q", got)
	}
}

func lastName(i int) string {
	if i == 0 {
		return "r0"
	}
	return "r" + string(rune('A'+i-1))
}

func TestConvert_ManyNullableColumns_AreEachCountedOnce(t *testing.T) {
	t.Parallel()
	var fields []string
	for i := range maxFields {
		fields = append(fields, fmt.Sprintf(`{"name":"c%d","type":["null","string"]}`, i))
	}
	schema := `{"type":"record","name":"r","fields":[` + strings.Join(fields, ",") + `]}`
	if got := convert(t, file(schema, "null", 1, make([]byte, maxFields))); got != "" {
		t.Error(got)
	}
}

func TestConvert_BatchesOfRows_KeepEveryRow(t *testing.T) {
	t.Parallel()
	block := bytes.Repeat([]byte{2}, arrowparquet.BatchRows*5/2)
	if got := convert(t, file(record(`"int"`), "null", int64(len(block)), block)); got != "" {
		t.Error(got)
	}
}

func FuzzConvert(f *testing.F) {
	files, err := filepath.Glob("../testdata/avro/*.avro")
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
	f.Fuzz(func(t *testing.T, content []byte) { convert(t, content) })
}
