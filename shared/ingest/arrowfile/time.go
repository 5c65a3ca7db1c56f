package arrowfile

import (
	"fmt"
	"math"
	"math/big"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// The least and the greatest day and microsecond of DuckDB's types; beyond are the values that mean infinity.
const (
	minDay, maxDay       = -math.MaxInt32 + 1, math.MaxInt32 - 1
	minMicros, maxMicros = -9_223_372_022_400_000_000, math.MaxInt64 - 1
	dayMillis            = 86_400_000
)

func date32(b array.Builder, a arrow.Array, i int, s *size) error {
	return appendDay(b, int64(a.(*array.Date32).Value(i)), s)
}

func date64(b array.Builder, a arrow.Array, i int, s *size) error {
	v := int64(a.(*array.Date64).Value(i))
	if v%dayMillis != 0 {
		return fmt.Errorf("the date of %d milliseconds after 1970-01-01 is not a whole day", v)
	}
	return appendDay(b, v/dayMillis, s)
}

func appendDay(b array.Builder, v int64, s *size) error {
	if v < minDay || v > maxDay {
		return fmt.Errorf("the date of day %d after 1970-01-01 is out of range", v)
	}
	s.bytes += 4
	b.(*array.Date32Builder).Append(arrow.Date32(v))
	return nil
}

func ofDay(v int64, unit arrow.TimeUnit) error {
	if v < 0 || v >= 86_400*int64(1e9/unit.Multiplier().Nanoseconds()) {
		return fmt.Errorf("%d %s are not a time of day", v, unit)
	}
	return nil
}

func timeOfDay32(unit arrow.TimeUnit) func(array.Builder, arrow.Array, int, *size) error {
	return func(b array.Builder, a arrow.Array, i int, s *size) error {
		v := a.(*array.Time32).Value(i)
		s.bytes += 4
		b.(*array.Time32Builder).Append(v)
		return ofDay(int64(v), unit)
	}
}

func timeOfDay64(unit arrow.TimeUnit) func(array.Builder, arrow.Array, int, *size) error {
	return func(b array.Builder, a arrow.Array, i int, s *size) error {
		v := a.(*array.Time64).Value(i)
		s.bytes += 8
		b.(*array.Time64Builder).Append(v)
		return ofDay(int64(v), unit)
	}
}

// timestamps copies timestamps; seconds become milliseconds, which Parquet has. A time zone is only for display.
func timestamps(t *arrow.TimestampType) value {
	least, most, factor, unit := int64(minMicros), int64(maxMicros), int64(1), t.Unit
	switch t.Unit {
	case arrow.Second:
		least, most, factor, unit = least/1_000_000, most/1_000_000, 1000, arrow.Millisecond
	case arrow.Millisecond:
		least, most = least/1000, most/1000
	case arrow.Nanosecond:
		least, most = -math.MaxInt64+1, math.MaxInt64-1
	}
	zone := ""
	if t.TimeZone != "" {
		zone = "UTC"
	}
	return value{&arrow.TimestampType{Unit: unit, TimeZone: zone}, func(b array.Builder, a arrow.Array, i int, s *size) error {
		v := int64(a.(*array.Timestamp).Value(i))
		if v < least || v > most {
			return fmt.Errorf("the timestamp %d %s after 1970-01-01 is out of range", v, t.Unit)
		}
		s.bytes += 8
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(v * factor))
		return nil
	}}
}

const maxPrecision = 38

func decimals(t arrow.DecimalType, path string) (value, error) {
	precision, scale := t.GetPrecision(), t.GetScale()
	if precision < 1 || precision > maxPrecision || scale < 0 || scale > precision {
		return value{}, refuse(path, "has decimals of %d digits, %d of them after the point; at most %d are supported, and no scale below 0: write it as another decimal, or as text", precision, scale, maxPrecision)
	}
	bound := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
	return value{&arrow.Decimal128Type{Precision: precision, Scale: scale}, func(b array.Builder, a arrow.Array, i int, s *size) error {
		v := digits(a, i)
		if v == nil || v.CmpAbs(bound) >= 0 {
			return fmt.Errorf("a decimal has more than %d digits", precision)
		}
		s.bytes += 16
		b.(*array.Decimal128Builder).Append(decimal128.FromBigInt(v))
		return nil
	}}, nil
}

func digits(a arrow.Array, i int) *big.Int {
	switch a := a.(type) {
	case *array.Decimal32:
		return big.NewInt(int64(a.Value(i)))
	case *array.Decimal64:
		return big.NewInt(int64(a.Value(i)))
	case *array.Decimal128:
		return a.Value(i).BigInt()
	case *array.Decimal256:
		return a.Value(i).BigInt()
	}
	return nil
}
