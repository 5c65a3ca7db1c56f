//go:build cgo

package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"
)

// maxLine is the longest line of a text file, in bytes.
const maxLine = 16 << 20

var byteOrderMark = []byte("\xef\xbb\xbf")

// survey is what one pass over a text file finds. What it says of quotes and records is about CSV.
type survey struct {
	line          int64 // lines seen
	longest       int   // bytes of the longest line
	quotedNewline bool  // some quoted field spans lines
	unclosed      int64 // line of the quote that is never closed; 0: none
	records       int64 // records that are not blank
	crlf, lf      int64 // line on which a record first ends in CRLF and in LF; 0: none
}

// inspect reads the whole file once: it must be UTF-8 text (RFC 3629) of bounded lines with something in it.
// read is called with the number of bytes seen so far.
func inspect(ctx context.Context, path string, read func(int64)) (*survey, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the uploaded file: %w", err)
	}
	defer f.Close()
	var (
		found survey
		total int64
		block = make([]byte, 0, 1<<20)
	)
	for last := false; !last; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(block) == cap(block) { // a line longer than the block
			if len(block) > maxLine {
				return nil, &InvalidError{Line: found.line + 1, Detail: fmt.Sprintf("Line %d is longer than %d MiB.", found.line+1, maxLine>>20)}
			}
			block = append(make([]byte, 0, 2*cap(block)), block...)
		}
		n, err := f.Read(block[len(block):cap(block)])
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read the uploaded file: %w", err)
		}
		last = n == 0 && err != nil
		block = block[:len(block)+n]
		if total == 0 {
			if bytes.HasPrefix(block, []byte("\xff\xfe")) || bytes.HasPrefix(block, []byte("\xfe\xff")) {
				return nil, &InvalidError{Line: 1, Detail: "The file is UTF-16 text; save it as UTF-8."}
			}
			block = bytes.TrimPrefix(block, byteOrderMark)
		}
		total += int64(n)
		whole := block
		if !last {
			whole = block[:bytes.LastIndexByte(block, '\n')+1]
		}
		if err := found.add(whole); err != nil {
			return nil, err
		}
		block = append(block[:0], block[len(whole):]...)
		read(total)
	}
	if found.records == 0 && found.unclosed == 0 && !found.quotedNewline {
		return nil, &InvalidError{Detail: "The file is empty."}
	}
	return &found, nil
}

// add looks at whole lines.
func (found *survey) add(lines []byte) error {
	if bad := faultyByte(lines); bad >= 0 {
		line := found.line + 1 + int64(bytes.Count(lines[:bad], []byte{'\n'}))
		return &InvalidError{Line: line, Detail: fmt.Sprintf("Line %d is not valid UTF-8 text.", line)}
	}
	for len(lines) > 0 {
		end := bytes.IndexByte(lines, '\n') + 1
		if end == 0 {
			end = len(lines)
		}
		line := lines[:end]
		lines = lines[end:]
		found.line++
		found.longest = max(found.longest, end)
		if bytes.Count(line, []byte{'"'})%2 == 1 {
			if found.unclosed == 0 {
				found.unclosed = found.line
			} else {
				found.unclosed = 0
			}
		}
		if found.unclosed != 0 {
			found.quotedNewline = true
			continue
		}
		found.record(line)
	}
	return nil
}

// record looks at a line that ends a record.
func (found *survey) record(line []byte) {
	text := bytes.TrimSuffix(line, []byte{'\n'})
	switch {
	case len(text) == len(line):
	case bytes.HasSuffix(text, []byte{'\r'}):
		text = text[:len(text)-1]
		if found.crlf == 0 {
			found.crlf = found.line
		}
	case found.lf == 0:
		found.lf = found.line
	}
	if len(text) > 0 {
		found.records++
	}
}

// faultyByte is the offset of the first byte that is not UTF-8 text, or -1.
func faultyByte(b []byte) int {
	nul := bytes.IndexByte(b, 0)
	if nul < 0 && utf8.Valid(b) {
		return -1
	}
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == 0 || r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}
