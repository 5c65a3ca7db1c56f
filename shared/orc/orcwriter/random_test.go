package orcwriter_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// generator makes random tables.
type generator struct {
	*rand.Rand
	described bool // all values have statistics
}

var leaves = []arrow.DataType{
	arrow.FixedWidthTypes.Boolean, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32,
	arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32,
	arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64, arrow.BinaryTypes.String,
	arrow.BinaryTypes.LargeString, arrow.BinaryTypes.StringView, arrow.BinaryTypes.Binary, arrow.PrimitiveTypes.Date32,
	arrow.FixedWidthTypes.Time64us, arrow.FixedWidthTypes.Time32ms, &arrow.TimestampType{Unit: arrow.Microsecond},
	&arrow.TimestampType{Unit: arrow.Nanosecond}, &arrow.TimestampType{Unit: arrow.Second},
	&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, &arrow.Decimal128Type{Precision: 38, Scale: 10},
	&arrow.Decimal128Type{Precision: 9, Scale: 0}, &arrow.FixedSizeBinaryType{ByteWidth: 3}, arrow.Null,
	&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint8, ValueType: arrow.BinaryTypes.String},
}

// dataType returns a type with at most depth levels of types within it.
func (g generator) dataType(depth int) arrow.DataType {
	if depth == 0 || g.IntN(3) > 0 {
		return leaves[g.IntN(len(leaves))]
	}
	switch g.IntN(6) {
	case 0:
		return arrow.ListOf(g.dataType(depth - 1))
	case 1:
		return arrow.LargeListOf(g.dataType(depth - 1))
	case 2:
		return arrow.FixedSizeListOf(int32(1+g.IntN(3)), g.dataType(depth-1))
	case 3:
		return arrow.MapOf(arrow.BinaryTypes.String, g.dataType(depth-1))
	case 4:
		fields := g.fields(1+g.IntN(3), depth-1)
		return arrow.SparseUnionOf(fields, []arrow.UnionTypeCode{5, 3, 7}[:len(fields)])
	}
	return arrow.StructOf(g.fields(1+g.IntN(3), depth-1)...)
}

func (g generator) fields(n, depth int) []arrow.Field {
	fields := make([]arrow.Field, n)
	for i := range fields {
		fields[i] = arrow.Field{Name: fmt.Sprintf("f%d", i), Type: g.dataType(depth), Nullable: true}
	}
	return fields
}

// schema returns a schema of up to six columns.
func (g generator) schema() *arrow.Schema { return arrow.NewSchema(g.fields(1+g.IntN(6), 3), nil) }

func (g generator) batch(schema *arrow.Schema, rows int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	nulls := make([]int, schema.NumFields())
	for i := range nulls {
		nulls[i] = g.IntN(3) * 20 // percent
	}
	for range rows {
		for i, f := range b.Fields() {
			g.value(f, nulls[i])
		}
	}
	return b.NewRecordBatch()
}

// integer returns integers of bits bits, often the extreme ones.
func (g generator) integer(bits int) int64 {
	most := int64(1)<<(bits-1) - 1
	switch g.IntN(8) {
	case 0:
		return most
	case 1:
		return -most - 1
	case 2:
		return int64(g.IntN(5)) - 2
	}
	return int64(g.Uint64()) >> (64 - bits) >> g.IntN(bits)
}

func (g generator) text() string {
	texts := []string{"", "a", "Ünïcödé 漢字 🦆", "repeated", fmt.Sprint(g.Uint64()), fmt.Sprint(g.IntN(100))}
	if !g.described {
		texts = append(texts, strings.Repeat("long ", 300))
	}
	return texts[g.IntN(len(texts))]
}

func (g generator) float() float64 {
	floats := []float64{math.Inf(1), math.Inf(-1), math.SmallestNonzeroFloat64, math.MaxFloat32, -g.Float64(), math.Copysign(0, -1)}
	if !g.described {
		floats = append(floats, math.NaN())
	}
	return floats[g.IntN(len(floats))]
}

func (g generator) value(b array.Builder, nulls int) {
	if g.IntN(100) < nulls {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.NullBuilder:
		b.AppendNull()
	case *array.BooleanBuilder:
		b.Append(g.IntN(2) == 0)
	case *array.Int8Builder:
		b.Append(int8(g.integer(8)))
	case *array.Int16Builder:
		b.Append(int16(g.integer(16)))
	case *array.Int32Builder:
		b.Append(int32(g.integer(32)))
	case *array.Int64Builder:
		b.Append(g.integer(64))
	case *array.Uint8Builder:
		b.Append(uint8(g.integer(8)))
	case *array.Uint16Builder:
		b.Append(uint16(g.integer(16)))
	case *array.Uint32Builder:
		b.Append(uint32(g.integer(32)))
	case *array.Uint64Builder:
		b.Append(uint64(g.integer(64)))
	case *array.Float32Builder:
		b.Append(float32(g.float()))
	case *array.Float64Builder:
		b.Append(g.float())
	case *array.StringBuilder:
		b.Append(g.text())
	case *array.LargeStringBuilder:
		b.Append(g.text())
	case *array.StringViewBuilder:
		b.Append(g.text())
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte{byte(g.Uint64()), 0, 255})
	case *array.BinaryBuilder:
		b.Append([]byte(g.text()))
	case *array.Date32Builder:
		b.Append([]arrow.Date32{-719162, 2932896, -1, 0, arrow.Date32(g.IntN(40000))}[g.IntN(5)])
	case *array.Time64Builder:
		b.Append([]arrow.Time64{0, 86_399_999_999, arrow.Time64(g.Int64N(86_400_000_000))}[g.IntN(3)])
	case *array.Time32Builder:
		b.Append(arrow.Time32(g.IntN(86_400_000)))
	case *array.TimestampBuilder:
		b.Append(g.timestamp(b.Type().(*arrow.TimestampType).Unit))
	case *array.Decimal128Builder:
		b.Append(g.decimal(int(b.Type().(*arrow.Decimal128Type).Precision)))
	case *array.BinaryDictionaryBuilder:
		if err := b.AppendString(fmt.Sprint("member ", g.IntN(9))); err != nil {
			panic(err)
		}
	case *array.MapBuilder:
		b.Append(true)
		for i := range g.IntN(4) {
			b.KeyBuilder().(*array.StringBuilder).Append(fmt.Sprint(i))
			g.value(b.ItemBuilder(), nulls)
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for range b.Type().(*arrow.FixedSizeListType).Len() {
			g.value(b.ValueBuilder(), nulls)
		}
	case array.ListLikeBuilder:
		b.Append(true)
		for range g.IntN(4) {
			g.value(b.ValueBuilder(), nulls)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			g.value(b.FieldBuilder(i), nulls)
		}
	case *array.SparseUnionBuilder:
		codes := b.Type().(*arrow.SparseUnionType).TypeCodes()
		chosen := g.IntN(len(codes))
		b.Append(codes[chosen])
		for i := range codes {
			g.value(b.Child(i), nulls)
		}
	default:
		panic(fmt.Sprintf("no random values of %s", b.Type()))
	}
}

// timestamp returns timestamps of the years that all readers have.
func (g generator) timestamp(unit arrow.TimeUnit) arrow.Timestamp {
	per := int64(1_000_000_000 / unit.Multiplier())
	second := []int64{-1, 0, -2, 4_102_444_800, -4_000_000_000, g.Int64N(4_000_000_000), 1_420_070_400}[g.IntN(7)]
	rest := []int64{0, per - 1, per / 2, g.Int64N(per)}[g.IntN(4)]
	return arrow.Timestamp(second*per + rest)
}

func (g generator) decimal(precision int) decimal128.Num {
	most := decimal128.GetMaxValue(int32(precision))
	switch g.IntN(5) {
	case 0:
		return most
	case 1:
		return most.Negate()
	case 2:
		return decimal128.FromI64(int64(g.IntN(3)) - 1)
	}
	return decimal128.FromI64(g.integer(int(min(64, 3*precision))))
}
