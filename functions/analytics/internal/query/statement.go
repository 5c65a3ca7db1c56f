package query

import (
	"errors"

	"function/shared/fault"
	"function/shared/sqltext"
)

// Statement is a query in the form that its database takes: one placeholder for each value, and
// no value is a list.
type Statement struct {
	Text   sqltext.Rewritten
	Values []any
}

// Unlisted returns the statement of a query without list parameters. Its text stays unchanged for
// the database's own parser to read. ok is false if any parameter is a list.
func Unlisted(sql string, parameters []Parameter) (s Statement, ok bool) {
	s.Text.SQL = sql
	for _, p := range parameters {
		if _, list := p.value.([]any); list {
			return Statement{}, false
		}
		s.Values = append(s.Values, p.value)
	}
	return s, true
}

// Bind rewrites the parameters of a query for its database. scalar returns the placeholder of the
// nth value. list returns the placeholders of a list and appends its values to the statement;
// item reports whether the list stands in IN (…). Bind refuses a query whose number of ? differs
// from the number of parameters.
func Bind(sql string, parameters []Parameter, list func(list []any, item bool, s *Statement) (string, error), scalar func(n int) string) (Statement, error) {
	var b Statement
	var refused error
	n := 0
	text, err := sqltext.Rewrite(sql, func(item bool) string {
		if n++; n > len(parameters) {
			return "?"
		}
		items, ok := parameters[n-1].value.([]any)
		if !ok {
			b.Values = append(b.Values, parameters[n-1].value)
			return scalar(len(b.Values))
		}
		mark, err := list(items, item, &b)
		if err != nil && refused == nil {
			refused = err
		}
		return mark
	})
	var wrong *sqltext.Error
	switch b.Text = text; {
	case errors.As(err, &wrong):
		return b, Wrong(wrong.Character, "%s", wrong.Message)
	case n != len(parameters):
		return b, Wrong(0, "the query has %d placeholders (?), but there are %d parameters", n, len(parameters))
	case len(b.Values) > maxBound:
		return b, fault.At("body.parameters", "the parameters contain more than %d values", maxBound)
	}
	return b, refused
}
