package icebergtable

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/google/uuid"

	"function/shared/fault"
	"function/shared/objects"
)

// dataFile is a table of a version as a data file: the bytes before the footer are those of the stored table.
type dataFile struct {
	fields []*field
	rows   int64
	start  int64  // of the footer
	footer []byte // with identifiers of fields
}

func (f *dataFile) size() int64 { return f.start + int64(len(f.footer)) }

const (
	magic     = "PAR1"
	maxFooter = 64 << 20
)

// file returns what is to be known about a data file. A column that Iceberg cannot carry is fault.NotAcceptable.
func (t *Tables) file(ctx context.Context, id uuid.UUID, p part) (*dataFile, error) {
	if f, ok := t.files.Get(p.TableName); ok {
		return f, nil
	}
	object, err := t.open(ctx, p)
	if err != nil {
		return nil, err
	}
	defer object.Close()
	f, meta, err := readFile(object)
	if err != nil {
		return nil, fmt.Errorf("read footer of version %d: %w", p.Part, err)
	}
	if err := t.number(ctx, id, f.fields); err != nil {
		return nil, err
	}
	if err := f.writeFooter(meta); err != nil {
		return nil, fmt.Errorf("write footer of version %d: %w", p.Part, err)
	}
	t.files.Add(p.TableName, f)
	return f, nil
}

func readFile(object *objects.Object) (f *dataFile, m *metadata.FileMetaData, err error) {
	defer func() {
		if r := recover(); r != nil { // arrow-go panics on logical types that it does not know
			err = fault.New(fault.NotAcceptable, "A column of this data set has a type that Iceberg does not have: read it with POST /v1/queries, or download it")
		}
	}()
	var end [8]byte // the length of the metadata, and the magic number
	size := object.Size()
	if _, err := object.ReadAt(end[:], size-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	length := int64(binary.LittleEndian.Uint32(end[:]))
	start := size - int64(len(end)) - length
	if string(end[4:]) != magic || start < int64(len(magic)) || length > maxFooter {
		return nil, nil, errors.New("not a Parquet file")
	}
	serialized := make([]byte, length)
	if _, err := object.ReadAt(serialized, start); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if m, err = metadata.NewFileMetaData(serialized, nil); err != nil {
		return nil, nil, err
	}
	f = &dataFile{rows: m.NumRows, start: start}
	f.fields, err = readSchema(m.Schema.Root())
	return f, m, err
}

// writeFooter writes the footer with the identifiers of the fields.
func (f *dataFile) writeFooter(m *metadata.FileMetaData) error {
	elements := m.FileMetaData.Schema
	each(f.fields, func(f *field) { elements[f.element].FieldID = &f.id })
	var footer bytes.Buffer
	if _, err := m.WriteTo(&footer, nil); err != nil {
		return err
	}
	footer.Write(binary.LittleEndian.AppendUint32(nil, uint32(footer.Len())))
	footer.WriteString(magic)
	f.footer = footer.Bytes()
	return nil
}

// content reads a data file: the stored table up to its footer, and then the other footer.
type content struct {
	*dataFile
	object *objects.Object
	offset int64
	sought bool // whether the object is at the offset
}

// Read implements [io.Reader].
func (c *content) Read(p []byte) (n int, err error) {
	if c.offset >= c.start {
		if c.offset >= c.size() {
			return 0, io.EOF
		}
		n = copy(p, c.footer[c.offset-c.start:])
	} else {
		if !c.sought {
			if _, err := c.object.Seek(c.offset, io.SeekStart); err != nil {
				return 0, err
			}
			c.sought = true
		}
		n, err = c.object.Read(p[:min(int64(len(p)), c.start-c.offset)])
		if err == io.EOF && n > 0 {
			err = nil
		}
	}
	c.offset += int64(n)
	return n, err
}

// Seek implements [io.Seeker].
func (c *content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.offset
	case io.SeekEnd:
		offset += c.size()
	}
	if offset < 0 {
		return c.offset, errors.New("seek before the start of the file")
	}
	if offset != c.offset {
		c.offset, c.sought = offset, false
	}
	return offset, nil
}

// Close ends the request in progress, if any.
func (c *content) Close() error { return c.object.Close() }
