package textfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-json-experiment/json/jsontext"

	"function/shared/fault"
	"function/shared/ingest/invalid"
)

// Place is where a value begins in a file.
type Place struct {
	Offset int64
	Line   int64
}

// FindArray finds the array at a JSON Pointer (RFC 6901) in a file, and checks that the whole file is one document.
func FindArray(path, pointer string) (Place, error) {
	f, err := os.Open(path)
	if err != nil {
		return Place{}, fmt.Errorf("open the uploaded file: %w", err)
	}
	defer f.Close()
	mark := int64(0)
	in := bufio.NewReaderSize(f, 1<<20)
	if head, _ := in.Peek(len(ByteOrderMark)); bytes.Equal(head, ByteOrderMark) {
		discarded, _ := in.Discard(len(ByteOrderMark))
		mark = int64(discarded)
	}
	decoder := jsontext.NewDecoder(in)
	offset, err := seekArray(decoder, jsontext.Pointer(pointer))
	if err == nil {
		err = drain(decoder)
	}
	var syntactic *jsontext.SyntacticError
	var known *invalid.Error
	switch {
	case errors.As(err, &known):
		return Place{}, known
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		return Place{}, &invalid.Error{Detail: fmt.Sprintf("The document contains the key %s twice in an object.", fault.Excerpt(syntactic.JSONPointer.LastToken()))}
	case errors.As(err, &syntactic), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Place{}, &invalid.Error{Detail: "The file is not one valid JSON document: the option records is for a file that is one."}
	case err != nil:
		return Place{}, fmt.Errorf("read the uploaded file: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Place{}, fmt.Errorf("read the uploaded file: %w", err)
	}
	lines := lineCounter(1)
	if _, err := io.CopyN(&lines, f, mark+offset); err != nil {
		return Place{}, fmt.Errorf("read the uploaded file: %w", err)
	}
	return Place{Offset: mark + offset, Line: int64(lines)}, nil
}

type lineCounter int64

func (c *lineCounter) Write(p []byte) (int, error) {
	*c += lineCounter(bytes.Count(p, []byte{'\n'}))
	return len(p), nil
}

// seekArray reads up to the end of the array at a pointer, and returns the offset of its start.
func seekArray(d *jsontext.Decoder, pointer jsontext.Pointer) (int64, error) {
	absent := &invalid.Error{Detail: fmt.Sprintf("The document has nothing at %s, where the option records says that the records are.", fault.Excerpt(string(pointer)))}
	for token := range pointer.Tokens() {
		if kind := d.PeekKind(); kind != '{' && kind != '[' {
			if err := d.SkipValue(); err != nil {
				return 0, err
			}
			return 0, absent
		}
		if _, err := d.ReadToken(); err != nil {
			return 0, err
		}
		if err := enter(d, token, absent); err != nil {
			return 0, err
		}
	}
	if d.PeekKind() != '[' {
		if err := d.SkipValue(); err != nil {
			return 0, err
		}
		return 0, &invalid.Error{Detail: fmt.Sprintf("The value at %s is not an array of objects.", fault.Excerpt(string(pointer)))}
	}
	if _, err := d.ReadToken(); err != nil {
		return 0, err
	}
	start := d.InputOffset() - 1
	for d.PeekKind() != ']' {
		if err := d.SkipValue(); err != nil {
			return 0, err
		}
	}
	_, err := d.ReadToken()
	return start, err
}

// enter reads up to the member or element that a token of a pointer names.
func enter(d *jsontext.Decoder, token string, absent error) error {
	kind, _ := d.StackIndex(d.StackDepth())
	for n := 0; ; n++ {
		switch d.PeekKind() {
		case '}', ']':
			return absent
		}
		name := fmt.Sprint(n)
		if kind == '{' {
			read, err := d.ReadToken()
			if err != nil {
				return err
			}
			name = read.String()
		}
		if name == token {
			return nil
		}
		if err := d.SkipValue(); err != nil {
			return err
		}
	}
}

// drain reads the rest of the document, and nothing may follow it.
func drain(d *jsontext.Decoder) error {
	for d.StackDepth() > 0 {
		if kind := d.PeekKind(); kind == '}' || kind == ']' {
			if _, err := d.ReadToken(); err != nil {
				return err
			}
		} else if err := d.SkipValue(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		err = &invalid.Error{Detail: "The file has more than one JSON document: the option records is for a file that is one."}
	}
	return err
}
