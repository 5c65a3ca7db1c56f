package engine

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// objectScanner reads the objects of a JSON array, or of JSON lines, one by one as their own text (RFC 8259,
// JSON Lines). DuckDB's reader is not used: it keeps 17 digits of a number and no more.
type objectScanner struct {
	r       *bufio.Reader
	line    int64 // of the next byte
	inArray bool
	started bool
	object  []byte
}

func newObjectScanner(r io.Reader) *objectScanner {
	return &objectScanner{r: bufio.NewReaderSize(r, 1<<20), line: 1}
}

// next gives the text of the next object and the line it begins on; the text is valid until the next call.
// After the last object the error is io.EOF.
func (s *objectScanner) next() ([]byte, int64, error) {
	if !s.started {
		s.started = true
		if head, _ := s.r.Peek(len(byteOrderMark)); bytes.Equal(head, byteOrderMark) {
			_, _ = s.r.Discard(len(byteOrderMark))
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

// element reads what follows "[" or an element of the array.
func (s *objectScanner) element(first bool) ([]byte, int64, error) {
	b, err := s.token()
	if err == nil && b == ']' {
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

// body reads the rest of an object that begins with b and proves it valid.
func (s *objectScanner) body(b byte) ([]byte, int64, error) {
	start := s.line
	if b != '{' {
		return nil, 0, s.fault("has %q where an object is expected", b)
	}
	s.object = append(s.object[:0], b)
	for depth, inString, escaped := 1, false, false; depth > 0; {
		part, err := s.r.ReadSlice('}') // an object can end nowhere else
		if errors.Is(err, io.EOF) {
			return nil, 0, &InvalidError{Line: start, Detail: fmt.Sprintf("The object on line %d does not end.", start)}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, 0, fmt.Errorf("read the uploaded file: %w", err)
		}
		if len(s.object)+len(part) > maxLine {
			return nil, 0, &InvalidError{Line: start, Detail: fmt.Sprintf("The object on line %d is longer than %d MiB.", start, maxLine>>20)}
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
	if flaw := jsonFlaw(s.object); flaw != "" {
		return nil, 0, &InvalidError{Line: start, Detail: fmt.Sprintf("The object on line %d %s.", start, flaw)}
	}
	return s.object, start, nil
}

// token gives the next byte that is not white space.
func (s *objectScanner) token() (byte, error) {
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

func (s *objectScanner) fault(format string, args ...any) error {
	return &InvalidError{Line: s.line, Detail: fmt.Sprintf("Line %d ", s.line) + fmt.Sprintf(format, args...) + "."}
}

// members calls visit with each key and the text of its value, of an object that is known to be valid.
func members(object []byte, visit func(key string, value []byte) error) error {
	for rest := bytes.TrimLeft(object[1:], " \t\r\n"); rest[0] != '}'; {
		end := valueEnd(rest)
		key := unquote(rest[:end])
		rest = bytes.TrimLeft(rest[end:], " \t\r\n:")
		end = valueEnd(rest)
		if err := visit(key, rest[:end]); err != nil {
			return err
		}
		rest = bytes.TrimLeft(rest[end:], " \t\r\n,")
	}
	return nil
}

// valueEnd is the length of the JSON value at the start of valid text.
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

// unquote decodes a JSON string that is known to be valid.
func unquote(text []byte) string {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text[1 : len(text)-1])
	}
	var s string
	_ = json.Unmarshal(text, &s) // valid, so it cannot fail
	return s
}
