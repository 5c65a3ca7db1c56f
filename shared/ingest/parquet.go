package ingest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/ingest/invalid"
	"function/shared/ingest/parquetfile"
	"function/shared/resultset"
)

// parquetTable describes a Parquet file by its footer. Columns keep their types, except that TIME in nanoseconds
// becomes TIME, provided that no value loses precision.
func parquetTable(ctx context.Context, s *engine.Session, path, scratch string) (*table, error) {
	meta, err := parquetfile.ReadFooter(path)
	if errors.Is(err, parquetfile.ErrNoFooter) {
		return nil, &invalid.Error{Detail: damagedParquet}
	}
	if err != nil {
		return nil, err
	}
	if meta.Encrypted {
		return nil, &invalid.Error{Detail: "Columns of the Parquet file are encrypted: write it without encryption."}
	}
	if err := bounded(ctx, s, path); err != nil {
		return nil, err
	}
	columns, err := parquetColumns(ctx, s, path)
	if err != nil {
		return nil, err
	}
	if err := wholeMicroseconds(ctx, s, meta, path, columns, filepath.Join(scratch, "int96")); err != nil {
		return nil, err
	}
	from, exact := path, columns
	if copied, err := meta.Unzoned(path, filepath.Join(scratch, "unzoned.parquet")); err != nil {
		return nil, err
	} else if copied {
		from = filepath.Join(scratch, "unzoned.parquet")
		if exact, err = parquetColumns(ctx, s, from); err != nil {
			return nil, err
		}
	}
	t := &table{}
	var names, aliases []string
	for i, c := range columns {
		if _, err := engine.ParseType(c.Type); err != nil {
			return nil, &invalid.Error{Detail: fmt.Sprintf("Column %s has the unsupported type %s: write it as another type, such as text.", fault.Excerpt(c.Name), c.Type)}
		}
		names, aliases = append(names, c.Name), append(aliases, raw(i))
	}
	for i, name := range uniqueNames(names) {
		c := column{name: name, kind: typed, source: exact[i].Type}
		if kept := microseconds(columns[i].Type); kept != c.source {
			c.sqlType = kept
		}
		t.columns = append(t.columns, c)
	}
	t.from = fmt.Sprintf("(SELECT * FROM %s) AS source(%s)", engine.Parquet(from), strings.Join(aliases, ", "))
	return t, nil
}

// nanosecondTime matches the type TIME_NS, and quoted names, so that TIME_NS inside a name is skipped. An unquoted
// name TIME_NS is followed by a space.
var nanosecondTime = regexp.MustCompile(`"(?:[^"]|"")*"|'(?:[^']|'')*'|\bTIME_NS(?:[,)\[]|$)`)

// microseconds replaces TIME_NS by TIME in a type.
func microseconds(sqlType string) string {
	return nanosecondTime.ReplaceAllStringFunc(sqlType, func(part string) string {
		if rest, ok := strings.CutPrefix(part, "TIME_NS"); ok {
			return "TIME" + rest
		}
		return part
	})
}

// bounded refuses a file with too many rows or bytes, or with decimals that are too wide.
func bounded(ctx context.Context, s *engine.Session, path string) error {
	row, err := s.Row(ctx, "SELECT num_rows FROM parquet_file_metadata("+engine.Literal(path)+")")
	if err != nil {
		return err
	}
	rows, _ := row[0].(int64)
	row, err = s.Row(ctx, "SELECT CAST(coalesce(sum(total_uncompressed_size), 0) AS DOUBLE) FROM parquet_metadata("+engine.Literal(path)+")")
	if err != nil {
		return err
	}
	if size, _ := row[0].(float64); rows > invalid.MaxRows || size > invalid.MaxBytes {
		return invalid.TooLarge()
	}
	return s.Each(ctx, "SELECT name, precision FROM parquet_schema("+engine.Literal(path)+") WHERE precision > 38", func(row []any) error {
		name, _ := row[0].(string)
		return &invalid.Error{Detail: fmt.Sprintf("Column %s has decimals of %d digits, but at most 38 are supported: write it with fewer, or as text.", fault.Excerpt(name), row[1])}
	})
}

// parquetColumns returns the columns and their types as DuckDB reads them.
func parquetColumns(ctx context.Context, s *engine.Session, path string) ([]resultset.Column, error) {
	var columns []resultset.Column
	err := s.Each(ctx, "SELECT column_name, column_type FROM (DESCRIBE FROM "+engine.Parquet(path)+")", func(row []any) error {
		name, _ := row[0].(string)
		sqlType, _ := row[1].(string)
		columns = append(columns, resultset.Column{Name: name, Type: sqlType})
		return nil
	})
	if err == nil && len(columns) > maxColumns {
		err = &invalid.Error{Detail: fmt.Sprintf("The file has %d columns; at most %d are possible.", len(columns), maxColumns)}
	}
	return columns, err
}

const damagedParquet = "The Parquet file is truncated or damaged."

// parquetFault says in a sentence why DuckDB could not read a Parquet file.
func parquetFault(e *duckdb.Error) *invalid.Error {
	said := func(words string) bool { return strings.Contains(strings.ToLower(e.Msg), words) }
	switch {
	case said("encoding is only supported"), said("unsupported encoding"), said("unsupported page encoding"):
		return &invalid.Error{Detail: "The Parquet file uses an unsupported encoding (" + engine.Sentence(e) + "): write it with plain or dictionary encoding."}
	case said("unsupported compression"):
		return &invalid.Error{Detail: "The Parquet file uses an unsupported compression: write it with zstd, snappy or gzip."}
	case said("invalid string encoding"), said("not utf8"), said("invalid unicode"):
		return &invalid.Error{Detail: "A string in the Parquet file is not valid UTF-8: write that column as binary, or correct the string."}
	case said("malformed json"):
		return &invalid.Error{Detail: "A JSON column of the Parquet file contains invalid JSON."}
	case said("at least one column"), said("need at least one non-root column"):
		return &invalid.Error{Detail: "The Parquet file has no columns."}
	case said("could not convert"), said("overflow"), said("out of range"):
		return &invalid.Error{Detail: "The Parquet file contains a value outside the supported range of its type (" + engine.Sentence(e) + ")."}
	}
	return &invalid.Error{Detail: damagedParquet}
}
