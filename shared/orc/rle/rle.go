// Package rle decodes and encodes the run length encodings of ORC
// (https://orc.apache.org/specification/ORCv1/#run-length-encoding): of bytes, of booleans, and of
// integers in the versions 1 and 2.
package rle

import (
	"errors"
	"io"
)

// Source is the stream that is decoded.
type Source interface {
	io.Reader
	io.ByteReader
}

// ErrInvalid is returned for bytes that are not a valid run.
var ErrInvalid = errors.New("invalid run")

// Bytes decodes bytes.
type Bytes struct {
	in     Source
	left   int // values of the current run
	repeat bool
	value  byte
}

// NewBytes returns a decoder of bytes.
func NewBytes(in Source) *Bytes { return &Bytes{in: in} }

// Next returns the next byte, or io.EOF after the last run.
func (b *Bytes) Next() (byte, error) {
	if b.left == 0 {
		control, err := b.in.ReadByte()
		if err != nil {
			return 0, err
		}
		if b.repeat = control < 0x80; b.repeat {
			if b.value, err = b.in.ReadByte(); err != nil {
				return 0, within(err)
			}
			b.left = int(control) + 3
		} else {
			b.left = 0x100 - int(control)
		}
	}
	b.left--
	if b.repeat {
		return b.value, nil
	}
	v, err := b.in.ReadByte()
	return v, within(err)
}

// within returns the error of a read within a run.
func within(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Booleans decodes booleans.
type Booleans struct {
	bytes *Bytes
	left  int
	bits  byte
}

// NewBooleans returns a decoder of booleans.
func NewBooleans(in Source) *Booleans { return &Booleans{bytes: NewBytes(in)} }

// Next returns the next boolean. The last byte of a stream may hold more than were written.
func (b *Booleans) Next() (bool, error) {
	if b.left == 0 {
		bits, err := b.bytes.Next()
		if err != nil {
			return false, err
		}
		b.bits, b.left = bits, 8
	}
	v := b.bits&0x80 != 0
	b.bits <<= 1
	b.left--
	return v, nil
}
