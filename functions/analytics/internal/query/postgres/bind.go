package postgres

import (
	"fmt"
	"strconv"
	"strings"

	"function/functions/analytics/internal/query"
	"function/shared/fault"
)

// bind expands a list inside IN (…) into its items, and passes any other list as a PostgreSQL
// array.
func bind(sql string, parameters []query.Parameter) (query.Statement, error) {
	dollar := func(n int) string { return " $" + strconv.Itoa(n) + " " }
	return query.Bind(sql, parameters, func(list []any, item bool, s *query.Statement) (string, error) {
		if !item {
			s.Values = append(s.Values, arrayLiteral(list))
			return dollar(len(s.Values)), nil
		}
		if len(list) == 0 {
			return "", fault.At("body.parameters", "an empty list cannot be used in IN (?): write = ANY(?) for IN, <> ALL(?) for NOT IN")
		}
		marks := make([]string, len(list))
		for i, v := range list {
			s.Values = append(s.Values, v)
			marks[i] = dollar(len(s.Values))
		}
		return strings.Join(marks, ","), nil
	}, dollar)
}

// arrayLiteral returns a list in PostgreSQL's text form of an array of any type.
func arrayLiteral(list []any) string {
	items := make([]string, len(list))
	for i, v := range list {
		if items[i] = "NULL"; v != nil {
			items[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(fmt.Sprint(v)) + `"`
		}
	}
	return "{" + strings.Join(items, ",") + "}"
}
