package duckdb

import (
	"strings"

	"function/functions/analytics/internal/query"
)

// bind expands a list inside IN (…) into its items, and passes any other list as a DuckDB list.
func bind(sql string, parameters []query.Parameter) (query.Statement, error) {
	if s, ok := query.Unlisted(sql, parameters); ok {
		return s, nil
	}
	return query.Bind(sql, parameters, func(list []any, item bool, s *query.Statement) (string, error) {
		switch marks := strings.TrimSuffix(strings.Repeat("?, ", len(list)), ", "); {
		case !item:
			s.Values = append(s.Values, list...)
			return "[" + marks + "]", nil
		case len(list) == 0:
			return "SELECT NULL WHERE false", nil
		default:
			s.Values = append(s.Values, list...)
			return marks, nil
		}
	}, func(int) string { return "?" })
}
