package orcfile

import (
	"google.golang.org/protobuf/encoding/protowire"

	"function/shared/orc"
)

// message is a protobuf message that is being written.
type message []byte

func (m message) number(field protowire.Number, v ...int) message {
	for _, n := range v {
		m = protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), uint64(n))
	}
	return m
}

func (m message) bytes(field protowire.Number, b ...[]byte) message {
	for _, v := range b {
		m = protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), v)
	}
	return m
}

// stream is a stream of a column.
type stream struct {
	column  int
	kind    orc.StreamKind
	content []byte
}

// builder has the parts of a file with one stripe, which is not compressed.
type builder struct {
	types      [][]byte
	streams    []stream
	rows       int
	encoding   []byte // of every column
	zone       string
	footer     message // further fields
	postscript message // further fields
	tail       int     // added to the length of the footer
}

func kind(k orc.Kind, children ...int) message {
	return message{}.number(1, int(k)).number(2, children...)
}

// table is a struct of one column, v, of the given type, and of types within it.
func table(rows int, types []message, streams ...stream) builder {
	b := builder{rows: rows, streams: streams, zone: "UTC", types: [][]byte{kind(orc.Struct, 1).bytes(3, []byte("v"))}}
	for _, t := range types {
		b.types = append(b.types, t)
	}
	return b
}

func (b builder) with(change func(*builder)) builder {
	change(&b)
	return b
}

func (b builder) build() []byte {
	out := []byte(orc.Magic)
	var footer message
	for _, s := range b.streams {
		out = append(out, s.content...)
		footer = footer.bytes(1, message{}.number(1, int(s.kind)).number(2, s.column).number(3, len(s.content)))
	}
	for range b.types {
		footer = footer.bytes(2, b.encoding)
	}
	footer = footer.bytes(3, []byte(b.zone))
	stripe := message{}.number(1, 3).number(3, len(out)-3).number(4, len(footer)).number(5, b.rows)
	out = append(out, footer...)
	end := message{}.bytes(3, stripe).bytes(4, b.types...).number(6, b.rows)
	end = append(end, b.footer...)
	out = append(out, end...)
	last := message{}.number(1, len(end)+b.tail).bytes(8000, []byte(orc.Magic))
	last = append(last, b.postscript...)
	out = append(out, last...)
	return append(out, byte(len(last)))
}
