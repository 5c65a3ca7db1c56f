package orcfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow/array"

	"function/shared/orc"
	"function/shared/orc/rle"
)

// errShort is returned when a value is not encoded as its type demands.
var errShort = errors.New("the data does not match the schema")

// flaw is a value that is well encoded and yet cannot be kept.
type flaw string

func (f flaw) Error() string { return string(f) }

// reader appends the next value of a column to a builder of its type.
type reader func(b array.Builder) error

// source is a stripe that is being read.
type source struct {
	*orc.Stripe
	file   *orc.File
	bytes  int // that the current row may still have
	nested int // elements of lists and maps that it may still have, each counted with its fields

	dictionaries int          // bytes of the stripe's dictionaries
	buffer       bytes.Buffer // the last string; reused
}

// integers decodes a stream of integers.
func (s *source) integers(id int, kind orc.StreamKind, signed bool) *rle.Integers {
	return rle.NewIntegers(s.Stream(id, kind), signed, s.Encodings[id].V2)
}

// nullable wraps a reader of the values of a column that are not null.
func (s *source) nullable(id int, read reader) reader {
	if !s.Has(id, orc.Present) {
		return read
	}
	present := rle.NewBooleans(s.Stream(id, orc.Present))
	return func(b array.Builder) error {
		set, err := present.Next()
		if err != nil {
			return err
		}
		if !set {
			b.AppendNull()
			return nil
		}
		return read(b)
	}
}

// take reads n bytes of a row from a stream. The result is valid until the next read.
func (s *source) take(in *orc.Stream, n int64) ([]byte, error) {
	if n < 0 {
		return nil, errShort
	}
	if n > int64(s.bytes) {
		return nil, flaw(fmt.Sprintf("the row is larger than %d MiB", maxRow>>20))
	}
	s.bytes -= int(n)
	if b := in.Buffered(int(n)); b != nil {
		return b, nil
	}
	s.buffer.Reset()
	if _, err := io.CopyN(&s.buffer, in, n); err != nil {
		return nil, err
	}
	return s.buffer.Bytes(), nil
}

// elements counts the elements of a list or map, which have the given number of fields.
func (s *source) elements(n int64, fields int) error {
	if n < 0 {
		return errShort
	}
	if n > int64(s.nested/max(1, fields)) {
		return flaw(fmt.Sprintf("the row has more than %d nested values", maxNested))
	}
	s.nested -= int(n) * max(1, fields)
	return nil
}

// orShort returns err, or errShort if err is nil.
func orShort(err error) error {
	if err != nil {
		return err
	}
	return errShort
}

// asDamage returns broken unless err is one of the file or the disk already.
func asDamage(err, broken error) error {
	if err == nil || errors.Is(err, rle.ErrInvalid) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return broken
	}
	return err
}
