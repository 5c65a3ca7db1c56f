package orcwriter

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/decimal256"
	"google.golang.org/protobuf/encoding/protowire"

	"function/shared/orc"
	"function/shared/orc/rle"
)

const maxPrecision = 38

// decimals is a column of decimals.
type decimals[T decimal.DecimalTypes | uint64] struct {
	*base
	precision, scale int32
	data             *stream
	scales           *rle.IntegerEncoder
	number           func(T) (decimal128.Num, bool) // false if it has more than 38 digits
	statistics       *decimalStatistics
	encoded          []byte // reused
}

func newDecimals[T decimal.DecimalTypes | uint64](b *base, precision, scale int32, number func(T) (decimal128.Num, bool)) column {
	c := &decimals[T]{base: b, precision: precision, scale: scale, number: number, statistics: &decimalStatistics{scale: scale}}
	c.data, c.scales = b.stream(orc.Data), b.integers(orc.Secondary, true)
	b.encoding = directV2
	b.describe(c.statistics, &decimalStatistics{scale: scale}, &decimalStatistics{scale: scale})
	return c
}

func (p *plan) decimalBase(path string, precision, scale int32) *base {
	b := p.base(path, orc.Decimal)
	p.types[b.id] = p.types[b.id].number(5, uint64(precision)).number(6, uint64(scale))
	return b
}

func (p *plan) decimal(t arrow.DecimalType, path string) (column, error) {
	precision, scale := t.GetPrecision(), t.GetScale()
	if precision < 1 || precision > maxPrecision || scale < 0 || scale > precision {
		return nil, refuse(path, "is %s, and ORC has decimals of up to 38 digits: cast it to such a decimal, or to VARCHAR", t)
	}
	b := p.decimalBase(path, precision, scale)
	switch t.ID() {
	case arrow.DECIMAL32:
		return newDecimals(b, precision, scale, func(v decimal.Decimal32) (decimal128.Num, bool) { return decimal128.FromI64(int64(v)), true }), nil
	case arrow.DECIMAL64:
		return newDecimals(b, precision, scale, func(v decimal.Decimal64) (decimal128.Num, bool) { return decimal128.FromI64(int64(v)), true }), nil
	case arrow.DECIMAL128:
		return newDecimals(b, precision, scale, func(v decimal128.Num) (decimal128.Num, bool) { return v, true }), nil
	}
	return newDecimals(b, precision, scale, narrow), nil
}

func unsigned64(v uint64) (decimal128.Num, bool) { return decimal128.FromU64(v), true }

func narrow(v decimal256.Num) (decimal128.Num, bool) {
	parts := v.Array() // the least significant first
	n := decimal128.New(int64(parts[1]), parts[0])
	sign := uint64(int64(parts[1]) >> 63)
	return n, parts[2] == sign && parts[3] == sign
}

func (c *decimals[T]) write(a arrow.Array, rows []span) error {
	set, err := c.mark(a, rows)
	if err != nil {
		return err
	}
	values := arrow.GetValues[T](a.Data(), 1)
	for _, s := range set {
		c.encoded = c.encoded[:0]
		for _, v := range values[s.from:s.to] {
			n, ok := c.number(v)
			if !ok || !n.FitsInPrecision(c.precision) {
				return refuse(c.path, "has a value of more than %d digits, which does not fit its type in ORC: cast the column to DOUBLE or VARCHAR", c.precision)
			}
			c.statistics.add(n)
			c.encoded = appendVarint128(c.encoded, n)
			if err := c.scales.Append(int64(c.scale)); err != nil {
				return err
			}
		}
		if _, err := c.data.Write(c.encoded); err != nil {
			return err
		}
	}
	return nil
}

// appendVarint128 appends a zigzag-encoded varint of up to 128 bits.
func appendVarint128(to []byte, n decimal128.Num) []byte {
	high, low := n.HighBits(), n.LowBits()
	if high == int64(low)>>63 {
		return binary.AppendUvarint(to, protowire.EncodeZigZag(int64(low)))
	}
	sign := uint64(high >> 63)
	h, l := uint64(high)<<1|low>>63, low<<1
	h, l = h^sign, l^sign
	for h > 0 {
		to = append(to, byte(l)|0x80)
		h, l = h>>7, l>>7|h<<57
	}
	return binary.AppendUvarint(to, l)
}

// decimalStatistics describe decimals.
type decimalStatistics struct {
	least, most decimal128.Num
	some        bool
	scale       int32
}

func (s *decimalStatistics) add(n decimal128.Num) {
	if !s.some || n.Less(s.least) {
		s.least = n
	}
	if !s.some || s.most.Less(n) {
		s.most = n
	}
	s.some = true
}

func (s *decimalStatistics) field() (protowire.Number, message) {
	return 6, message{}.text(1, s.least.ToString(s.scale)).text(2, s.most.ToString(s.scale))
}

func (s *decimalStatistics) merge(d detail) {
	other := d.(*decimalStatistics)
	s.add(other.least)
	s.add(other.most)
}

func (s *decimalStatistics) reset() { *s = decimalStatistics{scale: s.scale} }
