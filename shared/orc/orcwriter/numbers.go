package orcwriter

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/float16"

	"function/shared/orc"
	"function/shared/orc/rle"
)

// integers is a column of integers or dates.
type integers[T arrow.IntType | arrow.UintType] struct {
	*base
	data       *rle.IntegerEncoder
	statistics *integerStatistics
}

func newIntegers[T arrow.IntType | arrow.UintType](b *base) column {
	c := &integers[T]{base: b, data: b.integers(orc.Data, true), statistics: &integerStatistics{}}
	b.encoding = directV2
	b.describe(c.statistics, &integerStatistics{}, &integerStatistics{})
	return c
}

func newDates(b *base) column {
	c := newIntegers[arrow.Date32](b)
	for _, s := range []statistics{b.group, b.stripe, b.file} {
		s.detail.(*integerStatistics).date = true
	}
	return c
}

func (c *integers[T]) write(a arrow.Array, rows []span) error {
	set, err := c.mark(a, rows)
	if err != nil {
		return err
	}
	values := arrow.GetValues[T](a.Data(), 1)
	for _, s := range set {
		for _, v := range values[s.from:s.to] {
			c.statistics.add(int64(v))
			if err := c.data.Append(int64(v)); err != nil {
				return err
			}
		}
	}
	return nil
}

// tinyints is a column of integers of 8 bits.
type tinyints struct {
	*base
	data       *rle.ByteEncoder
	statistics *integerStatistics
}

func newTinyints(b *base) column {
	c := &tinyints{base: b, data: rle.NewByteEncoder(b.stream(orc.Data)), statistics: &integerStatistics{}}
	b.outputs[0].flush = c.data.Flush
	b.describe(c.statistics, &integerStatistics{}, &integerStatistics{})
	return c
}

func (c *tinyints) write(a arrow.Array, rows []span) error {
	set, err := c.mark(a, rows)
	if err != nil {
		return err
	}
	values := arrow.GetValues[int8](a.Data(), 1)
	for _, s := range set {
		for _, v := range values[s.from:s.to] {
			c.statistics.add(int64(v))
			if err := c.data.Append(byte(v)); err != nil {
				return err
			}
		}
	}
	return nil
}

// booleans is a column of booleans.
type booleans struct {
	*base
	data       *rle.BooleanEncoder
	statistics *booleanStatistics
}

func newBooleans(b *base) column {
	c := &booleans{base: b, data: rle.NewBooleanEncoder(b.stream(orc.Data)), statistics: &booleanStatistics{}}
	b.outputs[0].flush, b.outputs[0].bits = c.data.Flush, c.data
	b.describe(c.statistics, &booleanStatistics{}, &booleanStatistics{})
	return c
}

func (c *booleans) write(a arrow.Array, rows []span) error {
	set, err := c.mark(a, rows)
	if err != nil {
		return err
	}
	values := a.(*array.Boolean)
	for _, s := range set {
		for i := s.from; i < s.to; i++ {
			v := values.Value(i)
			if v {
				c.statistics.count++
			}
			if err := c.data.Append(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// floats is a column of floating point numbers of 32 bits, or of 64.
type floats[T float16.Num | float32 | float64] struct {
	*base
	data       *stream
	statistics *floatStatistics
	encode     func(to []byte, v T) ([]byte, float64)
	encoded    []byte // reused
}

func newFloats[T float16.Num | float32 | float64](b *base, encode func(to []byte, v T) ([]byte, float64)) column {
	c := &floats[T]{base: b, data: b.stream(orc.Data), statistics: &floatStatistics{}, encode: encode}
	b.describe(c.statistics, &floatStatistics{}, &floatStatistics{})
	return c
}

func (c *floats[T]) write(a arrow.Array, rows []span) error {
	set, err := c.mark(a, rows)
	if err != nil {
		return err
	}
	values := arrow.GetValues[T](a.Data(), 1)
	for _, s := range set {
		c.encoded = c.encoded[:0]
		for _, v := range values[s.from:s.to] {
			var number float64
			c.encoded, number = c.encode(c.encoded, v)
			c.statistics.add(number)
		}
		if _, err := c.data.Write(c.encoded); err != nil {
			return err
		}
	}
	return nil
}

func encode16(to []byte, v float16.Num) ([]byte, float64) {
	const exponent, fraction = 0x7c00, 0x3ff
	number := v.Float32()
	if v.Uint16()&exponent == 0 { // Float32 converts subnormal numbers to others
		number = float32(math.Copysign(float64(v.Uint16()&fraction)*0x1p-24, float64(number)))
	}
	return encode32(to, number)
}

func encode32(to []byte, v float32) ([]byte, float64) {
	return binary.LittleEndian.AppendUint32(to, math.Float32bits(v)), float64(v)
}

func encode64(to []byte, v float64) ([]byte, float64) {
	return binary.LittleEndian.AppendUint64(to, math.Float64bits(v)), v
}
