package ingest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"function/shared/ingest/invalid"
	"function/shared/ingest/textfile"
)

// jsonTable rewrites a JSON file as CSV in the scratch directory, so that numbers keep their digits. Columns are in
// the order in which their keys first appear; a missing key and null are NULL.
func jsonTable(ctx context.Context, src Source, forms *forms, scratch string, read func(int64)) (*table, error) {
	blank := true
	err := textfile.EachLine(ctx, src.Path, read, func(line []byte) error {
		blank = blank && len(bytes.TrimSpace(line)) == 0
		return nil
	})
	if err != nil {
		return nil, err
	}
	if blank {
		return nil, &invalid.Error{Detail: "The file is empty."}
	}
	records, err := recordsOf(src)
	if err != nil {
		return nil, err
	}
	t, err := jsonColumns(ctx, records, &src)
	if err != nil {
		return nil, err
	}
	for i := range t.columns {
		if c := &t.columns[i]; c.kind == digits {
			c.values = forms.Number()
		} else {
			c.values = forms.String()
		}
	}
	path := filepath.Join(scratch, "objects.csv")
	spanning, longest, err := writeObjects(ctx, records, path, t)
	if err != nil {
		return nil, err
	}
	t.from = scanCSV(path, ",", false, len(t.columns), longest, spanning)
	return t, nil
}

// jsonRecords is where the records of a JSON file are.
type jsonRecords struct {
	path   string
	within bool // at place, within the document
	place  textfile.Place
}

// recordsOf finds the array of records that the options point at.
func recordsOf(src Source) (jsonRecords, error) {
	if src.Reading.Records == "" {
		return jsonRecords{path: src.Path}, nil
	}
	place, err := textfile.FindArray(src.Path, src.Reading.Records)
	return jsonRecords{path: src.Path, within: true, place: place}, err
}

// eachMember calls visit with every member of every object, and row after each object.
func eachMember(ctx context.Context, records jsonRecords, visit func(line int64, key string, value []byte) error, row func() error) error {
	f, err := os.Open(records.path)
	if err != nil {
		return fmt.Errorf("open the uploaded file: %w", err)
	}
	defer f.Close()
	scanner := textfile.NewObjectScanner(f)
	if records.within {
		if _, err := f.Seek(records.place.Offset, io.SeekStart); err != nil {
			return fmt.Errorf("read the uploaded file: %w", err)
		}
		scanner = textfile.NewArrayScanner(f, records.place.Line)
	}
	for {
		object, line, err := scanner.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = textfile.Members(object, func(key string, value []byte) error { return visit(line, key, value) })
		}
		if err == nil {
			err = row()
		}
		if err != nil {
			return err
		}
	}
}

// jsonColumns collects the keys of all objects and the kind of their values. A column that is declared to have numbers
// may have them as text, too, as results of queries have integers beyond 2⁵³.
func jsonColumns(ctx context.Context, records jsonRecords, src *Source) (*table, error) {
	t, nulls := &table{}, src.Reading.NullValues
	index := make(map[string]int)
	known := make(map[int]bool) // columns with a value that is not null
	visit := func(line int64, key string, value []byte) error {
		i, ok := index[key]
		if !ok {
			if len(index) == maxColumns {
				return &invalid.Error{Line: line, Detail: fmt.Sprintf("The objects have more than %d different keys.", maxColumns)}
			}
			if strings.ContainsRune(key, 0) {
				return &invalid.Error{Line: line, Detail: fmt.Sprintf("The object on line %d has a key with the character U+0000, which column names cannot contain.", line)}
			}
			i = len(index)
			index[key] = i
			t.columns = append(t.columns, column{name: key, kind: words})
		}
		k := kindOf(value)
		switch {
		case value[0] == 'n', k == words && slices.Contains(nulls, textfile.Unquote(value)): // does not decide
		case !known[i]:
			known[i], t.columns[i].kind = true, k
		case t.columns[i].kind == k:
		case (k == words || k == digits) && (t.columns[i].kind == words || t.columns[i].kind == digits) && src.declaresNumber(key):
			t.columns[i].kind = digits
		default:
			t.columns[i].kind = document
		}
		return nil
	}
	if err := eachMember(ctx, records, visit, func() error { return nil }); err != nil {
		return nil, err
	}
	if len(t.columns) == 0 {
		return nil, &invalid.Error{Detail: "The file contains no values."}
	}
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	for i, name := range uniqueNames(names) {
		t.columns[i].name = name
	}
	t.keys = index
	return t, nil
}

// kindOf returns the kind of a value by its first byte.
func kindOf(value []byte) kind {
	switch value[0] {
	case '"':
		return words
	case 't', 'f':
		return truths
	case '{', '[':
		return document
	}
	return digits
}

// writeObjects writes the objects as CSV rows. It reports whether a row spans lines, and the size of the longest row.
func writeObjects(ctx context.Context, from jsonRecords, to string, t *table) (spanning bool, longest int, err error) {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return false, 0, fmt.Errorf("create a scratch file: %w", err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	fields := make([]string, len(t.columns))
	visit := func(line int64, key string, value []byte) error {
		i := t.keys[key]
		switch {
		case value[0] == 'n':
			fields[i] = ""
		case t.columns[i].kind == words, value[0] == '"' && t.columns[i].kind != document: // also a word for null among numbers
			text := textfile.Unquote(value)
			if strings.ContainsRune(text, 0) {
				return &invalid.Error{Line: line, Detail: fmt.Sprintf("The object on line %d contains the character U+0000, which cannot be stored.", line)}
			}
			t.columns[i].values.Add([]byte(text))
			fields[i] = quote(text)
		default:
			if t.columns[i].kind == digits {
				t.columns[i].values.Add(value)
			}
			fields[i] = quote(string(value))
		}
		return nil
	}
	row := func() error {
		t.rows++
		size := 0
		for i, field := range fields {
			if i > 0 {
				_ = w.WriteByte(',') // the writer keeps the error until the newline
			}
			_, _ = w.WriteString(field)
			size += len(field) + 1
			spanning = spanning || strings.ContainsAny(field, "\r\n")
		}
		longest = max(longest, size)
		clear(fields)
		if err := w.WriteByte('\n'); err != nil {
			return fmt.Errorf("write a scratch file: %w", err)
		}
		return nil
	}
	if err := eachMember(ctx, from, visit, row); err != nil {
		return false, 0, err
	}
	if err := w.Flush(); err != nil {
		return false, 0, fmt.Errorf("write a scratch file: %w", err)
	}
	return spanning, longest, nil
}

// quote returns a CSV field that is not NULL.
func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
