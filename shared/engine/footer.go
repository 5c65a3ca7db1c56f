package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// footer is what the metadata at the end of a Parquet file says beyond what DuckDB tells of it.
type footer struct {
	raw       []byte // FileMetaData in Thrift's compact protocol
	at        int64  // where it begins in the file
	encrypted bool   // some columns are (Parquet Modular Encryption with a footer in plain text)
	zoned     []int  // in raw: the headers of isAdjustedToUTC of timestamps in nanoseconds
	int96     []int  // in raw: where the schema and the column chunks give the type INT96
	lengths   []int  // in raw: the ends of the schema's elements of type INT96
	open      bool   // while read: the element of the schema has the type INT96
}

// maxFooter bounds the metadata of a Parquet file.
const maxFooter = 256 << 20

var errNoFooter = errors.New("no Parquet metadata")

// readFooter reads the metadata of a Parquet file.
func readFooter(path string) (*footer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the uploaded file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("stat the uploaded file: %w", err)
	}
	tail := make([]byte, 8)
	if info.Size() < 12 {
		return nil, errNoFooter
	}
	if _, err := f.ReadAt(tail, info.Size()-8); err != nil {
		return nil, fmt.Errorf("read the uploaded file: %w", err)
	}
	length := int64(binary.LittleEndian.Uint32(tail))
	if !bytes.Equal(tail[4:], []byte("PAR1")) || length > min(maxFooter, info.Size()-12) {
		return nil, errNoFooter
	}
	m := &footer{raw: make([]byte, length), at: info.Size() - 8 - length}
	if _, err := io.ReadFull(io.NewSectionReader(f, m.at, length), m.raw); err != nil {
		return nil, fmt.Errorf("read the uploaded file: %w", err)
	}
	walk := thrift{raw: m.raw, field: m.note}
	if walk.structure(nil); walk.broken {
		return nil, errNoFooter
	}
	return m, nil
}

// Fields of parquet.thrift, as the path of field identifiers from FileMetaData.
var (
	encryptionAlgorithm = []int{8}
	cryptoMetadata      = []int{4, 1, 8}        // row_groups, columns
	adjustedToUTC       = []int{2, 10, 8, 1}    // schema, logicalType, TIMESTAMP
	nanoseconds         = []int{2, 10, 8, 2, 3} // schema, logicalType, TIMESTAMP, unit
	schemaElement       = []int{2}
	schemaType          = []int{2, 1}
	chunkType           = []int{4, 1, 3, 1} // row_groups, columns, meta_data
)

// Physical types of parquet.thrift, as the protocol writes these integers (zigzag).
const (
	typeInt96      = 3 << 1
	typeFixedBytes = 7 << 1
)

// typeLength is the field type_length of a schema's element: 12. It names its identifier, so that it can stand last.
var typeLength = []byte{thriftInt32, 2 << 1, 12 << 1}

func (m *footer) note(path []int, kind byte, header int) {
	switch {
	case slices.Equal(path, encryptionAlgorithm), slices.Equal(path, cryptoMetadata):
		m.encrypted = true
	case slices.Equal(path, adjustedToUTC) && kind == thriftTrue:
		m.zoned = append(m.zoned, -header-1) // until its unit is known
	case slices.Equal(path, nanoseconds) && len(m.zoned) > 0 && m.zoned[len(m.zoned)-1] < 0:
		m.zoned[len(m.zoned)-1] = -m.zoned[len(m.zoned)-1] - 1
	case slices.Equal(path, schemaType), slices.Equal(path, chunkType):
		value := header + 1
		if m.raw[header]>>4 == 0 { // the identifier, of one byte, comes first
			value++
		}
		if value < len(m.raw) && m.raw[value] == typeInt96 {
			m.int96 = append(m.int96, value)
			m.open = len(path) == len(schemaType)
		}
	case slices.Equal(path, schemaElement) && kind == thriftStop && m.open:
		m.lengths = append(m.lengths, header)
		m.open = false
	}
}

// unzoned copies the file with its timestamps in nanoseconds taken out of their zone, UTC, because DuckDB reads those
// to the microsecond only. It answers false when there are none, and then copies nothing.
func (m *footer) unzoned(from, to string) (bool, error) {
	changed := slices.Clone(m.raw)
	any := false
	for _, header := range m.zoned {
		if header >= 0 {
			changed[header] = changed[header]&0xf0 | thriftFalse
			any = true
		}
	}
	if !any {
		return false, nil
	}
	return true, m.rewrite(from, to, changed)
}

// asBytes copies the file with its INT96 as fixed byte arrays, because DuckDB reads INT96 to the microsecond only. It
// answers false when there are none, and then copies nothing.
func (m *footer) asBytes(from, to string) (bool, error) {
	if len(m.lengths) == 0 {
		return false, nil
	}
	changed := slices.Clone(m.raw)
	for _, at := range m.int96 {
		changed[at] = typeFixedBytes
	}
	for _, at := range slices.Backward(m.lengths) {
		changed = slices.Insert(changed, at, typeLength...)
	}
	return true, m.rewrite(from, to, changed)
}

// rewrite copies the file with other metadata.
func (m *footer) rewrite(from, to string, metadata []byte) error {
	source, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("open the uploaded file: %w", err)
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("create a scratch file: %w", err)
	}
	_, err = io.CopyN(target, source, m.at)
	if err == nil {
		tail := binary.LittleEndian.AppendUint32(slices.Clip(metadata), uint32(len(metadata)))
		_, err = target.Write(append(tail, "PAR1"...))
	}
	if err = errors.Join(err, target.Close()); err != nil {
		return fmt.Errorf("copy the uploaded file: %w", err)
	}
	return nil
}

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

// thrift walks through a value in the compact protocol and calls field with the path of each field, its type, and
// where its header is; and with the path of each structure, thriftStop, and where it ends. The elements of a list have
// the path of the list.
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
	case thriftTrue, thriftFalse, thriftByte: // of a list's booleans, too
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
