// Package orc reads the container of Apache ORC files (https://orc.apache.org/specification/ORCv1/):
// the tail of the file, its types, and the decompressed streams of its stripes. Package rle decodes
// the run lengths in the streams.
//
// No size that a file claims is allocated before the bytes behind it have been read: chunks are
// bounded by the compression block size, which is at most 8 MiB, footers by 32 MiB, and the buffers
// of all streams of a stripe together by 192 MiB.
package orc

import (
	"errors"
	"fmt"
	"io"
)

// Magic begins an ORC file, and ends its postscript.
const Magic = "ORC"

// Kind is the kind of a type.
type Kind int

// The kinds, with the numbers of the specification.
const (
	Boolean Kind = iota
	Byte
	Short
	Int
	Long
	Float
	Double
	String
	Binary
	Timestamp
	List
	Map
	Struct
	Union
	Decimal
	Date
	Varchar
	Char
	TimestampInstant
	Geometry
	Geography
)

// Type is a node of the tree of types. The first of a file is the root.
type Type struct {
	Kind       Kind
	Children   []int // indexes of the types within this one
	FieldNames []string
	Precision  int
	Scale      int
}

// StreamKind is what a stream of a column holds.
type StreamKind int

// The kinds of streams that hold values, with the numbers of the specification.
const (
	Present        StreamKind = 0
	Data           StreamKind = 1
	Length         StreamKind = 2
	DictionaryData StreamKind = 3
	Secondary      StreamKind = 5
)

// Encoding is how a column of a stripe is encoded.
type Encoding struct {
	Dictionary     bool
	V2             bool // integers have version 2 of the run length encoding
	DictionarySize int64
}

// Writers that Footer.Writer names.
const (
	WriterJava = 0
	WriterCPP  = 1
)

// Calendars that Footer.Calendar names.
const (
	CalendarUnknown   = 0
	CalendarHybrid    = 1 // Julian before 1582-10-15, Gregorian since
	CalendarProleptic = 2
)

// Error says in a sentence why a file cannot be read.
type Error string

func (e Error) Error() string { return string(e) }

func damaged(format string, args ...any) error {
	return Error("The ORC file is truncated or damaged: " + fmt.Sprintf(format, args...) + ".")
}

// ended returns what a failed read says about the file, or the error of the disk.
func ended(err error, where string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it ends within %s", where)
	}
	return fmt.Errorf("read the file: %w", err)
}
