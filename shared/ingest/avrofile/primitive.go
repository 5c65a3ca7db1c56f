package avrofile

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// primitives has the types without parameters. A column of nulls is text, like every column without values.
var primitives = map[string]value{
	"null":    {arrow.BinaryTypes.String, 0, 1, func(_ *cursor, b array.Builder) error { b.AppendNull(); return nil }},
	"boolean": {arrow.FixedWidthTypes.Boolean, 1, 1, boolean},
	"int": {arrow.PrimitiveTypes.Int32, 1, 1, func(c *cursor, b array.Builder) error {
		v, err := c.int()
		b.(*array.Int32Builder).Append(v)
		return err
	}},
	"long": {arrow.PrimitiveTypes.Int64, 1, 1, func(c *cursor, b array.Builder) error {
		v, err := c.long()
		b.(*array.Int64Builder).Append(v)
		return err
	}},
	"float": {arrow.PrimitiveTypes.Float32, 4, 1, func(c *cursor, b array.Builder) error {
		v, err := c.take(4)
		if err == nil {
			b.(*array.Float32Builder).Append(math.Float32frombits(binary.LittleEndian.Uint32(v)))
		}
		return err
	}},
	"double": {arrow.PrimitiveTypes.Float64, 8, 1, func(c *cursor, b array.Builder) error {
		v, err := c.take(8)
		if err == nil {
			b.(*array.Float64Builder).Append(math.Float64frombits(binary.LittleEndian.Uint64(v)))
		}
		return err
	}},
	"bytes": {arrow.BinaryTypes.Binary, 1, 1, func(c *cursor, b array.Builder) error {
		v, err := c.bytes()
		if err == nil {
			b.(*array.BinaryBuilder).Append(v)
		}
		return err
	}},
	"string": {arrow.BinaryTypes.String, 1, 1, text},
}

func boolean(c *cursor, b array.Builder) error {
	v, err := c.take(1)
	if err != nil || v[0] > 1 {
		return errShort
	}
	b.(*array.BooleanBuilder).Append(v[0] == 1)
	return nil
}

func enum(symbols []string) value {
	return value{arrow.BinaryTypes.String, 1, 1, func(c *cursor, b array.Builder) error {
		i, err := c.int()
		if err != nil || i < 0 || int(i) >= len(symbols) {
			return errShort
		}
		b.(*array.StringBuilder).Append(symbols[i])
		return nil
	}}
}

func fixed(size int) value {
	return value{arrow.BinaryTypes.Binary, size, 1, func(c *cursor, b array.Builder) error {
		v, err := c.take(int64(size))
		if err == nil {
			b.(*array.BinaryBuilder).Append(v)
		}
		return err
	}}
}
