package arrowfile

import (
	"encoding/binary"
	"math"

	flatbuffers "github.com/google/flatbuffers/go"
	"github.com/klauspost/compress/zstd"

	"function/shared/ingest/invalid"
)

var errDamaged = &invalid.Error{Detail: "The Arrow file is truncated or damaged."}

// Slots of the tables in Message.fbs, Schema.fbs and their kinds.
const (
	messageKind, messageHeader, messageBody, messageNotes     = 6, 8, 10, 12
	schemaFields, schemaNotes, schemaFeatures                 = 6, 8, 10
	fieldKind, fieldChildren, fieldNotes                      = 8, 14, 16
	batchNodes, batchBuffers, batchCompression, batchVariadic = 6, 8, 10, 12
	dictionaryID, dictionaryBatch                             = 4, 6
	fieldDictionary                                           = 12
	codec                                                     = 4

	kindSchema, kindDictionary, kindBatch = 1, 2, 3
	typeUnion, typeBytesView, typeView    = 14, 23, 24
	codecZstd                             = 1
)

const maxVisited = 10_000 // fields of a schema

// metadata is the checked metadata of a message.
type metadata struct {
	flatbuffers.Table
	body    int64
	batch   *flatbuffers.Table // of a record or dictionary batch
	visited int
	shape   *shape
}

// shape is what the schema says about the batches.
type shape struct {
	views        int           // columns and nested fields with views, outside of dictionaries
	dictionaries map[int64]int // the same within each dictionary
}

// check bounds the vectors of a message by its size, since arrow-go allocates what they claim. It panics, like arrow-go,
// when an offset is outside.
func check(b []byte, s *shape) (*metadata, error) {
	m := &metadata{shape: s, Table: flatbuffers.Table{Bytes: b, Pos: flatbuffers.GetUOffsetT(b)}}
	m.body = m.GetInt64Slot(messageBody, 0)
	header, views := m.table(m.Table, messageHeader), s.views
	if header == nil || !m.bounded(m.Table, messageNotes, 4) {
		return nil, errDamaged
	}
	switch m.GetByteSlot(messageKind, 0) {
	case kindSchema:
		if !m.bounded(*header, schemaNotes, 4) || !m.bounded(*header, schemaFeatures, 8) {
			return nil, errDamaged
		}
		s.views, s.dictionaries = 0, map[int64]int{}
		return m, m.fields(*header, schemaFields, 0, &s.views)
	case kindDictionary:
		views = s.dictionaries[header.GetInt64Slot(dictionaryID, 0)]
		header = m.table(*header, dictionaryBatch)
	case kindBatch:
	default:
		return nil, errDamaged
	}
	if header == nil || !m.bounded(*header, batchNodes, 16) || !m.bounded(*header, batchBuffers, 16) || !m.views(*header, views) {
		return nil, errDamaged
	}
	m.batch = header
	return m, nil
}

// table returns the table in a slot, or nil.
func (m *metadata) table(t flatbuffers.Table, slot flatbuffers.VOffsetT) *flatbuffers.Table {
	o := t.Offset(slot)
	if o == 0 {
		return nil
	}
	return &flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(t.Pos + flatbuffers.UOffsetT(o))}
}

// bounded reports whether the elements of the vector in a slot are within the message.
func (m *metadata) bounded(t flatbuffers.Table, slot flatbuffers.VOffsetT, width int) bool {
	o := t.Offset(slot)
	if o == 0 {
		return true
	}
	from, n := int64(t.Vector(flatbuffers.UOffsetT(o))), int64(t.VectorLen(flatbuffers.UOffsetT(o)))
	return n >= 0 && n <= math.MaxInt32 && from+n*int64(width) <= int64(len(t.Bytes))
}

// views reports whether a batch tells the number of buffers of at least so many columns of views, within its bounds.
func (m *metadata) views(batch flatbuffers.Table, least int) bool {
	o := batch.Offset(batchVariadic)
	switch {
	case !m.bounded(batch, batchVariadic, 8):
		return false
	case o == 0:
		return least == 0
	case batch.VectorLen(flatbuffers.UOffsetT(o)) < least:
		return false
	}
	from := batch.Vector(flatbuffers.UOffsetT(o))
	for i := range batch.VectorLen(flatbuffers.UOffsetT(o)) {
		if n := batch.GetInt64(from + flatbuffers.UOffsetT(8*i)); n < 0 || n > int64(len(batch.Bytes)/16) {
			return false
		}
	}
	return true
}

// fields checks fields and their children. Offsets may share children, even in a circle.
func (m *metadata) fields(t flatbuffers.Table, slot flatbuffers.VOffsetT, depth int, views *int) error {
	if !m.bounded(t, slot, 4) || depth > maxDepth {
		return errDamaged
	}
	o := t.Offset(slot)
	if o == 0 {
		return nil
	}
	from := t.Vector(flatbuffers.UOffsetT(o))
	for i := range t.VectorLen(flatbuffers.UOffsetT(o)) {
		if m.visited++; m.visited > maxVisited {
			return tooWide()
		}
		field := flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(from + flatbuffers.UOffsetT(4*i))}
		if !m.bounded(field, fieldNotes, 4) {
			return errDamaged
		}
		count, within := views, 0
		dictionary := m.table(field, fieldDictionary)
		if dictionary != nil {
			count = &within
		}
		switch field.GetByteSlot(fieldKind, 0) {
		case typeBytesView, typeView:
			*count++
		case typeUnion:
			return &invalid.Error{Detail: "The Arrow file has a column of the type union, which is not supported: write it as struct or text."}
		}
		if err := m.fields(field, fieldChildren, depth+1, count); err != nil {
			return err
		}
		if dictionary != nil {
			id := dictionary.GetInt64Slot(dictionaryID, 0)
			m.shape.dictionaries[id] = max(m.shape.dictionaries[id], within)
		}
	}
	return nil
}

// buffers checks that the buffers of a batch are within its body, and how much memory their decompression takes.
func (m *metadata) buffers(body []byte) error {
	if m.batch == nil {
		return nil
	}
	o := m.batch.Offset(batchBuffers)
	if o == 0 {
		return nil
	}
	compression := m.table(*m.batch, batchCompression)
	from := m.batch.Vector(flatbuffers.UOffsetT(o))
	for i := range m.batch.VectorLen(flatbuffers.UOffsetT(o)) {
		buffer := m.batch.Bytes[from+flatbuffers.UOffsetT(16*i):]
		offset, length := int64(binary.LittleEndian.Uint64(buffer)), int64(binary.LittleEndian.Uint64(buffer[8:]))
		if offset < 0 || length < 0 || offset > int64(len(body)) || length > int64(len(body))-offset {
			return errDamaged
		}
		if compression == nil || compression.GetByteSlot(codec, 0) != codecZstd || length <= 8 {
			continue
		}
		content := body[offset : offset+length]
		if int64(binary.LittleEndian.Uint64(content)) == -1 { // not compressed
			continue
		}
		var frame zstd.Header
		if err := frame.Decode(content[8:]); err != nil {
			return errDamaged
		}
		if frame.WindowSize > maxBody {
			return tooLargeBatch()
		}
	}
	return nil
}
