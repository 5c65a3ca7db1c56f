package orcfile

import (
	"bytes"
	"path/filepath"
	"testing"

	"function/shared/orc"
)

func TestConvert_DamagedOrUnsupportedFile_IsRefused(t *testing.T) {
	t.Parallel()
	const prefix = "The ORC file is truncated or damaged: "
	const mismatch = prefix + "row 1, in stripe 1, does not match the schema."
	one := func(k orc.Kind, streams ...stream) builder { return table(1, []message{kind(k)}, streams...) }
	data := func(b ...byte) stream { return stream{1, orc.Data, b} }
	secondary := func(b ...byte) stream { return stream{1, orc.Secondary, b} }
	length := func(b ...byte) stream { return stream{1, orc.Length, b} }
	literals := func(v ...byte) []byte { return append([]byte{byte(256 - len(v))}, v...) } // version 1
	good := one(orc.Long, data(literals(2)...))
	lists := []message{kind(orc.List, 2), kind(orc.Boolean)}
	huge := append(bytes.Repeat([]byte{0xff}, 9), 0x7f) // -1<<62
	content := good.build()
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"the good file":          {content, ""},
		"empty":                  {nil, prefix + "it is empty."},
		"magic only":             {content[:3], prefix + "its postscript is larger than the file."},
		"cut at the end":         {content[:len(content)-1], prefix + "its postscript is larger than the file."},
		"cut in front":           {content[8:], prefix + "stripe 1 ends after the file."},
		"footer too large":       {good.with(func(b *builder) { b.tail = 1000 }).build(), prefix + "its footer is larger than the file."},
		"other rows":             {good.with(func(b *builder) { b.footer = b.footer.number(6, 2) }).build(), prefix + "its stripes have 1 rows, but its footer counts 2."},
		"more rows than data":    {table(2, []message{kind(orc.Long)}, data(literals(2)...)).build(), prefix + "row 2, in stripe 1, does not match the schema."},
		"absurd rows":            {table(1<<40, []message{kind(orc.Long)}, data(literals(2)...)).build(), "The uncompressed file has more than 2147483648 rows or 64 GiB."},
		"version":                {good.with(func(b *builder) { b.postscript = b.postscript.number(4, 2, 0) }).build(), "The ORC file has the format version 2.0, which is not supported: write it with version 0.12."},
		"LZO":                    {good.with(func(b *builder) { b.postscript = b.postscript.number(2, 3) }).build(), "The ORC file is compressed by LZO: write it with zstd, snappy, LZ4, zlib or none."},
		"Brotli":                 {good.with(func(b *builder) { b.postscript = b.postscript.number(2, 6) }).build(), "The ORC file is compressed by Brotli: write it with zstd, snappy, LZ4, zlib or none."},
		"unknown compression":    {good.with(func(b *builder) { b.postscript = b.postscript.number(2, 60) }).build(), "The ORC file is compressed by the unknown method 60: write it with zstd, snappy, LZ4, zlib or none."},
		"not compressed":         {good.with(func(b *builder) { b.postscript = b.postscript.number(2, 1) }).build(), prefix + "a chunk ends after its footer."},
		"absurd block size":      {good.with(func(b *builder) { b.postscript = b.postscript.number(2, 1).number(3, 1<<40) }).build(), prefix + "its compression block size is not between 1 byte and 8 MiB."},
		"encrypted":              {good.with(func(b *builder) { b.footer = b.footer.bytes(10, nil) }).build(), "Columns of the ORC file are encrypted: write it without encryption."},
		"no types":               {builder{}.build(), "The ORC file has no columns."},
		"no columns":             {builder{types: [][]byte{kind(orc.Struct)}}.build(), "The ORC file has no columns."},
		"child of its own":       {table(1, []message{kind(orc.List, 1)}).build(), prefix + "its types are not a tree."},
		"child twice":            {table(1, []message{kind(orc.Map, 2, 2), kind(orc.Int)}).build(), prefix + "its types are not a tree."},
		"no such child":          {table(1, []message{kind(orc.List, 9)}).build(), prefix + "its types are not a tree."},
		"list of nothing":        {table(1, []message{kind(orc.List)}).build(), prefix + "type 1 has 0 types within it, not 1."},
		"struct without fields":  {one(orc.Struct).build(), `Column "v" is a struct without fields, which holds nothing: leave it out.`},
		"union of nothing":       {one(orc.Union).build(), `Column "v" is a union of no types, which holds nothing: leave it out.`},
		"unknown type":           {one(30).build(), `Column "v" has the unknown type 30: write it as another type, such as string.`},
		"39 digits":              {table(1, []message{kind(orc.Decimal).number(5, 39)}).build(), `Column "v" has decimals of 39 digits, but at most 38 are supported: write it with fewer, or as text.`},
		"int of 64 bits":         {one(orc.Int, data(huge...)).build(), mismatch},
		"varint of 80 bits":      {one(orc.Long, data(append([]byte{0xff}, bytes.Repeat([]byte{0xff}, 11)...)...)).build(), mismatch},
		"missing stream":         {one(orc.Double).build(), mismatch},
		"dictionary of integers": {good.with(func(b *builder) { b.encoding = message{}.number(1, 1) }).build(), prefix + "column 1 is not text and yet encoded with a dictionary."},
		"no such entry": {one(orc.String, data(literals(1)...), length(literals(0)...)).with(func(b *builder) {
			b.types = [][]byte{kind(orc.String)}
			b.streams[0].column, b.streams[1].column = 0, 0
			b.encoding = message{}.number(1, 1).number(2, 1)
		}).build(), mismatch},
		"absurd dictionary": {one(orc.String).with(func(b *builder) {
			b.types = [][]byte{kind(orc.String)}
			b.encoding = message{}.number(1, 1).number(2, 1<<40)
		}).build(), prefix + "a dictionary is not valid."},
		"string too long":     {one(orc.String, data('a'), length(literals(2)...)).build(), mismatch},
		"large row":           {one(orc.Binary, data(make([]byte, 20<<20)...), length(0xff, 0x80, 0x80, 0x80, 0x09)).build(), `Row 1, column "v": the row is larger than 16 MiB.`},
		"not UTF-8":           {one(orc.String, data(0xff), length(literals(1)...)).build(), `Row 1, column "v": a string is not valid UTF-8: write the column as binary, or correct the string.`},
		"list of minus one":   {table(1, lists, length(append(bytes.Repeat([]byte{0xff}, 10), 1)...)).build(), mismatch},
		"many elements":       {table(1, lists, length(0xff, 0xff, 0xff, 0xff, 0x7f)).build(), `Row 1, column "v": the row has more than 2097152 nested values.`},
		"map with a null key": {table(1, []message{kind(orc.Map, 2, 3), kind(orc.Long), kind(orc.Long)}, length(literals(1)...), stream{2, orc.Present, literals(0)}).build(), `Row 1, column "v": a map has the key NULL.`},
		"no such tag":         {table(1, []message{kind(orc.Union, 2), kind(orc.Long)}, data(literals(1)...)).build(), mismatch},
		"decimal too wide":    {table(1, []message{kind(orc.Decimal).number(5, 2)}, data(0xc8, 0x01), secondary(literals(0)...)).build(), `Row 1, column "v": a decimal has more than 2 digits, of which 0 are behind the point.`},
		"decimal of 140 bits": {table(1, []message{kind(orc.Decimal).number(5, 2)}, data(append(bytes.Repeat([]byte{0xff}, 19), 1)...), secondary(literals(0)...)).build(), `Row 1, column "v": a decimal has more than 38 digits.`},
		"decimal too fine":    {table(1, []message{kind(orc.Decimal).number(5, 2)}, data(6), secondary(literals(2)...)).build(), `Row 1, column "v": a decimal has more than 0 digits behind the point.`},
		"infinite date":       {one(orc.Date, data(0xff, 0xfe, 0xff, 0xff, 0xff, 0x0f)).build(), `Row 1, column "v": the date of day 2147483647 after 1970-01-01 is out of range.`},
		"Julian leap day":     {one(orc.Date, data(0xff, 0x97, 0xf9, 0x14)).build(), `Row 1, column "v": the 29th of February 1500 of the Julian calendar does not exist in the Gregorian calendar.`},
		"unknown time zone":   {one(orc.Timestamp).with(func(b *builder) { b.zone = "Local" }).build(), `The ORC file has timestamps of the unknown time zone "Local": write it in UTC.`},
		"distant timestamp":   {one(orc.Timestamp, data(huge...), secondary(literals(0)...)).build(), `Row 1, column "v": the timestamp -4611686018427387904 s after 2015-01-01 is out of range.`},
		"2 s of nanoseconds":  {one(orc.Timestamp, data(literals(0)...), secondary(0xff, 0xa7, 0x01)).build(), mismatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := convertTo(t, test.content, filepath.Join(t.TempDir(), "t.parquet")); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
