package engine

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// dialect is what the first records tell of a CSV file.
type dialect struct {
	delimiter string
	hint      bool     // the first line is Excel's hint sep=; and no record
	names     []string // the values of the first record
}

// Delimiters that are recognized. The unusual ones need that every record agrees, and are tried last.
var (
	usualDelimiters   = []string{",", ";", "\t", "|"}
	unusualDelimiters = []string{"\x01", "\x1f", "\x1e", "~", "^", "¦", "§"}
)

// Bounds of what is looked at.
const (
	dialectBytes   = 1 << 20
	dialectRecords = 1000
)

// errEnough ends the look at a file.
var errEnough = errors.New("enough records")

// findDialect looks at the first records: the right delimiter is the one by which most of them have as many fields
// as the first; among equals the one that gives more fields, and then the earlier.
func findDialect(path string) (*dialect, error) {
	head, err := dialectHead(path)
	if err != nil {
		return nil, err
	}
	d := &dialect{delimiter: usualDelimiters[0]}
	if hinted, rest, ok := delimiterHint(head); ok {
		d.delimiter, d.hint, head = hinted, true, rest
	} else {
		d.delimiter = likeliest(head)
	}
	err = scanHead(head, d.delimiter, 1, func(r *csvRecord) {
		r.each(func(_ int, value []byte, _ bool) { d.names = append(d.names, string(value)) })
	})
	return d, err
}

// dialectHead is the start of the file, up to the end of a line.
func dialectHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the uploaded file: %w", err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	head, err := io.ReadAll(io.LimitReader(r, dialectBytes))
	if err == nil && len(head) == dialectBytes {
		if end := bytes.LastIndexByte(head, '\n'); end >= 0 {
			head = head[:end+1]
		} else {
			var rest []byte
			rest, err = io.ReadAll(io.LimitReader(r, maxLine-dialectBytes))
			line, _, _ := bytes.Cut(rest, []byte{'\n'})
			head = append(head, line...)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the uploaded file: %w", err)
	}
	return bytes.TrimPrefix(head, byteOrderMark), nil
}

// delimiterHint reads the line that Excel takes the delimiter from.
func delimiterHint(head []byte) (delimiter string, rest []byte, ok bool) {
	end := bytes.IndexAny(head, "\r\n")
	if end < 0 {
		end = len(head)
	}
	line := strings.TrimSuffix(strings.TrimPrefix(string(head[:end]), `"`), `"`)
	if len(line) < 5 || !strings.EqualFold(line[:4], "sep=") {
		return "", head, false
	}
	delimiter = line[4:]
	if utf8.RuneCountInString(delimiter) != 1 || strings.ContainsAny(delimiter, `"=`) {
		return "", head, false
	}
	rest = head[end:]
	if bytes.HasPrefix(rest, []byte("\r\n")) {
		rest = rest[1:]
	}
	return delimiter, rest[min(1, len(rest)):], true
}

func likeliest(head []byte) string {
	best, bestAlike, bestFields := usualDelimiters[0], 0, 0
	for _, candidate := range usualDelimiters {
		alike, fields, _, _ := agreement(head, candidate)
		if alike > bestAlike || alike == bestAlike && alike > 0 && fields > bestFields {
			best, bestAlike, bestFields = candidate, alike, fields
		}
	}
	if bestAlike > 0 {
		return best
	}
	for _, candidate := range unusualDelimiters {
		if alike, _, records, named := agreement(head, candidate); named && alike > 0 && alike == records {
			return candidate
		}
	}
	return best
}

// agreement is how many records have as many fields as the first, if that has several, and whether each of its fields
// has a name.
func agreement(head []byte, delimiter string) (alike, fields, records int, named bool) {
	err := scanHead(head, delimiter, dialectRecords, func(r *csvRecord) {
		if records++; records == 1 {
			fields, named = r.fields, true
			r.each(func(_ int, value []byte, _ bool) { named = named && len(bytes.TrimSpace(value)) > 0 })
		}
		if r.fields == fields && fields > 1 {
			alike++
		}
	})
	if err != nil {
		records++ // a quote is out of place
	}
	return alike, fields, records, named
}

// scanHead visits the first records that are not blank.
func scanHead(head []byte, delimiter string, limit int, visit func(r *csvRecord)) error {
	scanner := csvScanner{delimiter: []byte(delimiter), values: true}
	scanner.record = func(_ int64, r *csvRecord) error {
		if r.blank() {
			return nil
		}
		visit(r)
		if limit--; limit == 0 {
			return errEnough
		}
		return nil
	}
	for len(head) > 0 {
		end := bytes.IndexByte(head, '\n') + 1
		if end == 0 {
			end = len(head)
		}
		if err := scanner.add(head[:end]); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return err
		}
		head = head[end:]
	}
	return nil
}
