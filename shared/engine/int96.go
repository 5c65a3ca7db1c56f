package engine

import (
	"context"
	"fmt"
	"os"
	"strings"

	"function/shared/fault"
	"function/shared/resultset"
)

// wholeMicroseconds refuses a file with an INT96, the timestamp of Impala and Spark in nanoseconds, that DuckDB would
// read as another time: it reads microseconds, within 290,000 years. scratch is a path for a copy of the file.
func (s *session) wholeMicroseconds(ctx context.Context, meta *footer, path string, columns []resultset.Column, scratch string) error {
	copied, err := meta.asBytes(path, scratch)
	if err != nil || !copied {
		return err
	}
	defer os.Remove(scratch)
	asBytes, err := s.parquetColumns(ctx, scratch)
	if err != nil {
		return err
	}
	aliases := make([]string, len(columns))
	for i := range columns {
		aliases[i] = raw(i)
	}
	for i, c := range columns {
		read, err := parseType(c.Type)
		if err != nil {
			continue // refused for its type
		}
		stored, err := parseType(asBytes[i].Type)
		if err != nil {
			return err
		}
		lost := stored.loses(read, raw(i), 0)
		if lost == "" {
			continue
		}
		query := fmt.Sprintf("SELECT n FROM (SELECT row_number() OVER () AS n, %s AS bad FROM (SELECT * FROM read_parquet(%s, hive_partitioning = false)) AS source(%s)) WHERE bad LIMIT 1",
			lost, literal(scratch), strings.Join(aliases, ", "))
		err = s.each(ctx, query, func(row []any) error {
			return &InvalidError{Detail: fmt.Sprintf("Row %d, column %s: an INT96 timestamp is out of range or has fractions of a microsecond and cannot be stored exactly: write the column as TIMESTAMP.", row[0], fault.Excerpt(c.Name))}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// firstLostDay is the Julian day after the last one of a TIMESTAMP.
const firstLostDay = 2_440_588 + 106_751_991

// loses is true for a value x of type t in which the bytes of an INT96 are no time that their type read keeps. It is
// empty for a type without INT96.
func (t sqlType) loses(read sqlType, x string, depth int) string {
	v := fmt.Sprintf("t%d", depth)
	within := func(list string, part int) string {
		inner := t.parts[part].loses(read.parts[part], v, depth+1)
		if inner == "" {
			return ""
		}
		return fmt.Sprintf("coalesce(list_bool_or(list_transform(%s, lambda %s: %s)), false)", list, v, inner)
	}
	var found []string
	switch {
	case t.name == "BLOB" && read.name == "TIMESTAMP":
		// Little-endian: nanoseconds of the day in 8 bytes, the Julian day in 4.
		return fmt.Sprintf("coalesce(%s %% 1000 <> 0 OR %s >= %d, false)", unsigned(x, 0, 8), unsigned(x, 8, 4), firstLostDay)
	case t.name == "LIST":
		found = append(found, within(x, 0))
	case t.name == "MAP":
		found = append(found, within("map_keys("+x+")", 0), within("map_values("+x+")", 1))
	case t.name == "STRUCT":
		for i, part := range t.parts {
			found = append(found, part.loses(read.parts[i], fmt.Sprintf("struct_extract_at(%s, %d)", x, i+1), depth))
		}
	}
	var any []string
	for _, expression := range found {
		if expression != "" {
			any = append(any, expression)
		}
	}
	if len(any) == 0 {
		return ""
	}
	return "(" + strings.Join(any, " OR ") + ")"
}

// unsigned is the little-endian integer in some bytes of x.
func unsigned(x string, from, bytes int) string {
	digits := make([]string, bytes)
	for i := range bytes {
		at := 2*(from+bytes-i) - 1
		digits[i] = fmt.Sprintf("hex(%s)[%d:%d]", x, at, at+1)
	}
	return "CAST('0x' || " + strings.Join(digits, " || ") + " AS UBIGINT)"
}
