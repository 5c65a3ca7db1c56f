package ingest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"function/shared/engine"
	"function/shared/ingest/invalid"
	"function/shared/ingest/reading"
	"function/shared/ingest/textfile"
)

// csvTable describes a CSV file. Fields are text: an unquoted empty field is NULL, a quoted one is the empty string.
// A file that DuckDB would read differently is rewritten in the scratch directory.
func csvTable(ctx context.Context, src Source, forms *forms, scratch string, read func(int64)) (*table, error) {
	d, err := textfile.FindDialect(src.Path, csvForm(&src.Reading))
	if err != nil {
		return nil, err
	}
	found, err := surveyCSV(ctx, src, d, forms, read)
	if err != nil {
		return nil, err
	}
	if found.fields > maxColumns {
		return nil, &invalid.Error{Line: found.first, Detail: fmt.Sprintf("The file has %d columns; at most %d are possible.", found.fields, maxColumns)}
	}
	names := d.Names
	if src.Reading.HeaderAbsent() {
		names = make([]string, len(names))
	}
	t := &table{rows: found.records, dialect: d}
	for i, name := range uniqueNames(names) {
		t.columns = append(t.columns, column{name: name, values: found.values.column(i)})
	}
	if !src.Reading.HeaderAbsent() {
		t.rows--
	}
	if !found.unusual(d) {
		t.from = scanCSV(src.Path, string(d.Delimiter), !src.Reading.HeaderAbsent(), len(names), found.longest, found.spans)
		return t, nil
	}
	path := filepath.Join(scratch, "records.csv")
	longest, err := rewriteCSV(ctx, src, d, found.fields, path)
	if err != nil {
		return nil, err
	}
	t.from = scanCSV(path, ",", false, len(names), longest, found.spans)
	return t, nil
}

// csvSurvey is the result of one pass over a CSV file.
type csvSurvey struct {
	first   int64 // line of the first record
	fields  int   // number of fields of the first record
	records int64
	longest int // bytes of the longest record
	spans   bool
	bare    bool
	endings map[string]bool
	pad     bool
	padded  bool           // a record has fewer fields than the first
	ragged  []raggedRecord // the first records with another number of fields
	more    int            // how many more there are
	header  bool           // the first record names the columns
	values  *csvValues
}

// csvForm returns what the options say about the form of a CSV file.
func csvForm(o *reading.Options) textfile.CSVForm {
	form := textfile.CSVForm{Delimiter: []byte(o.Delimiter), Quote: []byte{'"'}, Comment: []byte(o.Comment), Skip: o.SkipLines}
	if o.Quote != nil {
		form.Quote = []byte(*o.Quote)
	}
	if o.Escape != string(form.Quote) { // a doubled quote needs no escape character
		form.Escape = []byte(o.Escape)
	}
	return form
}

type raggedRecord struct {
	line   int64
	fields int
}

// maxRagged is the number of lines that an error lists.
const maxRagged = 10

// surveyCSV checks that all records have the same number of fields, or fewer if they are to be padded, and collects what
// their values tell about the types of the columns.
func surveyCSV(ctx context.Context, src Source, d *textfile.Dialect, forms *forms, read func(int64)) (*csvSurvey, error) {
	found := &csvSurvey{endings: map[string]bool{}, pad: src.Reading.Pad(), header: !src.Reading.HeaderAbsent(), values: collect(forms)}
	scanner := textfile.CSVScanner{CSVForm: d.CSVForm, Record: found.add}
	err := textfile.EachLine(ctx, src.Path, read, scanner.Add)
	found.values.finish()
	if err != nil {
		return nil, err
	}
	switch {
	case scanner.Open != 0:
		return nil, &invalid.Error{Line: scanner.Open, Detail: fmt.Sprintf("Line %d has a quote that is never closed.", scanner.Open)}
	case found.records == 0:
		return nil, &invalid.Error{Detail: "The file is empty."}
	case len(found.ragged) > 0:
		return nil, found.uneven()
	}
	return found, nil
}

func (found *csvSurvey) add(line int64, r *textfile.CSVRecord) error {
	switch {
	case r.Blank() && found.records == 0, r.Blank() && found.fields > 1:
		return nil
	case found.records == 0:
		found.first, found.fields = line, r.Fields
	case r.Fields == found.fields:
	case r.Fields < found.fields && found.pad:
		found.padded = true
	case len(found.ragged) < maxRagged:
		found.ragged = append(found.ragged, raggedRecord{line, r.Fields})
	default:
		found.more++
	}
	if (found.records > 0 || !found.header) && r.Fields <= maxColumns {
		found.values.add(r)
	}
	found.records++
	found.longest = max(found.longest, r.Size)
	found.spans = found.spans || r.Spans
	found.bare = found.bare || r.Bare
	if r.Ending != "" {
		found.endings[r.Ending] = true
	}
	return nil
}

// uneven is the error of a file whose records differ in their number of fields.
func (found *csvSurvey) uneven() error {
	first := found.ragged[0]
	if len(found.ragged) == 1 {
		return &invalid.Error{Line: first.line, Detail: fmt.Sprintf("Line %d has %d fields where the first line has %d.", first.line, first.fields, found.fields)}
	}
	lines := make([]string, len(found.ragged))
	for i, r := range found.ragged {
		lines[i] = fmt.Sprintf("%d (%d)", r.line, r.fields)
	}
	list := strings.Join(lines[:len(lines)-1], ", ") + " and " + lines[len(lines)-1]
	if found.more > 0 {
		list = fmt.Sprintf("%s and %d more", strings.Join(lines, ", "), found.more)
	}
	return &invalid.Error{Line: first.line, Detail: fmt.Sprintf("Lines %s do not have %d fields like the first line.", list, found.fields)}
}

// unusual reports whether DuckDB's strict reader would refuse the file or read it differently.
func (found *csvSurvey) unusual(d *textfile.Dialect) bool {
	ordinary := len(d.Delimiter) == 1 && string(d.Quote) == `"` && len(d.Escape)+len(d.Comment) == 0 && d.Skip == 0
	return !ordinary || found.padded || found.first != 1 || found.bare || len(found.endings) > 1 || found.endings["\r"] || found.spans && !found.endings["\n"]
}

// rewriteCSV writes the records, without the header, in the form that DuckDB reads. It returns the size of the longest.
func rewriteCSV(ctx context.Context, src Source, d *textfile.Dialect, columns int, to string) (longest int, err error) {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, fmt.Errorf("create a scratch file: %w", err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	fields := 0
	scanner := textfile.CSVScanner{CSVForm: d.CSVForm, Record: func(_ int64, r *textfile.CSVRecord) error {
		if r.Blank() && fields != 1 {
			return nil
		}
		if fields == 0 {
			if fields = r.Fields; !src.Reading.HeaderAbsent() {
				return nil
			}
		}
		size := 0
		r.Each(func(i int, value []byte, quoted bool) {
			if i > 0 {
				_ = w.WriteByte(',') // the writer keeps the error until the newline
			}
			if quoted || len(value) > 0 {
				n, _ := w.WriteString(quote(string(value)))
				size += n
			}
			size++
		})
		for range columns - r.Fields {
			_ = w.WriteByte(',')
			size++
		}
		longest = max(longest, size)
		if err := w.WriteByte('\n'); err != nil {
			return fmt.Errorf("write a scratch file: %w", err)
		}
		return nil
	}}
	if err := textfile.EachLine(ctx, src.Path, func(int64) {}, scanner.Add); err != nil {
		return 0, err
	}
	if err := w.Flush(); err != nil {
		return 0, fmt.Errorf("write a scratch file: %w", err)
	}
	return longest, nil
}

// scanCSV returns the call of DuckDB's strict reader for a CSV file whose every property is known.
func scanCSV(path, delimiter string, header bool, columns, longest int, spans bool) string {
	types := make([]string, columns)
	for i := range types {
		types[i] = engine.Literal(raw(i)) + ": 'VARCHAR'"
	}
	record := max(2*longest, 1<<20)
	newlines := "" // if no quoted field has a newline, every newline ends a record
	if spans {
		newlines = `, new_line = '\n', parallel = false`
	}
	return fmt.Sprintf("read_csv(%s, auto_detect = false, header = %t, delim = %s, quote = '\"', escape = '\"',"+
		" columns = {%s}, strict_mode = true, null_padding = false, allow_quoted_nulls = false, encoding = 'utf-8',"+
		" hive_partitioning = false, max_line_size = %d, buffer_size = %d%s)",
		engine.Literal(path), header, engine.Literal(delimiter), strings.Join(types, ", "), record, max(4<<20, 2*record), newlines)
}
