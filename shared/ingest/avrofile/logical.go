package avrofile

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/google/uuid"
	"github.com/twmb/avro"

	"function/shared/fault"
)

// logical has the logical types without parameters, by the type and the logical type of a schema. Every other one is
// read as the type that it annotates, as the specification demands.
var logical = map[[2]string]value{
	{"int", "date"}:                    {arrow.FixedWidthTypes.Date32, 1, 1, date},
	{"int", "time-millis"}:             {arrow.FixedWidthTypes.Time32ms, 1, 1, timeMillis},
	{"long", "time-micros"}:            {arrow.FixedWidthTypes.Time64us, 1, 1, timeMicros},
	{"long", "timestamp-millis"}:       timestamp(arrow.Millisecond, "UTC"),
	{"long", "timestamp-micros"}:       timestamp(arrow.Microsecond, "UTC"),
	{"long", "timestamp-nanos"}:        timestamp(arrow.Nanosecond, "UTC"),
	{"long", "local-timestamp-millis"}: timestamp(arrow.Millisecond, ""),
	{"long", "local-timestamp-micros"}: timestamp(arrow.Microsecond, ""),
	{"long", "local-timestamp-nanos"}:  timestamp(arrow.Nanosecond, ""),
	{"string", "uuid"}:                 {extensions.NewUUIDType(), 1, 1, uuidText},
}

// The least and the greatest day and microsecond of DuckDB's types; beyond are the values that mean infinity.
const (
	minDay, maxDay       = -math.MaxInt32 + 1, math.MaxInt32 - 1
	minMicros, maxMicros = -9_223_372_022_400_000_000, math.MaxInt64 - 1
	dayMicros            = 86_400_000_000
)

func date(c *cursor, b array.Builder) error {
	v, err := c.int()
	if err == nil && (v < minDay || v > maxDay) {
		return flaw(fmt.Sprintf("the date of day %d after 1970-01-01 is out of range", v))
	}
	b.(*array.Date32Builder).Append(arrow.Date32(v))
	return err
}

func timeMillis(c *cursor, b array.Builder) error {
	v, err := c.int()
	if err == nil && (v < 0 || v >= dayMicros/1000) {
		return flaw(fmt.Sprintf("%d milliseconds are not a time of day", v))
	}
	b.(*array.Time32Builder).Append(arrow.Time32(v))
	return err
}

func timeMicros(c *cursor, b array.Builder) error {
	v, err := c.long()
	if err == nil && (v < 0 || v >= dayMicros) {
		return flaw(fmt.Sprintf("%d microseconds are not a time of day", v))
	}
	b.(*array.Time64Builder).Append(arrow.Time64(v))
	return err
}

func timestamp(unit arrow.TimeUnit, zone string) value {
	least, most := int64(minMicros), int64(maxMicros)
	switch unit {
	case arrow.Millisecond:
		least, most = least/1000, most/1000
	case arrow.Nanosecond:
		least, most = -math.MaxInt64+1, math.MaxInt64-1
	}
	return value{&arrow.TimestampType{Unit: unit, TimeZone: zone}, 1, 1, func(c *cursor, b array.Builder) error {
		v, err := c.long()
		if err == nil && (v < least || v > most) {
			return flaw(fmt.Sprintf("the timestamp %d %s after 1970-01-01 is out of range", v, unit))
		}
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(v))
		return err
	}}
}

func uuidText(c *cursor, b array.Builder) error {
	text, err := c.bytes()
	if err != nil {
		return err
	}
	id, err := uuid.ParseBytes(text)
	if err != nil || len(text) != 36 {
		return flaw(fmt.Sprintf("%s is not a UUID", fault.Excerpt(string(text))))
	}
	b.(*extensions.UUIDBuilder).Append(id)
	return nil
}

var uuidBytes = value{extensions.NewUUIDType(), 16, 1, func(c *cursor, b array.Builder) error {
	v, err := c.take(16)
	if err == nil {
		b.(*extensions.UUIDBuilder).Append(uuid.UUID(v))
	}
	return err
}}

// duration is a structure, because DuckDB's INTERVAL does not hold unsigned parts.
var duration = value{arrow.StructOf(part("months"), part("days"), part("milliseconds")), 12, 3, func(c *cursor, b array.Builder) error {
	v, err := c.take(12)
	if err != nil {
		return err
	}
	builder := b.(*array.StructBuilder)
	builder.Append(true)
	for i := range 3 {
		builder.FieldBuilder(i).(*array.Uint32Builder).Append(binary.LittleEndian.Uint32(v[4*i:]))
	}
	return nil
}}

func part(name string) arrow.Field {
	return arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Uint32, Nullable: true}
}

const maxPrecision = 38

// decimal plans a decimal on bytes or a fixed; raw is how its bytes are read without the logical type.
func decimal(n *avro.SchemaNode, path string, raw value) (value, error) {
	if n.Precision < 1 || n.Scale < 0 || n.Scale > n.Precision {
		return raw, nil
	}
	if n.Precision > maxPrecision {
		return value{}, refuse(path, "has decimals of %d digits, but at most %d are supported: write it with fewer, or as text", n.Precision, maxPrecision)
	}
	bound := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n.Precision)), nil)
	next := (*cursor).bytes
	if n.Type == "fixed" {
		next = func(c *cursor) ([]byte, error) { return c.take(int64(n.Size)) }
	}
	return value{&arrow.Decimal128Type{Precision: int32(n.Precision), Scale: int32(n.Scale)}, raw.least, 1, func(c *cursor, b array.Builder) error {
		digits, err := next(c)
		if err != nil {
			return err
		}
		if len(digits) == 0 {
			return flaw("a decimal has no digits")
		}
		v, ok := signed(digits)
		if !ok || v.CmpAbs(bound) >= 0 {
			return flaw(fmt.Sprintf("a decimal has more than %d digits", n.Precision))
		}
		b.(*array.Decimal128Builder).Append(decimal128.FromBigInt(v))
		return nil
	}}, nil
}

// signed reads a big-endian number in two's complement, if it fits 128 bits.
func signed(b []byte) (*big.Int, bool) {
	for len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
		b = b[1:]
	}
	if len(b) > 16 {
		return nil, false
	}
	v := new(big.Int).SetBytes(b)
	if b[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return v, true
}
