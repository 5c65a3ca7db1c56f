package textfile

import (
	"bytes"
	"fmt"

	"function/shared/ingest/invalid"
)

// CSVScanner finds the records and fields of a CSV file, line by line (RFC 4180). Beyond the RFC, a line may end in
// LF, CRLF or CR, and a quote inside an unquoted field is an ordinary character.
type CSVScanner struct {
	Delimiter []byte
	Record    func(line int64, r *CSVRecord) error
	Values    bool // keep the values of each record, not only the number of its fields

	line   int64 // lines seen
	begins int64 // first line of the current record
	Quote  int64 // line of the unclosed quote; 0 if there is none
	CSVRecord
}

// CSVRecord is one record.
type CSVRecord struct {
	Fields int
	text   []byte // the values, concatenated
	ends   []csvField
	Size   int    // in bytes, line endings included
	Ending string // line ending of its last line; empty at the end of the file
	Bare   bool   // an unquoted field contains a quote
	Spans  bool   // a field spans lines
}

type csvField struct {
	end    int // offset of the end of the value in text
	quoted bool
}

// Add reads the next line of the file, which may contain several lines that end in CR.
func (s *CSVScanner) Add(line []byte) error {
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

func (s *CSVScanner) one(text []byte, ending string) error {
	if s.Quote == 0 {
		s.begins = s.line
		s.CSVRecord = CSVRecord{text: s.text[:0], ends: s.ends[:0]}
	}
	if s.Size += len(text) + len(ending); s.Size > maxLine {
		return &invalid.Error{Line: s.begins, Detail: fmt.Sprintf("Line %d begins a record longer than %d MiB.", s.begins, maxLine>>20)}
	}
	if s.Quote == 0 && !s.Values && bytes.IndexByte(text, '"') < 0 {
		s.Fields = bytes.Count(text, s.Delimiter) + 1
	} else if err := s.split(text, ending); err != nil || s.Quote != 0 {
		return err
	}
	s.Ending = ending
	return s.Record(s.begins, &s.CSVRecord)
}

// split reads the fields of a line. The first may continue a field of the previous line.
func (s *CSVScanner) split(text []byte, ending string) error {
	for {
		if s.Quote == 0 && !bytes.HasPrefix(text, []byte{'"'}) {
			value, rest, more := bytes.Cut(text, s.Delimiter)
			s.Bare = s.Bare || bytes.IndexByte(value, '"') >= 0
			s.text = append(s.text, value...)
			s.field(false)
			if text = rest; !more {
				return nil
			}
			continue
		}
		if s.Quote == 0 {
			s.Quote, text = s.line, text[1:]
		}
		end := bytes.IndexByte(text, '"')
		switch {
		case end < 0:
			s.text = append(append(s.text, text...), ending...)
			s.Spans = s.Spans || ending != ""
			return nil
		case bytes.HasPrefix(text[end+1:], []byte{'"'}):
			s.text = append(s.text, text[:end+1]...)
			text = text[end+2:]
			continue
		}
		s.text = append(s.text, text[:end]...)
		text, s.Quote = text[end+1:], 0
		s.field(true)
		if len(text) == 0 {
			return nil
		}
		rest, ok := bytes.CutPrefix(text, s.Delimiter)
		if !ok {
			return &invalid.Error{Line: s.line, Detail: fmt.Sprintf("Line %d has a misplaced quote.", s.line)}
		}
		text = rest
	}
}

func (s *CSVScanner) field(quoted bool) {
	s.Fields++
	s.ends = append(s.ends, csvField{len(s.text), quoted})
}

// Blank reports whether the record is an empty line.
func (r *CSVRecord) Blank() bool { return r.Size == len(r.Ending) }

// Each calls visit with every value.
func (r *CSVRecord) Each(visit func(i int, value []byte, quoted bool)) {
	start := 0
	for i, f := range r.ends {
		visit(i, r.text[start:f.end], f.quoted)
		start = f.end
	}
}
