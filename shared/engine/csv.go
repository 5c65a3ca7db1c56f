//go:build cgo

package engine

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// delimiters that are recognized; the first record decides, the earlier of equally frequent ones wins.
const delimiters = ",;\t|"

// csvTable describes a CSV file (RFC 4180) that inspect has accepted. Fields arrive as text: an unquoted empty
// field is NULL, a quoted one is ”.
func csvTable(src Source, found *survey) (*table, error) {
	if found.unclosed != 0 {
		return nil, &InvalidError{Line: found.unclosed, Detail: fmt.Sprintf("Line %d has a quote that is never closed.", found.unclosed)}
	}
	if found.crlf != 0 && found.lf != 0 {
		line := max(found.crlf, found.lf)
		return nil, &InvalidError{Line: line, Detail: fmt.Sprintf("Line %d ends differently from the lines before it: the file mixes CRLF and LF.", line)}
	}
	delimiter, record, err := firstRecord(src.Path)
	if err != nil {
		return nil, err
	}
	if len(record) > maxColumns {
		return nil, &InvalidError{Line: 1, Detail: fmt.Sprintf("The file has %d columns; at most %d are possible.", len(record), maxColumns)}
	}
	if src.HeaderAbsent {
		record = make([]string, len(record))
	}
	t := &table{}
	for _, name := range uniqueNames(record) {
		t.columns = append(t.columns, column{name: name})
	}
	t.from = scanCSV(src.Path, delimiter, !src.HeaderAbsent, len(record), found)
	if t.atLeast = found.records; !src.HeaderAbsent {
		t.atLeast--
	}
	return t, nil
}

// scanCSV is the strict reader of a CSV file whose every property is known.
func scanCSV(path string, delimiter rune, header bool, columns int, found *survey) string {
	types := make([]string, columns)
	for i := range types {
		types[i] = literal(raw(i)) + ": 'VARCHAR'"
	}
	// A record may span lines, so only without quoted newlines is the longest line the longest record.
	record := max(2*found.longest, 1<<20)
	if found.quotedNewline {
		record = maxLine
	}
	return fmt.Sprintf("read_csv(%s, auto_detect = false, header = %t, delim = %s, quote = '\"', escape = '\"',"+
		" columns = {%s}, strict_mode = true, null_padding = false, allow_quoted_nulls = false, encoding = 'utf-8',"+
		" max_line_size = %d, buffer_size = %d, parallel = %t)",
		literal(path), header, literal(string(delimiter)), strings.Join(types, ", "),
		record, max(4<<20, 2*record), !found.quotedNewline)
}

// firstRecord finds the delimiter and splits the first record by it.
func firstRecord(path string) (rune, []string, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, nil, fmt.Errorf("open the uploaded file: %w", err)
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(bufio.NewReader(f), maxLine))
	if err != nil {
		return 0, nil, fmt.Errorf("read the uploaded file: %w", err)
	}
	head = bytes.TrimPrefix(head, byteOrderMark)
	delimiter := delimiterOf(head)
	reader := csv.NewReader(bytes.NewReader(head))
	reader.Comma = delimiter
	record, err := reader.Read()
	var fault *csv.ParseError
	switch {
	case errors.As(err, &fault):
		return 0, nil, &InvalidError{Line: int64(fault.Line), Detail: fmt.Sprintf("Line %d is not valid CSV: a quote is out of place.", fault.Line)}
	case err != nil:
		return 0, nil, &InvalidError{Line: 1, Detail: "The first line cannot be read as CSV."}
	}
	return delimiter, record, nil
}

// delimiterOf counts the candidates in the first record, outside quotes.
func delimiterOf(head []byte) rune {
	var count [len(delimiters)]int
	quoted := false
	for _, b := range head {
		if b == '"' {
			quoted = !quoted
		} else if b == '\n' && !quoted {
			break
		} else if i := strings.IndexByte(delimiters, b); i >= 0 && !quoted {
			count[i]++
		}
	}
	best := 0
	for i, n := range count {
		if n > count[best] {
			best = i
		}
	}
	return rune(delimiters[best])
}

var (
	csvLine   = regexp.MustCompile(`CSV Error on Line: (\d+)`)
	csvCounts = regexp.MustCompile(`Expected Number of Columns: (\d+) Found: (\d+)`)
)

// csvFault says in a sentence what DuckDB's CSV reader stumbled over; nil when it was something else.
func csvFault(e *duckdb.Error) *InvalidError {
	match := csvLine.FindStringSubmatch(e.Msg)
	if match == nil {
		if strings.Contains(e.Msg, "CSV") {
			return &InvalidError{Detail: "The file is not valid CSV."}
		}
		return nil
	}
	line, _ := strconv.ParseInt(match[1], 10, 64)
	detail := "is not valid CSV."
	switch counts := csvCounts.FindStringSubmatch(e.Msg); {
	case counts != nil:
		detail = fmt.Sprintf("has %s fields where the first line has %s.", counts[2], counts[1])
	case strings.Contains(e.Msg, "Maximum line size"):
		detail = fmt.Sprintf("begins a record longer than %d MiB.", maxLine>>20)
	case strings.Contains(e.Msg, "quote"):
		detail = "has a quote that is out of place."
	}
	return &InvalidError{Line: line, Detail: fmt.Sprintf("Line %d %s", line, detail)}
}
