package orcwriter_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/decimal256"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/shared/orc/orcwriter"
)

// column returns a batch of one column, v, whose values add appends.
func column(t arrow.DataType, add func(array.Builder)) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "v", Type: t, Nullable: true}}, nil))
	add(b.Field(0))
	return b.NewRecordBatch()
}

// of returns a function that appends values.
func of[B array.Builder, V any](add func(B, V), values ...V) func(array.Builder) {
	return func(b array.Builder) {
		for _, v := range values {
			add(b.(B), v)
		}
	}
}

func unions(b array.Builder) {
	u := b.(*array.DenseUnionBuilder)
	for i := range int64(3) {
		u.Append(2)
		u.Child(0).(*array.Int64Builder).Append(i)
		u.Append(9)
		u.Child(1).(*array.StringBuilder).Append("x")
	}
}

// oneOf returns the rows of a union of a number and a text.
func oneOf(number, text any) map[string]any {
	member := "n"
	if number == nil {
		member = "s"
	}
	return map[string]any{"tag": member, "n": number, "s": text}
}

func TestWriter_TypeThatORCDoesNotHave_IsConvertedAndNoted(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("0192f0c1-2345-7abc-8def-0123456789ab")
	number := func(text string, scale int32) decimal256.Num {
		v, err := decimal256.FromString(text, 76, scale)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for name, test := range map[string]struct {
		batch arrow.RecordBatch
		want  []any
		note  string
	}{
		"uuid": {column(extensions.NewUUIDType(), of((*extensions.UUIDBuilder).Append, id, uuid.Nil)),
			[]any{id.String(), uuid.Nil.String()}, `Column "v" is a UUID, which ORC does not have: it is written as string.`},
		"UBIGINT": {column(arrow.PrimitiveTypes.Uint64, of((*array.Uint64Builder).Append, 0, math.MaxUint64)),
			[]any{"0", "18446744073709551615"}, `Column "v" is an unsigned integer of 64 bits, which ORC does not have: it is written as decimal(20,0).`},
		"half": {column(arrow.FixedWidthTypes.Float16, of((*array.Float16Builder).Append, float16.New(1.5), float16.New(-2), float16.FromLEBytes([]byte{1, 0}), float16.FromLEBytes([]byte{0, 0x80}))),
			[]any{math.Float32bits(1.5), math.Float32bits(-2), math.Float32bits(0x1p-24), uint32(1 << 31)}, `Column "v" is a number of 16 bits, which ORC does not have: it is written as float.`},
		"time": {column(arrow.FixedWidthTypes.Time64us, of((*array.Time64Builder).Append, 0, 86_399_999_999, 86_400_000_000)),
			[]any{"00:00:00.000000", "23:59:59.999999", "24:00:00.000000"}, `Column "v" is a time of day, which ORC does not have: it is written as string.`},
		"time in nanoseconds": {column(arrow.FixedWidthTypes.Time64ns, of((*array.Time64Builder).Append, 1)),
			[]any{"00:00:00.000000001"}, `Column "v" is a time of day, which ORC does not have: it is written as string.`},
		"duration": {column(arrow.FixedWidthTypes.Duration_us, of((*array.DurationBuilder).Append, -1, math.MaxInt64)),
			[]any{"-1", "9223372036854775807"}, `Column "v" is a duration, which ORC does not have: it is written as bigint, in the unit us.`},
		"interval": {column(arrow.FixedWidthTypes.MonthDayNanoInterval, of((*array.MonthDayNanoIntervalBuilder).Append,
			arrow.MonthDayNanoInterval{Months: 14, Days: -3, Nanoseconds: -1_500_000_000}, arrow.MonthDayNanoInterval{Nanoseconds: math.MinInt64})),
			[]any{"P14M-3DT-1.500000000S", "P0M0DT-9223372036.854775808S"}, `Column "v" is an interval, which ORC does not have: it is written as string.`},
		"union": {column(arrow.DenseUnionOf([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
			{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true}}, []arrow.UnionTypeCode{2, 9}), unions),
			[]any{oneOf("0", nil), oneOf(nil, "x"), oneOf("1", nil), oneOf(nil, "x"), oneOf("2", nil), oneOf(nil, "x")},
			`Column "v" is a union, which ORC does not have: it is written as struct of the name of the member, in tag, and of a field for each member.`},
		"array": {column(arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8), func(b array.Builder) { b.AppendNull() }),
			[]any{nil}, `Column "v" is an array of 2 elements, which ORC does not have: it is written as list.`},
		"null": {column(arrow.Null, func(b array.Builder) { b.AppendNulls(2) }),
			[]any{nil, nil}, `Column "v" is a column without a type, which ORC does not have: it is written as string, of which every value is null.`},
		"unknown extension": {column(extensions.NewOpaqueType(arrow.BinaryTypes.String, "bit", "DuckDB"), func(b array.Builder) { b.AppendNull() }),
			[]any{nil}, `Column "v" is the extension type arrow.opaque, which ORC does not have: it is written as utf8.`},
		"wide decimal": {column(&arrow.Decimal256Type{Precision: 38, Scale: 2}, of((*array.Decimal256Builder).Append,
			number("-999999999999999999999999999999999999.99", 2), number("0.01", 2))),
			[]any{"-999999999999999999999999999999999999.99", "0.01"}, ""},
		"date in milliseconds": {column(arrow.FixedWidthTypes.Date64, of((*array.Date64Builder).Append, -86_400_000, 86_400_000)),
			[]any{"1969-12-31", "1970-01-02"}, ""},
		"last second before 1970": {column(&arrow.TimestampType{Unit: arrow.Nanosecond}, of((*array.TimestampBuilder).Append, -1, -1_000_000, -999_000_001, -1_000_000_000, -1_000_000_001)),
			[]any{"1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.000999999Z", "1969-12-31T23:59:59Z", "1969-12-31T23:59:58.999999999Z"},
			`Column "v" has a timestamp in the last second before 1970, which ORC encodes ambiguously: it is written as pyarrow writes it, and readers in Java refuse it.`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content, notes := write(t, test.batch.Schema(), orcwriter.Options{}, test.batch)
			got := []any{}
			for _, row := range tableRows(t, read(t, content)) {
				got = append(got, row.([]any)[0])
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.note, strings.Join(notes, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWriter_ValueThatORCCannotHold_IsRefused(t *testing.T) {
	t.Parallel()
	hugeint := decimal128.New(math.MaxInt64, math.MaxUint64)
	nested := arrow.BinaryTypes.String
	deep := arrow.DataType(nested)
	for range 70 {
		deep = arrow.ListOf(deep)
	}
	none := func(array.Builder) {}
	for name, test := range map[string]struct {
		batch arrow.RecordBatch
		want  string
	}{
		"HUGEINT": {column(&arrow.Decimal128Type{Precision: 38}, of((*array.Decimal128Builder).Append, hugeint)),
			`Column "v" has a value of more than 38 digits, which does not fit its type in ORC: cast the column to DOUBLE or VARCHAR.`},
		"decimal of 76 digits": {column(&arrow.Decimal256Type{Precision: 76, Scale: 3}, none),
			`Column "v" is decimal256(76, 3), and ORC has decimals of up to 38 digits: cast it to such a decimal, or to VARCHAR.`},
		"invalid text": {column(arrow.BinaryTypes.String, of((*array.StringBuilder).Append, "a\xff")),
			`Column "v" has a string that is not valid UTF-8: correct the string, or cast the column to BLOB.`},
		"time of day": {column(arrow.FixedWidthTypes.Time64us, of((*array.Time64Builder).Append, -1)),
			`Column "v" has a time of day of -1 us, which is out of range: correct it, or cast the column to BIGINT.`},
		"part of a day": {column(arrow.FixedWidthTypes.Date64, of((*array.Date64Builder).Append, 5)),
			`Column "v" has a date of 5 milliseconds after 1970, which is not a day that ORC has: cast the column to TIMESTAMP.`},
		"timestamp": {column(&arrow.TimestampType{Unit: arrow.Second}, of((*array.TimestampBuilder).Append, math.MaxInt64)),
			`Column "v" has a timestamp of 9223372036854775807 seconds after 1970, which is out of range: remove it, or cast the column to BIGINT.`},
		"dictionary of numbers": {column(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.PrimitiveTypes.Int64}, none),
			`Column "v" is a dictionary of int64, and only dictionaries of strings can be written as ORC: cast it to int64.`},
		"empty struct": {column(arrow.StructOf(), none), `Column "v" is a struct without fields, which holds nothing: leave it out.`},
		"field named twice": {column(arrow.StructOf(arrow.Field{Name: "a", Type: nested}, arrow.Field{Name: "a", Type: nested}), none),
			`Column "v.a" appears twice: rename one of the two.`},
		"union with the member tag": {column(arrow.SparseUnionOf([]arrow.Field{{Name: "Tag", Type: nested}}, []arrow.UnionTypeCode{0}), none),
			`Column "v" is a union with a member named Tag, and its struct in ORC has a field of this name for the name of the member: rename the member.`},
		"depth": {column(deep, none), `Column "v" is nested more than 64 levels deep: flatten it.`},
		"no columns": {array.NewRecordBatch(arrow.NewSchema(nil, nil), nil, 0),
			"The table has no columns, and an ORC file needs at least one: select a column."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := writeAll(test.batch)
			var refused orcwriter.Error
			if !errors.As(err, &refused) || string(refused) != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func writeAll(batch arrow.RecordBatch) error {
	w, err := orcwriter.New(io.Discard, batch.Schema(), orcwriter.Options{})
	if err != nil {
		return err
	}
	if err := w.Write(batch); err != nil {
		if again := w.Close(); again != err {
			return fmt.Errorf("after %w, Close returned %v", err, again)
		}
		return err
	}
	return w.Close()
}
