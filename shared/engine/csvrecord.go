package engine

import (
	"bytes"
	"fmt"
)

// csvScanner finds the records and fields of a CSV file, line by line (RFC 4180). Beyond the RFC a line may end in LF,
// CRLF or CR, and a quote inside a field that does not begin with one is a character like any other.
type csvScanner struct {
	delimiter []byte
	record    func(line int64, r *csvRecord) error
	values    bool // records have their values, not only their number of fields

	line   int64 // lines seen
	begins int64 // the line that the current record begins on
	quote  int64 // the line of the quote that is open; 0: none
	csvRecord
}

// csvRecord is one record.
type csvRecord struct {
	fields int
	text   []byte // the values, one after the other
	ends   []csvField
	size   int    // bytes, without the line's end
	ending string // of its last line; empty at the end of the file
	bare   bool   // some field has a quote that does not begin it
	spans  bool   // some field spans lines
}

type csvField struct {
	end    int // of the value in text
	quoted bool
}

// add takes the next line of the file, which may hold several that end in CR.
func (s *csvScanner) add(line []byte) error {
	for len(line) > 0 {
		text, ending := line, ""
		end := bytes.IndexByte(line, '\r')
		switch {
		case end >= 0 && end == len(line)-2 && line[end+1] == '\n':
			text, ending = line[:end], "\r\n"
		case end >= 0:
			text, ending = line[:end], "\r"
		case line[len(line)-1] == '\n':
			text, ending = line[:len(line)-1], "\n"
		}
		line = line[len(text)+len(ending):]
		s.line++
		if err := s.one(text, ending); err != nil {
			return err
		}
	}
	return nil
}

func (s *csvScanner) one(text []byte, ending string) error {
	if s.quote == 0 {
		s.begins = s.line
		s.csvRecord = csvRecord{text: s.text[:0], ends: s.ends[:0]}
	}
	if s.size += len(text) + len(ending); s.size > maxLine {
		return &InvalidError{Line: s.begins, Detail: fmt.Sprintf("Line %d begins a record longer than %d MiB.", s.begins, maxLine>>20)}
	}
	if s.quote == 0 && !s.values && bytes.IndexByte(text, '"') < 0 {
		s.fields = bytes.Count(text, s.delimiter) + 1
	} else if err := s.split(text, ending); err != nil || s.quote != 0 {
		return err
	}
	s.ending = ending
	return s.record(s.begins, &s.csvRecord)
}

// split takes the fields of a line, of which the first may continue from the line before.
func (s *csvScanner) split(text []byte, ending string) error {
	for {
		if s.quote == 0 && !bytes.HasPrefix(text, []byte{'"'}) {
			value, rest, more := bytes.Cut(text, s.delimiter)
			s.bare = s.bare || bytes.IndexByte(value, '"') >= 0
			s.text = append(s.text, value...)
			s.field(false)
			if text = rest; !more {
				return nil
			}
			continue
		}
		if s.quote == 0 {
			s.quote, text = s.line, text[1:]
		}
		end := bytes.IndexByte(text, '"')
		switch {
		case end < 0:
			s.text = append(append(s.text, text...), ending...)
			s.spans = s.spans || ending != ""
			return nil
		case bytes.HasPrefix(text[end+1:], []byte{'"'}):
			s.text = append(s.text, text[:end+1]...)
			text = text[end+2:]
			continue
		}
		s.text = append(s.text, text[:end]...)
		text, s.quote = text[end+1:], 0
		s.field(true)
		if len(text) == 0 {
			return nil
		}
		rest, ok := bytes.CutPrefix(text, s.delimiter)
		if !ok {
			return &InvalidError{Line: s.line, Detail: fmt.Sprintf("Line %d has a misplaced quote.", s.line)}
		}
		text = rest
	}
}

func (s *csvScanner) field(quoted bool) {
	s.fields++
	s.ends = append(s.ends, csvField{len(s.text), quoted})
}

// blank tells whether a record is an empty line.
func (r *csvRecord) blank() bool { return r.size == len(r.ending) }

// each calls visit with every value.
func (r *csvRecord) each(visit func(i int, value []byte, quoted bool)) {
	start := 0
	for i, f := range r.ends {
		visit(i, r.text[start:f.end], f.quoted)
		start = f.end
	}
}
