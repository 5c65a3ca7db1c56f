package textfile

import (
	"bytes"
	"fmt"

	"function/shared/ingest/invalid"
)

// CSVForm says how the fields and records of a CSV file are told apart.
type CSVForm struct {
	Delimiter []byte
	Quote     []byte // empty: fields are not quoted
	Escape    []byte // before a quote, a delimiter or itself, makes it part of the value; empty: none
	Comment   []byte // begins a line that is skipped; empty: none
	Skip      int64  // lines before the first record
}

// CSVScanner finds the records and fields of a CSV file, line by line (RFC 4180). Beyond the RFC, a line may end in
// LF, CRLF or CR, and a quote inside an unquoted field is an ordinary character.
type CSVScanner struct {
	CSVForm
	Record func(line int64, r *CSVRecord) error

	line   int64 // lines seen
	begins int64 // first line of the current record
	Open   int64 // line of the unclosed quote; 0 if all quotes are closed
	CSVRecord
}

// CSVRecord is one record.
type CSVRecord struct {
	Fields int
	text   []byte // holds the values
	fields []csvField
	Size   int    // in bytes, line endings included
	Ending string // line ending of its last line; empty at the end of the file
	Bare   bool   // an unquoted field contains a quote
	Spans  bool   // a field spans lines
}

// csvField is a value's place in a text.
type csvField struct {
	start, end int
	quoted     bool
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
	if s.Open == 0 {
		if s.line <= s.Skip || len(s.Comment) > 0 && bytes.HasPrefix(text, s.Comment) {
			return nil
		}
		s.begins = s.line
		s.CSVRecord = CSVRecord{text: s.text[:0], fields: s.fields[:0]}
	}
	if s.Size += len(text) + len(ending); s.Size > maxLine {
		return &invalid.Error{Line: s.begins, Detail: fmt.Sprintf("Line %d begins a record longer than %d MiB.", s.begins, maxLine>>20)}
	}
	if s.Open == 0 && !contains(text, s.Quote) && !contains(text, s.Escape) {
		s.cut(text)
	} else if err := s.split(text, ending); err != nil || s.Open != 0 {
		return err
	}
	s.Ending = ending
	return s.Record(s.begins, &s.CSVRecord)
}

// cut reads the fields of a line without quotes and escape characters.
func (s *CSVScanner) cut(text []byte) {
	s.text = append(s.text, text...)
	for start := 0; ; {
		length := bytes.Index(text[start:], s.Delimiter)
		if length < 0 {
			s.fields = append(s.fields, csvField{start: start, end: len(text)})
			break
		}
		s.fields = append(s.fields, csvField{start: start, end: start + length})
		start += length + len(s.Delimiter)
	}
	s.Fields = len(s.fields)
}

// contains is bytes.Contains for a sign that may be empty, and then occurs nowhere.
func contains(text, sign []byte) bool { return index(text, sign) >= 0 }

func index(text, sign []byte) int {
	if len(sign) == 0 {
		return -1
	}
	return bytes.Index(text, sign)
}

// split reads the fields of a line. The first may continue a field of the previous line.
func (s *CSVScanner) split(text []byte, ending string) error {
	for {
		if s.Open == 0 && (len(s.Quote) == 0 || !bytes.HasPrefix(text, s.Quote)) {
			rest, more := s.unquoted(text)
			s.field(false)
			if text = rest; !more {
				return nil
			}
			continue
		}
		if s.Open == 0 {
			s.Open, text = s.line, text[len(s.Quote):]
		}
		end := s.next(text, s.Quote)
		if end >= 0 && s.escapes(text[end:]) {
			s.text = append(s.text, text[:end]...)
			text = s.escaped(text[end:])
			continue
		}
		if end < 0 {
			s.text = append(append(s.text, text...), ending...)
			s.Spans = s.Spans || ending != ""
			return nil
		}
		after := text[end+len(s.Quote):]
		if bytes.HasPrefix(after, s.Quote) {
			s.text = append(s.text, text[:end+len(s.Quote)]...)
			text = after[len(s.Quote):]
			continue
		}
		s.text = append(s.text, text[:end]...)
		text, s.Open = after, 0
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

// unquoted reads a field that does not begin with a quote, and reports whether another field follows.
func (s *CSVScanner) unquoted(text []byte) (rest []byte, more bool) {
	for {
		end := s.next(text, s.Delimiter)
		if end >= 0 && s.escapes(text[end:]) {
			s.text = append(s.text, text[:end]...)
			text = s.escaped(text[end:])
			continue
		}
		value := text
		if more = end >= 0; more {
			value, rest = text[:end], text[end+len(s.Delimiter):]
		}
		s.Bare = s.Bare || contains(value, s.Quote)
		s.text = append(s.text, value...)
		return rest, more
	}
}

// next returns the offset of the first sign or escape character, or -1.
func (s *CSVScanner) next(text, sign []byte) int {
	if len(s.Escape) == 0 {
		return index(text, sign)
	}
	for i := range text { // one pass, because the other of the two may be far away
		if s.escapes(text[i:]) || len(sign) > 0 && text[i] == sign[0] && bytes.HasPrefix(text[i:], sign) {
			return i
		}
	}
	return -1
}

func (s *CSVScanner) escapes(text []byte) bool {
	return len(s.Escape) > 0 && text[0] == s.Escape[0] && bytes.HasPrefix(text, s.Escape)
}

// escaped reads an escape character at the start of text, with the sign that follows it.
func (s *CSVScanner) escaped(text []byte) (rest []byte) {
	rest = text[len(s.Escape):]
	for _, sign := range [][]byte{s.Escape, s.Quote, s.Delimiter} {
		if len(sign) > 0 && bytes.HasPrefix(rest, sign) {
			s.text = append(s.text, sign...)
			return rest[len(sign):]
		}
	}
	s.text = append(s.text, s.Escape...) // before any other character, it is part of the value
	return rest
}

func (s *CSVScanner) field(quoted bool) {
	start := 0
	if s.Fields > 0 {
		start = s.fields[s.Fields-1].end
	}
	s.Fields++
	s.fields = append(s.fields, csvField{start, len(s.text), quoted})
}

// Blank reports whether the record is an empty line.
func (r *CSVRecord) Blank() bool { return r.Size == len(r.Ending) }

// Each calls visit with every value.
func (r *CSVRecord) Each(visit func(i int, value []byte, quoted bool)) {
	for i, f := range r.fields {
		visit(i, r.text[f.start:f.end], f.quoted)
	}
}
