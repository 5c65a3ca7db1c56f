package textfile

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

// Dialect is the form of a CSV file as its first records show it.
type Dialect struct {
	CSVForm
	Hint  bool     // the first line is Excel's hint "sep=;", not a record
	Names []string // the values of the first record
}

// Delimiters that are recognized. The unusual ones are tried last, and only match when all records agree.
var (
	usualDelimiters   = []string{",", ";", "\t", "|"}
	unusualDelimiters = []string{"\x01", "\x1f", "\x1e", "~", "^", "¦", "§"}
)

// Bounds of the sample.
const (
	dialectBytes   = 1 << 20
	dialectRecords = 1000
)

// errEnough ends the scan of the sample.
var errEnough = errors.New("enough records")

// FindDialect completes a known form. It detects the delimiter, unless it is known, from the first records: it chooses
// the one that gives most of them as many fields as the first; of equals, the one that gives more fields, and then the
// one listed first.
func FindDialect(path string, known CSVForm) (*Dialect, error) {
	head, err := dialectHead(path, known.Skip)
	if err != nil {
		return nil, err
	}
	d := &Dialect{CSVForm: known}
	rest := known // the form of what follows the skipped lines
	rest.Skip = 0
	hinted, after, ok := delimiterHint(head)
	if ok {
		d.Hint, head = true, after
		d.Skip++
	}
	switch {
	case len(known.Delimiter) > 0:
	case ok:
		d.Delimiter = []byte(hinted)
	default:
		d.Delimiter = []byte(likeliest(head, rest))
	}
	rest.Delimiter = d.Delimiter
	err = scanHead(head, rest, 1, func(r *CSVRecord) {
		r.Each(func(_ int, value []byte, _ bool) { d.Names = append(d.Names, string(value)) })
	})
	return d, err
}

// dialectHead reads the start of the file after some lines, up to the end of a line.
func dialectHead(path string, skip int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the uploaded file: %w", err)
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	err = skipLines(r, skip)
	var head []byte
	if err == nil {
		head, err = io.ReadAll(io.LimitReader(r, dialectBytes))
	}
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
	return bytes.TrimPrefix(head, ByteOrderMark), nil
}

// skipLines reads lines that end like those of CSVScanner.
func skipLines(r *bufio.Reader, lines int64) error {
	for lines > 0 {
		b, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if b == '\r' {
			if next, _ := r.Peek(1); len(next) > 0 && next[0] == '\n' {
				continue
			}
		}
		if b == '\r' || b == '\n' {
			lines--
		}
	}
	return nil
}

// delimiterHint reads the first line if it is Excel's hint of the delimiter, and returns what follows it.
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

func likeliest(head []byte, form CSVForm) string {
	best, bestAlike, bestFields := usualDelimiters[0], 0, 0
	for _, candidate := range usualDelimiters {
		alike, fields, _, _ := agreement(head, form, candidate)
		if alike > bestAlike || alike == bestAlike && alike > 0 && fields > bestFields {
			best, bestAlike, bestFields = candidate, alike, fields
		}
	}
	if bestAlike > 0 {
		return best
	}
	for _, candidate := range unusualDelimiters {
		if alike, _, records, named := agreement(head, form, candidate); named && alike > 0 && alike == records {
			return candidate
		}
	}
	return best
}

// agreement returns how many records have as many fields as the first, provided that it has several, and whether
// none of the first record's fields is blank.
func agreement(head []byte, form CSVForm, delimiter string) (alike, fields, records int, named bool) {
	form.Delimiter = []byte(delimiter)
	for _, sign := range [][]byte{form.Quote, form.Escape, form.Comment} {
		if bytes.HasPrefix(sign, form.Delimiter) {
			return 0, 0, 0, false
		}
	}
	err := scanHead(head, form, dialectRecords, func(r *CSVRecord) {
		if records++; records == 1 {
			fields, named = r.Fields, true
			r.Each(func(_ int, value []byte, _ bool) { named = named && len(bytes.TrimSpace(value)) > 0 })
		}
		if r.Fields == fields && fields > 1 {
			alike++
		}
	})
	if err != nil {
		records++ // a misplaced quote
	}
	return alike, fields, records, named
}

// scanHead visits up to limit records that are not blank.
func scanHead(head []byte, form CSVForm, limit int, visit func(r *CSVRecord)) error {
	scanner := CSVScanner{CSVForm: form}
	scanner.Record = func(_ int64, r *CSVRecord) error {
		if r.Blank() {
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
		if err := scanner.Add(head[:end]); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return err
		}
		head = head[end:]
	}
	return nil
}
