// Package textfile reads CSV and JSON text in bounded memory, with the line of whatever is wrong.
package textfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"function/shared/ingest/invalid"
)

// ErrCharset is returned for the name of an unknown character encoding.
var ErrCharset = errors.New("unknown character encoding")

// IsUTF16 reports whether a text begins with a byte order mark of UTF-16.
func IsUTF16(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff"))
}

// Encoding returns the character encoding of a text file, nil for UTF-8. A byte order mark decides; without one, the
// declared charset does, by its name in the WHATWG Encoding Standard or the IANA registry. Nothing is guessed.
func Encoding(head []byte, charset string) (encoding.Encoding, error) {
	charset = strings.ToLower(strings.TrimSpace(charset))
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM), nil
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM), nil
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")), charset == "", charset == "utf-8", charset == "utf8", charset == "us-ascii", charset == "ascii":
		return nil, nil
	}
	if known, err := htmlindex.Get(charset); err == nil && known != encoding.Replacement {
		return known, nil
	}
	if known, err := ianaindex.IANA.Encoding(charset); err == nil && known != nil {
		return known, nil
	}
	return nil, ErrCharset
}

// Transcode writes a text file as UTF-8. Bytes that are invalid in the encoding are refused, not replaced.
func Transcode(from, to string, e encoding.Encoding) error {
	source, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("open the uploaded file: %w", err)
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("create a scratch file: %w", err)
	}
	defer target.Close()
	check := &replacements{w: target, line: 1}
	if _, err := io.Copy(check, transform.NewReader(source, e.NewDecoder())); err != nil {
		if check.found {
			return &invalid.Error{Line: check.line, Detail: fmt.Sprintf("Line %d has bytes that are not valid in the file's encoding: save the file as UTF-8, or declare its actual encoding.", check.line)}
		}
		return fmt.Errorf("decode the uploaded file: %w", err)
	}
	if err := target.Close(); err != nil {
		return fmt.Errorf("write a scratch file: %w", err)
	}
	return nil
}

// replacements writes UTF-8 text up to the first U+FFFD, which the decoder puts in place of invalid bytes.
type replacements struct {
	w     io.Writer
	tail  []byte // the last bytes written, in which a character may have begun
	line  int64
	found bool
}

var errReplaced = errors.New("bytes that are not valid text")

func (r *replacements) Write(p []byte) (int, error) {
	whole := append(r.tail, p...)
	if at := bytes.Index(whole, []byte("\ufffd")); at >= 0 {
		r.line += int64(bytes.Count(whole[:at], []byte{'\n'}) - bytes.Count(r.tail, []byte{'\n'}))
		r.found = true
		return 0, errReplaced
	}
	r.line += int64(bytes.Count(p, []byte{'\n'}))
	r.tail = append([]byte(nil), whole[max(0, len(whole)-2):]...)
	return r.w.Write(p)
}
