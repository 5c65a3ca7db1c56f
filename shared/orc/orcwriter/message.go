package orcwriter

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message that is being written.
type message []byte

func (m message) number(field protowire.Number, v uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), v)
}

func (m message) signed(field protowire.Number, v int64) message {
	return m.number(field, protowire.EncodeZigZag(v))
}

func (m message) double(field protowire.Number, v float64) message {
	return protowire.AppendFixed64(protowire.AppendTag(m, field, protowire.Fixed64Type), math.Float64bits(v))
}

func (m message) bytes(field protowire.Number, b []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), b)
}

func (m message) text(field protowire.Number, s string) message {
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), s)
}

func (m message) packed(field protowire.Number, numbers ...int) message {
	var list []byte
	for _, n := range numbers {
		list = protowire.AppendVarint(list, uint64(n))
	}
	return m.bytes(field, list)
}
