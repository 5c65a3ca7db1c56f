package ingest

import (
	"context"
	"fmt"
	"os"
	"strings"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/ingest/invalid"
	"function/shared/ingest/parquetfile"
	"function/shared/resultset"
)

// wholeMicroseconds refuses a file with an INT96, the nanosecond timestamp of Impala and Spark, that DuckDB would read
// as a different time: it reads microseconds, and only within 290,000 years. scratch is the path for a copy of the file.
func wholeMicroseconds(ctx context.Context, s *engine.Session, meta *parquetfile.Footer, path string, columns []resultset.Column, scratch string) error {
	copied, err := meta.AsBytes(path, scratch)
	if err != nil || !copied {
		return err
	}
	defer os.Remove(scratch)
	asBytes, err := parquetColumns(ctx, s, scratch)
	if err != nil {
		return err
	}
	aliases := make([]string, len(columns))
	for i := range columns {
		aliases[i] = raw(i)
	}
	for i, c := range columns {
		read, err := engine.ParseType(c.Type)
		if err != nil {
			continue // parquetTable refuses the type
		}
		stored, err := engine.ParseType(asBytes[i].Type)
		if err != nil {
			return err
		}
		lost := loses(stored, read, raw(i), 0)
		if lost == "" {
			continue
		}
		query := fmt.Sprintf("SELECT n FROM (SELECT row_number() OVER () AS n, %s AS bad FROM (SELECT * FROM %s) AS source(%s)) WHERE bad LIMIT 1",
			lost, engine.Parquet(scratch), strings.Join(aliases, ", "))
		err = s.Each(ctx, query, func(row []any) error {
			return &invalid.Error{Detail: fmt.Sprintf("Row %d, column %s: an INT96 timestamp is out of range or has fractions of a microsecond and cannot be stored exactly: write the column as TIMESTAMP.", row[0], fault.Excerpt(c.Name))}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// firstLostDay is the first Julian day after the range of TIMESTAMP.
const firstLostDay = 2_440_588 + 106_751_991

// loses returns an expression that is true for a value x of type t in which the bytes of an INT96 are a time that the
// type read cannot hold. For a type without INT96 it returns "".
func loses(t engine.Type, read engine.Type, x string, depth int) string {
	v := fmt.Sprintf("t%d", depth)
	within := func(list string, part int) string {
		inner := loses(t.Parts[part], read.Parts[part], v, depth+1)
		if inner == "" {
			return ""
		}
		return fmt.Sprintf("coalesce(list_bool_or(list_transform(%s, lambda %s: %s)), false)", list, v, inner)
	}
	var found []string
	switch {
	case t.Name == "BLOB" && read.Name == "TIMESTAMP":
		// Little-endian: nanoseconds of the day in 8 bytes, the Julian day in 4.
		return fmt.Sprintf("coalesce(%s %% 1000 <> 0 OR %s >= %d, false)", unsigned(x, 0, 8), unsigned(x, 8, 4), firstLostDay)
	case t.Name == "LIST":
		found = append(found, within(x, 0))
	case t.Name == "MAP":
		found = append(found, within("map_keys("+x+")", 0), within("map_values("+x+")", 1))
	case t.Name == "STRUCT":
		for i, part := range t.Parts {
			found = append(found, loses(part, read.Parts[i], fmt.Sprintf("struct_extract_at(%s, %d)", x, i+1), depth))
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

// unsigned returns an expression for the little-endian integer in some bytes of x.
func unsigned(x string, from, bytes int) string {
	digits := make([]string, bytes)
	for i := range bytes {
		at := 2*(from+bytes-i) - 1
		digits[i] = fmt.Sprintf("hex(%s)[%d:%d]", x, at, at+1)
	}
	return "CAST('0x' || " + strings.Join(digits, " || ") + " AS UBIGINT)"
}
