package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"function/shared/fault"
	"function/shared/resultset"

	"github.com/duckdb/duckdb-go/v2"
)

// Bounds of what a Parquet file may unpack to.
const (
	maxParquetRows  = 1 << 31
	maxParquetBytes = 64 << 30
)

// parquetTable describes a Parquet file by its footer. Columns keep their types, but those that an answer could not
// hold: TIME in nanoseconds becomes TIME, as long as that loses nothing.
func (s *session) parquetTable(ctx context.Context, path, scratch string) (*table, error) {
	meta, err := readFooter(path)
	if errors.Is(err, errNoFooter) {
		return nil, &InvalidError{Detail: damagedParquet}
	}
	if err != nil {
		return nil, err
	}
	if meta.encrypted {
		return nil, &InvalidError{Detail: "Columns of the Parquet file are encrypted: write it without encryption."}
	}
	if err := s.bounded(ctx, path); err != nil {
		return nil, err
	}
	columns, err := s.parquetColumns(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := s.wholeMicroseconds(ctx, meta, path, columns, filepath.Join(scratch, "int96")); err != nil {
		return nil, err
	}
	from, exact := path, columns
	if copied, err := meta.unzoned(path, filepath.Join(scratch, "unzoned.parquet")); err != nil {
		return nil, err
	} else if copied {
		from = filepath.Join(scratch, "unzoned.parquet")
		if exact, err = s.parquetColumns(ctx, from); err != nil {
			return nil, err
		}
	}
	t := &table{}
	var names, aliases []string
	for i, c := range columns {
		if _, err := parseType(c.Type); err != nil {
			return nil, &InvalidError{Detail: fmt.Sprintf("Column %s has the unsupported type %s: write it as another type, such as text.", fault.Excerpt(c.Name), c.Type)}
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
	t.from = fmt.Sprintf("(SELECT * FROM read_parquet(%s, hive_partitioning = false)) AS source(%s)", literal(from), strings.Join(aliases, ", "))
	return t, nil
}

// nanosecondTime matches the type TIME_NS, and what is quoted, so that no name in there is taken for it. Where it is a
// name itself, a space follows.
var nanosecondTime = regexp.MustCompile(`"(?:[^"]|"")*"|'(?:[^']|'')*'|\bTIME_NS(?:[,)\[]|$)`)

// microseconds is a type with TIME in place of TIME_NS.
func microseconds(sqlType string) string {
	return nanosecondTime.ReplaceAllStringFunc(sqlType, func(part string) string {
		if rest, ok := strings.CutPrefix(part, "TIME_NS"); ok {
			return "TIME" + rest
		}
		return part
	})
}

// bounded refuses a file whose rows, columns or types are more than can be read.
func (s *session) bounded(ctx context.Context, path string) error {
	row, err := s.row(ctx, "SELECT num_rows FROM parquet_file_metadata("+literal(path)+")")
	if err != nil {
		return err
	}
	rows, _ := row[0].(int64)
	row, err = s.row(ctx, "SELECT CAST(coalesce(sum(total_uncompressed_size), 0) AS DOUBLE) FROM parquet_metadata("+literal(path)+")")
	if err != nil {
		return err
	}
	if size, _ := row[0].(float64); rows > maxParquetRows || size > maxParquetBytes {
		return &InvalidError{Detail: fmt.Sprintf("The uncompressed file has more than %d rows or %d GiB.", maxParquetRows, maxParquetBytes>>30)}
	}
	return s.each(ctx, "SELECT name, precision FROM parquet_schema("+literal(path)+") WHERE precision > 38", func(row []any) error {
		name, _ := row[0].(string)
		return &InvalidError{Detail: fmt.Sprintf("Column %s has decimals of %d digits, but at most 38 are supported: write it with fewer, or as text.", fault.Excerpt(name), row[1])}
	})
}

// parquetColumns are the columns and their types as DuckDB reads them.
func (s *session) parquetColumns(ctx context.Context, path string) ([]resultset.Column, error) {
	var columns []resultset.Column
	err := s.each(ctx, "SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet("+literal(path)+", hive_partitioning = false))", func(row []any) error {
		name, _ := row[0].(string)
		sqlType, _ := row[1].(string)
		columns = append(columns, resultset.Column{Name: name, Type: sqlType})
		return nil
	})
	if err == nil && len(columns) > maxColumns {
		err = &InvalidError{Detail: fmt.Sprintf("The file has %d columns; at most %d are possible.", len(columns), maxColumns)}
	}
	return columns, err
}

const damagedParquet = "The Parquet file is truncated or damaged."

// parquetFault says in a sentence why DuckDB could not read a Parquet file.
func parquetFault(e *duckdb.Error) *InvalidError {
	said := func(words string) bool { return strings.Contains(strings.ToLower(e.Msg), words) }
	switch {
	case said("encoding is only supported"), said("unsupported encoding"), said("unsupported page encoding"):
		return &InvalidError{Detail: "The Parquet file uses an unsupported encoding (" + sentence(e) + "): write it with plain or dictionary encoding."}
	case said("unsupported compression"):
		return &InvalidError{Detail: "The Parquet file uses an unsupported compression: write it with zstd, snappy or gzip."}
	case said("invalid string encoding"), said("not utf8"), said("invalid unicode"):
		return &InvalidError{Detail: "A string in the Parquet file is not valid UTF-8: write that column as binary, or correct the string."}
	case said("malformed json"):
		return &InvalidError{Detail: "A JSON column of the Parquet file contains invalid JSON."}
	case said("at least one column"), said("need at least one non-root column"):
		return &InvalidError{Detail: "The Parquet file has no columns."}
	case said("could not convert"), said("overflow"), said("out of range"):
		return &InvalidError{Detail: "The Parquet file contains a value outside the supported range of its type (" + sentence(e) + ")."}
	}
	return &InvalidError{Detail: damagedParquet}
}
