package orcfile

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"

	"function/shared/orc"
	"function/shared/orc/rle"
)

const (
	maxPrecision   = 38
	shortPrecision = 18 // of decimals that are plain integers in files of the version 1.9999
)

func (p *planner) decimal(id int, path string) (value, error) {
	t := p.types[id]
	if t.Precision == 0 { // Hive 0.11 had no precision, and a scale for each value
		t.Precision, t.Scale = maxPrecision, p.scan.scales[id]
	}
	if t.Precision > maxPrecision || t.Scale > maxPrecision {
		return value{}, refuse(path, "has decimals of %d digits, but at most %d are supported: write it with fewer, or as text", max(t.Precision, t.Scale), maxPrecision)
	}
	if t.Scale > t.Precision {
		return value{}, refuse(path, "has decimals of %d digits, of which %d are behind the point: write it with more digits", t.Precision, t.Scale)
	}
	typ := &arrow.Decimal128Type{Precision: int32(t.Precision), Scale: int32(t.Scale)}
	if p.file.Decimal64() && t.Precision <= shortPrecision {
		return value{typ, 1, func(in *source) (reader, error) {
			data := rle.NewIntegers(in.Stream(id, orc.Data), true, true) // whatever the encoding of the column says
			return func(b array.Builder) error {
				v, err := data.Next()
				if err != nil {
					return err
				}
				return appendDecimal(b, decimal128.FromI64(v), typ)
			}, nil
		}}, nil
	}
	return value{typ, 1, func(in *source) (reader, error) {
		data, scales := in.Stream(id, orc.Data), in.integers(id, orc.Secondary, true)
		return func(b array.Builder) error {
			v, err := wide(data)
			if err != nil {
				return err
			}
			scale, err := scales.Next()
			if err != nil {
				return err
			}
			if v, err = rescale(v, scale, typ); err != nil {
				return err
			}
			return appendDecimal(b, v, typ)
		}, nil
	}}, nil
}

func appendDecimal(b array.Builder, v decimal128.Num, typ *arrow.Decimal128Type) error {
	if !v.FitsInPrecision(typ.Precision) {
		return tooWide(typ)
	}
	b.(*array.Decimal128Builder).Append(v)
	return nil
}

func tooWide(typ *arrow.Decimal128Type) error {
	return flaw(fmt.Sprintf("a decimal has more than %d digits, of which %d are behind the point", typ.Precision, typ.Scale))
}

// wide reads a zigzag-encoded varint of up to 38 digits.
func wide(in *orc.Stream) (decimal128.Num, error) {
	var low, high uint64
	for shift, more := 0, true; more; shift += 7 {
		c, err := in.ReadByte()
		if err != nil {
			return decimal128.Num{}, err
		}
		digits := uint64(c & 0x7f)
		switch {
		case shift > 126 || shift == 126 && digits > 3:
			return decimal128.Num{}, flaw(fmt.Sprintf("a decimal has more than %d digits", maxPrecision))
		case shift >= 64:
			high |= digits << (shift - 64)
		default:
			low |= digits << shift
			high |= digits >> (64 - shift)
		}
		more = c >= 0x80
	}
	sign := -(low & 1)
	v := decimal128.New(int64(high>>1^sign), (low>>1|high<<63)^sign)
	if !v.FitsInPrecision(maxPrecision) || v.Sign() < 0 && v.Negate().Sign() < 0 {
		return v, flaw(fmt.Sprintf("a decimal has more than %d digits", maxPrecision))
	}
	return v, nil
}

// rescale returns a value of the given scale in the scale of its type.
func rescale(v decimal128.Num, scale int64, typ *arrow.Decimal128Type) (decimal128.Num, error) {
	more := int64(typ.Scale) - scale
	switch {
	case more == 0 || v.Sign() == 0:
		return v, nil
	case more > 0:
		if more >= int64(typ.Precision) || !v.FitsInPrecision(typ.Precision-int32(more)) {
			return v, tooWide(typ)
		}
		return v.Mul(decimal128.GetScaleMultiplier(int(more))), nil
	case more < -maxPrecision:
		return v, tooWide(typ)
	}
	v, rest := v.Div(decimal128.GetScaleMultiplier(int(-more)))
	if rest.Sign() != 0 {
		return v, flaw(fmt.Sprintf("a decimal has more than %d digits behind the point", typ.Scale))
	}
	return v, nil
}
