package export

import (
	"encoding/binary"
	"math"
	"math/big"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
)

// encoder appends value i of an array as Avro encodes it.
type encoder func(dst []byte, a arrow.Array, i int) []byte

// optional encodes a union of null and a type.
func optional(value encoder) encoder {
	return func(dst []byte, a arrow.Array, i int) []byte {
		if a.IsNull(i) {
			return append(dst, 0)
		}
		return value(append(dst, 2), a, i)
	}
}

func boolean(dst []byte, a arrow.Array, i int) []byte {
	if a.(*array.Boolean).Value(i) {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// long encodes all types that are integers in Avro.
func long(dst []byte, a arrow.Array, i int) []byte {
	var v int64
	switch a := a.(type) {
	case *array.Int32:
		v = int64(a.Value(i))
	case *array.Int64:
		v = a.Value(i)
	case *array.Date32:
		v = int64(a.Value(i))
	case *array.Time32:
		v = int64(a.Value(i))
	case *array.Time64:
		v = int64(a.Value(i))
	case *array.Timestamp:
		v = int64(a.Value(i))
	}
	return binary.AppendVarint(dst, v)
}

func float(dst []byte, a arrow.Array, i int) []byte {
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(a.(*array.Float32).Value(i)))
}

func double(dst []byte, a arrow.Array, i int) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(a.(*array.Float64).Value(i)))
}

func appendBytes(dst, b []byte) []byte { return append(binary.AppendVarint(dst, int64(len(b))), b...) }

func textBytes(dst []byte, a arrow.Array, i int) []byte {
	if a, ok := a.(*array.Binary); ok {
		return appendBytes(dst, a.Value(i))
	}
	text := a.(*array.String).Value(i)
	return append(binary.AppendVarint(dst, int64(len(text))), text...)
}

func uuidText(dst []byte, a arrow.Array, i int) []byte {
	return appendBytes(dst, []byte(a.(*extensions.UUIDArray).Value(i).String()))
}

// decimalBytes encodes the digits as a big-endian number in two's complement, as short as possible.
func decimalBytes(dst []byte, a arrow.Array, i int) []byte {
	v := a.(*array.Decimal128).Value(i).BigInt()
	size := uint(v.BitLen())/8 + 1
	if v.Sign() < 0 {
		v.Add(v, new(big.Int).Lsh(big.NewInt(1), 8*size))
	}
	return appendBytes(dst, v.FillBytes(make([]byte, size)))
}

func structOf(fields []encoder) encoder {
	return func(dst []byte, a arrow.Array, i int) []byte {
		for n, encode := range fields {
			dst = encode(dst, a.(*array.Struct).Field(n), i)
		}
		return dst
	}
}

// listOf encodes an array as one block and the empty block that ends it.
func listOf(item encoder) encoder {
	return func(dst []byte, a arrow.Array, i int) []byte {
		list := a.(*array.List)
		from, to := list.ValueOffsets(i)
		if from < to {
			dst = binary.AppendVarint(dst, to-from)
		}
		for n := from; n < to; n++ {
			dst = item(dst, list.ListValues(), int(n))
		}
		return append(dst, 0)
	}
}

func mapOf(key, value encoder) encoder {
	return func(dst []byte, a arrow.Array, i int) []byte {
		entries := a.(*array.Map)
		from, to := entries.ValueOffsets(i)
		if from < to {
			dst = binary.AppendVarint(dst, to-from)
		}
		for n := from; n < to; n++ {
			dst = value(key(dst, entries.Keys(), int(n)), entries.Items(), int(n))
		}
		return append(dst, 0)
	}
}
