package export

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"function/shared/engine"
)

// flushAt is how much text is collected before it is written.
const flushAt = 256 << 10

// text collects text.
type text struct {
	w      io.Writer
	fields []field
	buffer []byte
}

func (t *text) flush(least int) error {
	if len(t.buffer) < least {
		return nil
	}
	_, err := t.w.Write(t.buffer)
	t.buffer = t.buffer[:0]
	return err
}

// jsonSink writes an object for each row.
type jsonSink struct {
	text
	keys   [][]byte
	array  bool
	number int64
}

func newJSON(w io.Writer, fields []field, array bool) (*jsonSink, error) {
	s := &jsonSink{text: text{w: w, fields: fields}, array: array}
	for i, f := range fields {
		key := []byte{'{'}
		if i > 0 {
			key[0] = ','
		}
		key, err := appendQuoted(key, f.name)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, append(key, ':'))
	}
	return s, nil
}

func (s *jsonSink) Write(batch arrow.RecordBatch) (err error) {
	for row := range int(batch.NumRows()) {
		switch {
		case s.array && s.number == 0:
			s.buffer = append(s.buffer, "[\n"...)
		case s.array:
			s.buffer = append(s.buffer, ",\n"...)
		}
		s.number++
		for i, f := range s.fields {
			s.buffer = append(s.buffer, s.keys[i]...)
			if s.buffer, err = appendJSON(s.buffer, batch.Column(i), row, f.sqlType); err != nil {
				return err
			}
		}
		s.buffer = append(s.buffer, '}')
		if !s.array {
			s.buffer = append(s.buffer, '\n')
		}
		if err := s.flush(flushAt); err != nil {
			return err
		}
	}
	return nil
}

func (s *jsonSink) Close() error {
	switch {
	case s.array && s.number == 0:
		s.buffer = append(s.buffer, "[]\n"...)
	case s.array:
		s.buffer = append(s.buffer, "\n]\n"...)
	}
	return s.flush(1)
}

// csvSink writes a record for each row (RFC 4180). Texts are quoted, NULL is an unquoted empty field, and other values
// are as in JSON, without quotes.
type csvSink struct {
	text
	value []byte
}

func newCSV(w io.Writer, fields []field) (*csvSink, error) {
	s := &csvSink{text: text{w: w, fields: fields}}
	for i, f := range fields {
		if i > 0 {
			s.buffer = append(s.buffer, ',')
		}
		s.quote(f.name)
	}
	s.buffer = append(s.buffer, "\r\n"...)
	return s, nil
}

func (s *csvSink) quote(value string) {
	s.buffer = append(append(append(s.buffer, '"'), strings.ReplaceAll(value, `"`, `""`)...), '"')
}

func (s *csvSink) Write(batch arrow.RecordBatch) error {
	for row := range int(batch.NumRows()) {
		for i, f := range s.fields {
			if i > 0 {
				s.buffer = append(s.buffer, ',')
			}
			if err := s.field(batch.Column(i), row, f.sqlType); err != nil {
				return fmt.Errorf("column %d: %w", i+1, err)
			}
		}
		s.buffer = append(s.buffer, "\r\n"...)
		if err := s.flush(flushAt); err != nil {
			return err
		}
	}
	return nil
}

func (s *csvSink) field(a arrow.Array, row int, t engine.Type) (err error) {
	switch a := a.(type) {
	case *array.String:
		if !a.IsNull(row) {
			s.quote(a.Value(row))
		}
		return nil
	case *array.Binary:
		if !a.IsNull(row) && t.Name != "BLOB" {
			s.quote(string(a.Value(row)))
			return nil
		}
	}
	if a.IsNull(row) {
		return nil
	}
	if s.value, err = appendJSON(s.value[:0], a, row, t); err != nil {
		return err
	}
	switch {
	case len(t.Parts) > 0 || t.Name == "BLOB" && len(s.value) == 2:
		s.quote(strings.Trim(string(s.value), `"`))
	default:
		s.buffer = append(s.buffer, bytes.Trim(s.value, `"`)...)
	}
	return nil
}

func (s *csvSink) Close() error { return s.flush(1) }
