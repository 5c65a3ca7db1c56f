package orcfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"function/shared/orc"
	"function/shared/orc/rle"
)

// primitives plans the types without parameters.
var primitives = map[orc.Kind]func(id int) value{
	orc.Boolean: boolean,
	orc.Byte:    tinyint,
	orc.Short:   integer(arrow.PrimitiveTypes.Int16, 16, func(b array.Builder, v int64) { b.(*array.Int16Builder).Append(int16(v)) }),
	orc.Int:     integer(arrow.PrimitiveTypes.Int32, 32, func(b array.Builder, v int64) { b.(*array.Int32Builder).Append(int32(v)) }),
	orc.Long:    integer(arrow.PrimitiveTypes.Int64, 64, func(b array.Builder, v int64) { b.(*array.Int64Builder).Append(v) }),
	orc.Float: float(arrow.PrimitiveTypes.Float32, 4, func(b array.Builder, v []byte) {
		b.(*array.Float32Builder).Append(math.Float32frombits(binary.LittleEndian.Uint32(v)))
	}),
	orc.Double: float(arrow.PrimitiveTypes.Float64, 8, func(b array.Builder, v []byte) {
		b.(*array.Float64Builder).Append(math.Float64frombits(binary.LittleEndian.Uint64(v)))
	}),
	orc.String:           text,
	orc.Varchar:          text,
	orc.Char:             text,
	orc.Binary:           blob,
	orc.Geometry:         blob,
	orc.Geography:        blob,
	orc.Date:             date,
	orc.TimestampInstant: instant,
}

func boolean(id int) value {
	return value{arrow.FixedWidthTypes.Boolean, 1, func(in *source) (reader, error) {
		data := rle.NewBooleans(in.Stream(id, orc.Data))
		return func(b array.Builder) error {
			v, err := data.Next()
			b.(*array.BooleanBuilder).Append(v)
			return err
		}, nil
	}}
}

func tinyint(id int) value {
	return value{arrow.PrimitiveTypes.Int8, 1, func(in *source) (reader, error) {
		data := rle.NewBytes(in.Stream(id, orc.Data))
		return func(b array.Builder) error {
			v, err := data.Next()
			b.(*array.Int8Builder).Append(int8(v))
			return err
		}, nil
	}}
}

func integer(typ arrow.DataType, bits int, add func(array.Builder, int64)) func(id int) value {
	least, most := int64(-1)<<(bits-1), int64(1)<<(bits-1)-1
	return func(id int) value {
		return value{typ, 1, func(in *source) (reader, error) {
			data := in.integers(id, orc.Data, true)
			return func(b array.Builder) error {
				v, err := data.Next()
				if err == nil && (v < least || v > most) {
					return errShort
				}
				add(b, v)
				return err
			}, nil
		}}
	}
}

func float(typ arrow.DataType, size int, add func(array.Builder, []byte)) func(id int) value {
	return func(id int) value {
		return value{typ, 1, func(in *source) (reader, error) {
			data, v := in.Stream(id, orc.Data), make([]byte, size)
			return func(b array.Builder) error {
				_, err := io.ReadFull(data, v)
				add(b, v)
				return err
			}, nil
		}}
	}
}

func text(id int) value {
	return value{arrow.BinaryTypes.String, 1, func(in *source) (reader, error) {
		next, err := in.texts(id)
		return func(b array.Builder) error {
			s, err := next()
			if err != nil {
				return err
			}
			if !utf8.Valid(s) {
				return flaw("a string is not valid UTF-8: write the column as binary, or correct the string")
			}
			b.(*array.StringBuilder).BinaryBuilder.Append(s)
			return nil
		}, err
	}}
}

func blob(id int) value {
	return value{arrow.BinaryTypes.Binary, 1, func(in *source) (reader, error) {
		next, err := in.texts(id)
		return func(b array.Builder) error {
			v, err := next()
			b.(*array.BinaryBuilder).Append(v)
			return err
		}, err
	}}
}

// texts returns a function that reads the next string of a column.
func (s *source) texts(id int) (func() ([]byte, error), error) {
	if s.Encodings[id].Dictionary {
		return s.dictionary(id)
	}
	data, lengths := s.Stream(id, orc.Data), s.integers(id, orc.Length, false)
	return func() ([]byte, error) {
		n, err := lengths.Next()
		if err != nil {
			return nil, err
		}
		return s.take(data, n)
	}, nil
}

// maxDictionaries bounds the dictionaries of a stripe, in bytes.
const maxDictionaries = 128 << 20

// dictionary reads the dictionary of a column.
func (s *source) dictionary(id int) (func() ([]byte, error), error) {
	tooLarge := orc.Error(fmt.Sprintf("The ORC file has dictionaries of more than %d MiB in a stripe: write it with smaller stripes.", maxDictionaries>>20))
	broken := damaged("a dictionary is not valid")
	lengths := s.integers(id, orc.Length, false)
	ends, end := []uint32(nil), int64(0)
	for range s.Encodings[id].DictionarySize {
		n, err := lengths.Next()
		if err != nil || n < 0 {
			return nil, asDamage(err, broken)
		}
		s.dictionaries += 8
		if end += n; end < 0 || end > int64(maxDictionaries-s.dictionaries) {
			return nil, tooLarge
		}
		ends = append(ends, uint32(end))
	}
	s.dictionaries += int(end)
	var content bytes.Buffer
	if _, err := io.CopyN(&content, s.Stream(id, orc.DictionaryData), end); err != nil {
		return nil, asDamage(err, broken)
	}
	all, data := content.Bytes(), s.integers(id, orc.Data, false)
	return func() ([]byte, error) {
		i, err := data.Next()
		if err != nil || i < 0 || i >= int64(len(ends)) {
			return nil, orShort(err)
		}
		from := uint32(0)
		if i > 0 {
			from = ends[i-1]
		}
		v := all[from:ends[i]]
		if len(v) > s.bytes {
			return nil, flaw(fmt.Sprintf("the row is larger than %d MiB", maxRow>>20))
		}
		s.bytes -= len(v)
		return v, nil
	}, nil
}
