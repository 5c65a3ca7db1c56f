package parquetfile

import "encoding/binary"

// Types of Thrift's compact protocol; a boolean's value is its type.
const (
	thriftStop   = 0 // ends a structure
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftInt32  = 5
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

// maxThriftDepth is deeper than any structure of parquet.thrift.
const maxThriftDepth = 32

// thrift walks through a value in the compact protocol. It calls field with the path of each field, its type and the
// offset of its header, and at the end of each structure with the structure's path, thriftStop and the offset. The
// elements of a list have the path of the list.
type thrift struct {
	raw    []byte
	at     int
	broken bool
	field  func(path []int, kind byte, header int)
}

func (t *thrift) structure(path []int) {
	if len(path) > maxThriftDepth {
		t.broken = true
	}
	for id := 0; !t.broken; {
		at := t.at
		header := t.byte()
		kind := header & 0xf
		if kind == thriftStop {
			if !t.broken {
				t.field(path, thriftStop, at)
			}
			return
		}
		if header>>4 != 0 {
			id += int(header >> 4)
		} else {
			n := t.varint()
			id = int(n>>1) ^ -int(n&1) // zigzag
		}
		here := append(path[:len(path):len(path)], id)
		t.field(here, kind, at)
		if kind != thriftTrue && kind != thriftFalse {
			t.value(here, kind)
		}
	}
}

func (t *thrift) value(path []int, kind byte) {
	switch kind {
	case thriftTrue, thriftFalse, thriftByte: // booleans here are elements of a list
		t.skip(1)
	case thriftDouble:
		t.skip(8)
	case thriftBinary:
		t.skip(t.varint())
	case thriftStruct:
		t.structure(path)
	case thriftList, thriftSet:
		header := t.byte()
		size := uint64(header >> 4)
		if size == 15 {
			size = t.varint()
		}
		for ; size > 0 && !t.broken; size-- {
			t.value(path, header&0xf)
		}
	case thriftMap:
		size := t.varint()
		if size == 0 {
			return
		}
		kinds := t.byte()
		for ; size > 0 && !t.broken; size-- {
			t.value(path, kinds>>4)
			t.value(path, kinds&0xf)
		}
	default: // integers
		t.varint()
	}
}

func (t *thrift) byte() byte {
	if t.broken = t.broken || t.at >= len(t.raw); t.broken {
		return 0
	}
	t.at++
	return t.raw[t.at-1]
}

func (t *thrift) varint() uint64 {
	if t.broken {
		return 0
	}
	n, size := binary.Uvarint(t.raw[t.at:])
	if t.broken = size <= 0; t.broken {
		return 0
	}
	t.at += size
	return n
}

func (t *thrift) skip(n uint64) {
	if t.broken = t.broken || n > uint64(len(t.raw)-t.at); t.broken {
		return
	}
	t.at += int(n)
}
