// Package sample draws a random sample of the rows of a table, which several descriptions of the table share.
package sample

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"function/shared/engine"
)

const (
	maxRows   = 20_000    // rows of a sample, and fewer of a table with more than 200 columns
	maxValues = 4_000_000 // values of a sample
	maxText   = 1000      // characters of a text
)

// Sample is a random sample of the rows of a table, in their order, or all of its rows if there are few.
type Sample struct {
	Files  []string       // Parquet
	Fields []engine.Field // the columns of the table, which the files have in the same order
	Rows   int64          // how many rows the sample has, about
	Of     int64          // how many rows the table has
}

// Whole reports whether the sample has all rows of the table.
func (s *Sample) Whole() bool { return s.Rows == s.Of }

// Value is an expression for the values of a column of the files. Text is cut to 1,000 characters, and so are values
// without order, as text.
func Value(f engine.Field) string {
	name := engine.Identifier(f.Name)
	if exact(f.Type) {
		return name
	}
	return fmt.Sprintf("left(CAST(%s AS VARCHAR), %d)", name, maxText)
}

func exact(sqlType string) bool {
	return slices.Contains(strings.Fields("BOOLEAN TINYINT SMALLINT INTEGER BIGINT UTINYINT USMALLINT UINTEGER UBIGINT FLOAT DOUBLE DATE TIME TIMESTAMP UUID"), sqlType) ||
		sqlType == "TIMESTAMP WITH TIME ZONE" || strings.HasPrefix(sqlType, "DECIMAL") && strings.HasSuffix(sqlType, ")")
}

// Draw samples Parquet files, which have the same columns. It writes a file to dir unless all rows are few.
func Draw(ctx context.Context, s *engine.Session, files []string, dir string) (*Sample, error) {
	from := engine.Parquet(files...)
	fields, err := s.Fields(ctx, from)
	if err != nil {
		return nil, err
	}
	out := &Sample{Files: files, Fields: fields}
	if out.Of, err = count(ctx, s, from); err != nil {
		return nil, err
	}
	n := int64(min(maxRows, maxValues/max(1, len(fields))))
	if out.Rows = out.Of; out.Of <= n {
		return out, nil
	}
	where := fmt.Sprintf(" WHERE hash(file_row_number) < CAST(%d::HUGEINT * 18446744073709551615 // %d AS UBIGINT)", n, out.Of)
	if slices.ContainsFunc(fields, func(f engine.Field) bool { return strings.EqualFold(f.Name, "file_row_number") }) {
		where = fmt.Sprintf(" USING SAMPLE reservoir(%d ROWS) REPEATABLE (1)", n)
	}
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = Value(f) + " AS " + engine.Identifier(f.Name)
	}
	file, err := os.CreateTemp(dir, "sample-*.parquet")
	if err != nil {
		return nil, fmt.Errorf("create the file of a sample: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("create the file of a sample: %w", err)
	}
	out.Files = []string{file.Name()}
	if err := s.Exec(ctx, fmt.Sprintf("COPY (SELECT %s FROM %s%s) TO %s (FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE 4096, DICTIONARY_SIZE_LIMIT 1)",
		strings.Join(list, ", "), from, where, engine.Literal(file.Name()))); err != nil {
		return nil, err
	}
	out.Rows, err = count(ctx, s, engine.Parquet(out.Files...))
	return out, err
}

func count(ctx context.Context, s *engine.Session, from string) (int64, error) {
	row, err := s.Row(ctx, "SELECT count(*) FROM "+from)
	if err != nil {
		return 0, err
	}
	n, _ := row[0].(int64)
	return n, nil
}
