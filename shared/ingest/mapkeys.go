package ingest

import (
	"context"
	"fmt"
	"strings"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/ingest/invalid"
)

// repeats returns an expression that is true for a value x of type t in which a map has a duplicate key. A Parquet
// file can contain one, and it is undefined which value counts. For a type without maps it returns "".
func repeats(t engine.Type, x string, depth int) string {
	v := fmt.Sprintf("k%d", depth)
	within := func(list string, element engine.Type) []string {
		inner := repeats(element, v, depth+1)
		if inner == "" {
			return nil
		}
		return []string{fmt.Sprintf("coalesce(list_bool_or(list_transform(%s, lambda %s: %s)), false)", list, v, inner)}
	}
	var any []string
	switch t.Name {
	case "MAP":
		any = append(within("map_values("+x+")", t.Parts[1]), fmt.Sprintf("coalesce(len(map_keys(%[1]s)) <> len(list_distinct(map_keys(%[1]s))), false)", x))
	case "LIST":
		any = within(x, t.Parts[0])
	case "STRUCT":
		for i, part := range t.Parts {
			if inner := repeats(part, fmt.Sprintf("struct_extract_at(%s, %d)", x, i+1), depth); inner != "" {
				any = append(any, inner)
			}
		}
	}
	if len(any) == 0 {
		return ""
	}
	return "(" + strings.Join(any, " OR ") + ")"
}

// distinctKeys refuses a file in which a map has a duplicate key.
func distinctKeys(ctx context.Context, s *engine.Session, t *table) error {
	for i, c := range t.columns {
		if c.kind != typed || !engine.Nested(c.source) {
			continue
		}
		structure, err := engine.ParseType(c.source)
		if err != nil {
			return err
		}
		repeats := repeats(structure, raw(i), 0)
		if repeats == "" {
			continue
		}
		query := fmt.Sprintf("SELECT n FROM (SELECT row_number() OVER () AS n, %s AS bad FROM %s) WHERE bad LIMIT 1", repeats, t.from)
		err = s.Each(ctx, query, func(row []any) error {
			return &invalid.Error{Detail: fmt.Sprintf("Row %d, column %s: a map has a duplicate key.", row[0], fault.Excerpt(c.name))}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
