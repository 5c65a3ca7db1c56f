//go:build cgo

package engine

import (
	"context"
	"fmt"
	"strings"
)

// Bounds of what a Parquet file may unpack to.
const (
	maxParquetRows  = 1 << 31
	maxParquetBytes = 64 << 30
)

// parquetTable describes a Parquet file by its footer. Columns keep their types.
func (s *session) parquetTable(ctx context.Context, path string) (*table, error) {
	row, err := s.row(ctx, "SELECT num_rows FROM parquet_file_metadata("+literal(path)+")")
	if err != nil {
		return nil, err
	}
	rows, _ := row[0].(int64)
	row, err = s.row(ctx, "SELECT CAST(coalesce(sum(total_uncompressed_size), 0) AS DOUBLE) FROM parquet_metadata("+literal(path)+")")
	if err != nil {
		return nil, err
	}
	if size, _ := row[0].(float64); rows > maxParquetRows || size > maxParquetBytes {
		return nil, &InvalidError{Detail: fmt.Sprintf("The file unpacks to more than %d rows or %d GiB.", maxParquetRows, maxParquetBytes>>30)}
	}
	t := &table{}
	var names, aliases []string
	err = s.each(ctx, "SELECT column_name FROM (DESCRIBE FROM read_parquet("+literal(path)+"))", func(row []any) error {
		name, _ := row[0].(string)
		aliases = append(aliases, raw(len(names)))
		names = append(names, name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(names) > maxColumns {
		return nil, &InvalidError{Detail: fmt.Sprintf("The file has %d columns; at most %d are possible.", len(names), maxColumns)}
	}
	for _, name := range uniqueNames(names) {
		t.columns = append(t.columns, column{name: name, kind: typed})
	}
	t.from = fmt.Sprintf("(SELECT * FROM read_parquet(%s)) AS source(%s)", literal(path), strings.Join(aliases, ", "))
	return t, nil
}
