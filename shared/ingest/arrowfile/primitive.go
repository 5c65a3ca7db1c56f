package arrowfile

import (
	"errors"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
)

// primitives has the types without parameters.
var primitives = map[arrow.Type]value{
	arrow.NULL:    {arrow.BinaryTypes.String, func(b array.Builder, _ arrow.Array, _ int, _ *size) error { b.AppendNull(); return nil }},
	arrow.BOOL:    fixed[*array.Boolean, *array.BooleanBuilder](arrow.FixedWidthTypes.Boolean, 1),
	arrow.INT8:    fixed[*array.Int8, *array.Int8Builder](arrow.PrimitiveTypes.Int8, 1),
	arrow.INT16:   fixed[*array.Int16, *array.Int16Builder](arrow.PrimitiveTypes.Int16, 2),
	arrow.INT32:   fixed[*array.Int32, *array.Int32Builder](arrow.PrimitiveTypes.Int32, 4),
	arrow.INT64:   fixed[*array.Int64, *array.Int64Builder](arrow.PrimitiveTypes.Int64, 8),
	arrow.UINT8:   fixed[*array.Uint8, *array.Uint8Builder](arrow.PrimitiveTypes.Uint8, 1),
	arrow.UINT16:  fixed[*array.Uint16, *array.Uint16Builder](arrow.PrimitiveTypes.Uint16, 2),
	arrow.UINT32:  fixed[*array.Uint32, *array.Uint32Builder](arrow.PrimitiveTypes.Uint32, 4),
	arrow.UINT64:  fixed[*array.Uint64, *array.Uint64Builder](arrow.PrimitiveTypes.Uint64, 8),
	arrow.FLOAT32: fixed[*array.Float32, *array.Float32Builder](arrow.PrimitiveTypes.Float32, 4),
	arrow.FLOAT64: fixed[*array.Float64, *array.Float64Builder](arrow.PrimitiveTypes.Float64, 8),
	arrow.FLOAT16: {arrow.PrimitiveTypes.Float32, func(b array.Builder, a arrow.Array, i int, s *size) error {
		s.bytes += 4
		b.(*array.Float32Builder).Append(a.(*array.Float16).Value(i).Float32())
		return nil
	}},
	arrow.DATE32: {arrow.FixedWidthTypes.Date32, date32}, arrow.DATE64: {arrow.FixedWidthTypes.Date32, date64},
	arrow.STRING: textOf, arrow.LARGE_STRING: textOf, arrow.STRING_VIEW: textOf,
	arrow.BINARY: bytesOf, arrow.LARGE_BINARY: bytesOf, arrow.BINARY_VIEW: bytesOf,
}

// fixed copies values of a fixed width.
func fixed[A interface{ Value(int) T }, B interface{ Append(T) }, T any](t arrow.DataType, width int) value {
	return value{t, func(b array.Builder, a arrow.Array, i int, s *size) error {
		s.bytes += width
		b.(B).Append(a.(A).Value(i))
		return nil
	}}
}

var errUTF8 = errors.New("a text is not valid UTF-8: write the column as binary, or correct the text")

var textOf = value{arrow.BinaryTypes.String, func(b array.Builder, a arrow.Array, i int, s *size) error {
	v := a.(interface{ Value(int) string }).Value(i)
	if !utf8.ValidString(v) {
		return errUTF8
	}
	if s.bytes += len(v); len(v) <= maxRow { // the caller refuses the row otherwise
		b.(*array.StringBuilder).Append(v)
	}
	return nil
}}

var bytesOf = value{arrow.BinaryTypes.Binary, func(b array.Builder, a arrow.Array, i int, s *size) error {
	v := a.(interface{ Value(int) []byte }).Value(i)
	if s.bytes += len(v); len(v) <= maxRow {
		b.(*array.BinaryBuilder).Append(v)
	}
	return nil
}}

var uuids = value{extensions.NewUUIDType(), func(b array.Builder, a arrow.Array, i int, s *size) error {
	s.bytes += 16
	b.(*extensions.UUIDBuilder).Append(a.(*extensions.UUIDArray).Value(i))
	return nil
}}
