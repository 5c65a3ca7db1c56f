package engine

import (
	"context"
	"fmt"
	"strings"

	"function/shared/fault"
)

// repeats is true for a value x of type t in which a map has a key twice: a Parquet file may hold one, and no reader
// knows which value counts. It is empty for a type without maps.
func (t sqlType) repeats(x string, depth int) string {
	v := fmt.Sprintf("k%d", depth)
	within := func(list string, element sqlType) []string {
		inner := element.repeats(v, depth+1)
		if inner == "" {
			return nil
		}
		return []string{fmt.Sprintf("coalesce(list_bool_or(list_transform(%s, lambda %s: %s)), false)", list, v, inner)}
	}
	var any []string
	switch t.name {
	case "MAP":
		any = append(within("map_values("+x+")", t.parts[1]), fmt.Sprintf("coalesce(len(map_keys(%[1]s)) <> len(list_distinct(map_keys(%[1]s))), false)", x))
	case "LIST":
		any = within(x, t.parts[0])
	case "STRUCT":
		for i, part := range t.parts {
			if inner := part.repeats(fmt.Sprintf("struct_extract_at(%s, %d)", x, i+1), depth); inner != "" {
				any = append(any, inner)
			}
		}
	}
	if len(any) == 0 {
		return ""
	}
	return "(" + strings.Join(any, " OR ") + ")"
}

// distinctKeys refuses a file with a map that has a key twice.
func (s *session) distinctKeys(ctx context.Context, t *table) error {
	for i, c := range t.columns {
		if c.kind != typed || !nested(c.source) {
			continue
		}
		structure, err := parseType(c.source)
		if err != nil {
			return err
		}
		repeats := structure.repeats(raw(i), 0)
		if repeats == "" {
			continue
		}
		query := fmt.Sprintf("SELECT n FROM (SELECT row_number() OVER () AS n, %s AS bad FROM %s) WHERE bad LIMIT 1", repeats, t.from)
		err = s.each(ctx, query, func(row []any) error {
			return &InvalidError{Detail: fmt.Sprintf("Row %d, column %s: a map has a duplicate key.", row[0], fault.Excerpt(c.name))}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
