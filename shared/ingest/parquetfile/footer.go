// Package parquetfile reads and rewrites the footer of a Parquet file.
package parquetfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// Footer is the metadata at the end of a Parquet file, as far as DuckDB does not report it.
type Footer struct {
	raw       []byte // FileMetaData in Thrift's compact protocol
	at        int64  // its offset in the file
	Encrypted bool   // some columns are encrypted (Parquet Modular Encryption with a plaintext footer)
	zoned     []int  // offsets in raw of the headers of isAdjustedToUTC of nanosecond timestamps
	int96     []int  // offsets in raw of the type INT96 in the schema and the column chunks
	lengths   []int  // offsets in raw of the ends of the schema's elements of type INT96
	open      bool   // while reading: the current element of the schema has the type INT96
}

// maxFooter bounds the metadata of a Parquet file.
const maxFooter = 256 << 20

// ErrNoFooter is returned for a file that does not end in Parquet metadata.
var ErrNoFooter = errors.New("no Parquet metadata")

// ReadFooter reads the metadata of a Parquet file.
func ReadFooter(path string) (*Footer, error) {
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
		return nil, ErrNoFooter
	}
	if _, err := f.ReadAt(tail, info.Size()-8); err != nil {
		return nil, fmt.Errorf("read the uploaded file: %w", err)
	}
	length := int64(binary.LittleEndian.Uint32(tail))
	if !bytes.Equal(tail[4:], []byte("PAR1")) || length > min(maxFooter, info.Size()-12) {
		return nil, ErrNoFooter
	}
	m := &Footer{raw: make([]byte, length), at: info.Size() - 8 - length}
	if _, err := io.ReadFull(io.NewSectionReader(f, m.at, length), m.raw); err != nil {
		return nil, fmt.Errorf("read the uploaded file: %w", err)
	}
	walk := thrift{raw: m.raw, field: m.note}
	if walk.structure(nil); walk.broken {
		return nil, ErrNoFooter
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

// typeLength is the field type_length of a schema's element with the value 12. It spells out its identifier, so that
// it can follow any other field.
var typeLength = []byte{thriftInt32, 2 << 1, 12 << 1}

// note records the fields that the methods of Footer need.
func (m *Footer) note(path []int, kind byte, header int) {
	switch {
	case slices.Equal(path, encryptionAlgorithm), slices.Equal(path, cryptoMetadata):
		m.Encrypted = true
	case slices.Equal(path, adjustedToUTC) && kind == thriftTrue:
		m.zoned = append(m.zoned, -header-1) // negative until its unit is known to be nanoseconds
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

// Unzoned copies the file with its nanosecond timestamps in UTC marked as timestamps without zone, because DuckDB reads
// the former to the microsecond only. If there are none, it copies nothing and returns false.
func (m *Footer) Unzoned(from, to string) (bool, error) {
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

// AsBytes copies the file with its INT96 columns marked as fixed-length byte arrays, because DuckDB reads INT96 to the
// microsecond only. If there are none, it copies nothing and returns false.
func (m *Footer) AsBytes(from, to string) (bool, error) {
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

// rewrite copies the file with different metadata.
func (m *Footer) rewrite(from, to string, metadata []byte) error {
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
