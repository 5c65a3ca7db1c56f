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

// survey is what one pass over a text file finds.
type survey struct {
	longest       int  // bytes of the longest line
	quotedNewline bool // some quoted field spans lines
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
		found  survey
		block  = make([]byte, 0, 1<<20)
		line   = int64(1)
		total  int64
		quoted bool
		blank  = true
	)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(block) == cap(block) { // a line longer than the block
			if len(block) > maxLine {
				return nil, &InvalidError{Line: line, Detail: fmt.Sprintf("Line %d is longer than %d MiB.", line, maxLine>>20)}
			}
			block = append(make([]byte, 0, 2*cap(block)), block...)
		}
		n, err := f.Read(block[len(block):cap(block)])
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read the uploaded file: %w", err)
		}
		last := n == 0 && err != nil
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
		if bad := faultyByte(whole); bad >= 0 {
			at := line + int64(bytes.Count(whole[:bad], []byte{'\n'}))
			return nil, &InvalidError{Line: at, Detail: fmt.Sprintf("Line %d is not valid UTF-8 text.", at)}
		}
		for rest := whole; len(rest) > 0; {
			end := bytes.IndexByte(rest, '\n') + 1
			if end == 0 {
				end = len(rest)
			}
			found.longest = max(found.longest, end)
			quoted = quoted != (bytes.Count(rest[:end], []byte{'"'})%2 == 1)
			found.quotedNewline = found.quotedNewline || quoted
			blank = blank && len(bytes.TrimSpace(rest[:end])) == 0
			rest = rest[end:]
			line++
		}
		block = append(block[:0], block[len(whole):]...)
		read(total)
		if last {
			break
		}
	}
	if blank {
		return nil, &InvalidError{Detail: "The file is empty."}
	}
	return &found, nil
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
