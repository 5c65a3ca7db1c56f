package textfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"function/shared/ingest/invalid"
)

// maxLine is the length of the longest line, record or object, in bytes.
const maxLine = 16 << 20

// ByteOrderMark begins some UTF-8 files.
var ByteOrderMark = []byte("\xef\xbb\xbf")

// EachLine reads a file of UTF-8 text (RFC 3629) line by line, and refuses lines above 16 MiB. It calls visit with each
// line and its newline, valid until the next call, and read with the number of bytes read so far.
func EachLine(ctx context.Context, path string, read func(int64), visit func(line []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the uploaded file: %w", err)
	}
	defer f.Close()
	var (
		total, number int64
		block         = make([]byte, 0, 1<<20)
	)
	for last := false; !last; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(block) == cap(block) { // a line longer than the block
			if len(block) > maxLine {
				return &invalid.Error{Line: number + 1, Detail: fmt.Sprintf("Line %d is longer than %d MiB.", number+1, maxLine>>20)}
			}
			block = append(make([]byte, 0, 2*cap(block)), block...)
		}
		n, err := f.Read(block[len(block):cap(block)])
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the uploaded file: %w", err)
		}
		last = n == 0 && err != nil
		block = block[:len(block)+n]
		whole := block
		if !last {
			whole = block[:bytes.LastIndexByte(block, '\n')+1]
		}
		rest := block[len(whole):]
		if number == 0 {
			whole = bytes.TrimPrefix(whole, ByteOrderMark)
		}
		if bad := faultyByte(whole); bad >= 0 {
			return notText(number+1+int64(bytes.Count(whole[:bad], []byte{'\n'})), whole[bad])
		}
		for len(whole) > 0 {
			end := bytes.IndexByte(whole, '\n') + 1
			if end == 0 {
				end = len(whole)
			}
			number++
			if err := visit(whole[:end]); err != nil {
				return err
			}
			whole = whole[end:]
		}
		total += int64(n)
		block = append(block[:0], rest...)
		read(total)
	}
	return nil
}

// notText is the error of a byte that is not UTF-8 text; it says how to declare another encoding.
func notText(line int64, bad byte) error {
	if bad == 0 {
		return &invalid.Error{Line: line, Detail: fmt.Sprintf("Line %d contains the character U+0000, which cannot be stored.", line)}
	}
	return &invalid.Error{Line: line, Detail: fmt.Sprintf("Line %d is not valid UTF-8 text. If the file is in another encoding, save it as UTF-8,"+
		" or declare the encoding in the file's part of the form, such as Content-Type: text/csv; charset=windows-1252.", line)}
}

// faultyByte returns the offset of the first byte that is not UTF-8 text, or -1.
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
