package textfile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"function/shared/ingest/invalid"
)

// ObjectScanner reads the objects of a JSON array or of JSON Lines one by one, as text (RFC 8259). DuckDB's own
// reader keeps only 17 digits of a number.
type ObjectScanner struct {
	r       *bufio.Reader
	line    int64 // line of the next byte
	inArray bool
	within  bool // the array is a part of the document
	started bool
	object  []byte
}

// NewObjectScanner returns a scanner that reads from r.
func NewObjectScanner(r io.Reader) *ObjectScanner {
	return &ObjectScanner{r: bufio.NewReaderSize(r, 1<<20), line: 1}
}

// NewArrayScanner returns a scanner that reads the objects of the array with which r begins, in the given line. What
// follows the array is not read.
func NewArrayScanner(r io.Reader, line int64) *ObjectScanner {
	return &ObjectScanner{r: bufio.NewReaderSize(r, 1<<20), line: line, within: true}
}

// Next returns the text of the next object and its first line; the text is valid until the next call. After the last
// object the error is io.EOF.
func (s *ObjectScanner) Next() ([]byte, int64, error) {
	if !s.started {
		s.started = true
		if head, _ := s.r.Peek(len(ByteOrderMark)); bytes.Equal(head, ByteOrderMark) {
			_, _ = s.r.Discard(len(ByteOrderMark))
		}
		b, err := s.token()
		if err != nil {
			return nil, 0, err
		}
		if s.inArray = b == '['; s.inArray {
			return s.element(true)
		}
		return s.body(b)
	}
	if s.inArray {
		return s.element(false)
	}
	b, err := s.token()
	if err != nil {
		return nil, 0, err
	}
	return s.body(b)
}

// element reads the next element of the array, or its end.
func (s *ObjectScanner) element(first bool) ([]byte, int64, error) {
	b, err := s.token()
	if err == nil && b == ']' {
		if s.within {
			return nil, 0, io.EOF
		}
		if b, err = s.token(); err == nil {
			return nil, 0, s.fault("has %q after the end of the array", b)
		}
		return nil, 0, err
	}
	if err == nil && !first {
		if b != ',' {
			return nil, 0, s.fault("has %q where a comma or the end of the array is expected", b)
		}
		b, err = s.token()
	}
	if errors.Is(err, io.EOF) {
		return nil, 0, s.fault("ends the file before the array ends")
	}
	if err != nil {
		return nil, 0, err
	}
	return s.body(b)
}

// body reads and validates the rest of an object that begins with b.
func (s *ObjectScanner) body(b byte) ([]byte, int64, error) {
	start := s.line
	if b != '{' {
		return nil, 0, s.fault("has %q where an object is expected", b)
	}
	s.object = append(s.object[:0], b)
	for depth, inString, escaped := 1, false, false; depth > 0; {
		part, err := s.r.ReadSlice('}') // an object ends with this byte
		if errors.Is(err, io.EOF) {
			return nil, 0, &invalid.Error{Line: start, Detail: fmt.Sprintf("The object on line %d does not end.", start)}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, 0, fmt.Errorf("read the uploaded file: %w", err)
		}
		if len(s.object)+len(part) > maxLine {
			return nil, 0, &invalid.Error{Line: start, Detail: fmt.Sprintf("The object on line %d is longer than %d MiB.", start, maxLine>>20)}
		}
		s.object = append(s.object, part...)
		for _, b := range part {
			switch {
			case escaped:
				escaped = false
			case b == '"':
				inString = !inString
			case inString:
				escaped = b == '\\'
			case b == '{' || b == '[':
				depth++
			case b == '}' || b == ']':
				depth--
			case b == '\n':
				s.line++
			}
		}
	}
	if flaw := JSONFlaw(s.object); flaw != "" {
		return nil, 0, &invalid.Error{Line: start, Detail: fmt.Sprintf("The object on line %d %s.", start, flaw)}
	}
	return s.object, start, nil
}

// token returns the next byte that is not white space.
func (s *ObjectScanner) token() (byte, error) {
	for {
		b, err := s.r.ReadByte()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				err = fmt.Errorf("read the uploaded file: %w", err)
			}
			return 0, err
		}
		switch b {
		case '\n':
			s.line++
		case ' ', '\t', '\r':
		default:
			return b, nil
		}
	}
}

func (s *ObjectScanner) fault(format string, args ...any) error {
	return &invalid.Error{Line: s.line, Detail: fmt.Sprintf("Line %d ", s.line) + fmt.Sprintf(format, args...) + "."}
}

// Members calls visit with each key of a valid object and the text of its value.
func Members(object []byte, visit func(key string, value []byte) error) error {
	for rest := bytes.TrimLeft(object[1:], " \t\r\n"); rest[0] != '}'; {
		end := valueEnd(rest)
		key := Unquote(rest[:end])
		rest = bytes.TrimLeft(rest[end:], " \t\r\n:")
		end = valueEnd(rest)
		if err := visit(key, rest[:end]); err != nil {
			return err
		}
		rest = bytes.TrimLeft(rest[end:], " \t\r\n,")
	}
	return nil
}

// valueEnd returns the length of the JSON value at the start of valid text.
func valueEnd(text []byte) int {
	switch text[0] {
	case '"':
		for i := 1; ; i++ {
			if text[i] == '\\' {
				i++
			} else if text[i] == '"' {
				return i + 1
			}
		}
	case '{', '[':
		for i, depth := 0, 0; ; i++ {
			switch text[i] {
			case '"':
				i += valueEnd(text[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	return bytes.IndexAny(text, " \t\r\n,]}")
}

// Unquote decodes a valid JSON string.
func Unquote(text []byte) string {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text[1 : len(text)-1])
	}
	var s string
	_ = json.Unmarshal(text, &s) // valid, so it cannot fail
	return s
}
