package engine

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// csvTable describes a CSV file. Fields arrive as text: an unquoted empty field is NULL, a quoted one is ”. A file of
// records that DuckDB reads differently is rewritten in the scratch directory.
func csvTable(ctx context.Context, src Source, scratch string, read func(int64)) (*table, error) {
	d, err := findDialect(src.Path)
	if err != nil {
		return nil, err
	}
	found, err := surveyCSV(ctx, src.Path, d, read)
	if err != nil {
		return nil, err
	}
	if found.fields > maxColumns {
		return nil, &InvalidError{Line: found.first, Detail: fmt.Sprintf("The file has %d columns; at most %d are possible.", found.fields, maxColumns)}
	}
	names := d.names
	if src.HeaderAbsent {
		names = make([]string, len(names))
	}
	t := &table{rows: found.records}
	for _, name := range uniqueNames(names) {
		t.columns = append(t.columns, column{name: name})
	}
	if !src.HeaderAbsent {
		t.rows--
	}
	if !found.unusual(d) {
		t.from = scanCSV(src.Path, d.delimiter, !src.HeaderAbsent, len(names), found.longest, found.spans)
		return t, nil
	}
	path := filepath.Join(scratch, "records.csv")
	longest, err := rewriteCSV(ctx, src, d, path)
	if err != nil {
		return nil, err
	}
	t.from = scanCSV(path, ",", false, len(names), longest, found.spans)
	return t, nil
}

// csvSurvey is what one pass over a CSV file finds.
type csvSurvey struct {
	first   int64 // line of the first record
	fields  int   // of the first record
	records int64
	longest int // bytes of the longest record
	spans   bool
	bare    bool
	endings map[string]bool
	ragged  []raggedRecord // the first of them
	more    int            // how many others
}

type raggedRecord struct {
	line   int64
	fields int
}

// maxRagged bounds the lines that a failure lists.
const maxRagged = 10

// surveyCSV proves that the file is one table.
func surveyCSV(ctx context.Context, path string, d *dialect, read func(int64)) (*csvSurvey, error) {
	found := &csvSurvey{endings: map[string]bool{}}
	scanner := csvScanner{delimiter: []byte(d.delimiter), record: func(line int64, r *csvRecord) error { return found.add(d, line, r) }}
	if err := eachLine(ctx, path, read, scanner.add); err != nil {
		return nil, err
	}
	switch {
	case scanner.quote != 0:
		return nil, &InvalidError{Line: scanner.quote, Detail: fmt.Sprintf("Line %d has a quote that is never closed.", scanner.quote)}
	case found.records == 0:
		return nil, &InvalidError{Detail: "The file is empty."}
	case len(found.ragged) > 0:
		return nil, found.uneven()
	}
	return found, nil
}

func (found *csvSurvey) add(d *dialect, line int64, r *csvRecord) error {
	switch {
	case d.hint && line == 1, r.blank() && found.records == 0, r.blank() && found.fields > 1:
		return nil
	case found.records == 0:
		found.first, found.fields = line, r.fields
	case r.fields == found.fields:
	case len(found.ragged) < maxRagged:
		found.ragged = append(found.ragged, raggedRecord{line, r.fields})
	default:
		found.more++
	}
	found.records++
	found.longest = max(found.longest, r.size)
	found.spans = found.spans || r.spans
	found.bare = found.bare || r.bare
	if r.ending != "" {
		found.endings[r.ending] = true
	}
	return nil
}

// uneven refuses a file whose records do not all have as many fields as the first.
func (found *csvSurvey) uneven() error {
	first := found.ragged[0]
	if len(found.ragged) == 1 {
		return &InvalidError{Line: first.line, Detail: fmt.Sprintf("Line %d has %d fields where the first line has %d.", first.line, first.fields, found.fields)}
	}
	lines := make([]string, len(found.ragged))
	for i, r := range found.ragged {
		lines[i] = fmt.Sprintf("%d (%d)", r.line, r.fields)
	}
	list := strings.Join(lines[:len(lines)-1], ", ") + " and " + lines[len(lines)-1]
	if found.more > 0 {
		list = fmt.Sprintf("%s and %d more", strings.Join(lines, ", "), found.more)
	}
	return &InvalidError{Line: first.line, Detail: fmt.Sprintf("Lines %s do not have %d fields like the first line.", list, found.fields)}
}

// unusual tells whether the file has what DuckDB's strict reader does not read, or reads differently.
func (found *csvSurvey) unusual(d *dialect) bool {
	return d.hint || found.first != 1 || found.bare || len(found.endings) > 1 || found.endings["\r"] || found.spans && !found.endings["\n"]
}

// rewriteCSV writes the records, without the header, in the form that DuckDB reads. It answers the longest.
func rewriteCSV(ctx context.Context, src Source, d *dialect, to string) (longest int, err error) {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("create a scratch file: %w", err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	fields := 0
	scanner := csvScanner{delimiter: []byte(d.delimiter), values: true, record: func(line int64, r *csvRecord) error {
		if d.hint && line == 1 || r.blank() && fields != 1 {
			return nil
		}
		if fields == 0 {
			if fields = r.fields; !src.HeaderAbsent {
				return nil
			}
		}
		size := 0
		r.each(func(i int, value []byte, quoted bool) {
			if i > 0 {
				_ = w.WriteByte(',') // the error stays until the next newline
			}
			if quoted || len(value) > 0 {
				n, _ := w.WriteString(quote(string(value)))
				size += n
			}
			size++
		})
		longest = max(longest, size)
		if err := w.WriteByte('\n'); err != nil {
			return fmt.Errorf("write a scratch file: %w", err)
		}
		return nil
	}}
	if err := eachLine(ctx, src.Path, func(int64) {}, scanner.add); err != nil {
		return 0, err
	}
	if err := w.Flush(); err != nil {
		return 0, fmt.Errorf("write a scratch file: %w", err)
	}
	return longest, nil
}

// scanCSV is DuckDB's strict reader of a CSV file whose every property is known.
func scanCSV(path, delimiter string, header bool, columns, longest int, spans bool) string {
	types := make([]string, columns)
	for i := range types {
		types[i] = literal(raw(i)) + ": 'VARCHAR'"
	}
	record := max(2*longest, 1<<20)
	newlines := "" // without a newline in quotes, the first one that DuckDB sees is a record's
	if spans {
		newlines = `, new_line = '\n', parallel = false`
	}
	return fmt.Sprintf("read_csv(%s, auto_detect = false, header = %t, delim = %s, quote = '\"', escape = '\"',"+
		" columns = {%s}, strict_mode = true, null_padding = false, allow_quoted_nulls = false, encoding = 'utf-8',"+
		" hive_partitioning = false, max_line_size = %d, buffer_size = %d%s)",
		literal(path), header, literal(delimiter), strings.Join(types, ", "), record, max(4<<20, 2*record), newlines)
}
