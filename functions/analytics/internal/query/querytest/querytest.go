// Package querytest specifies what a query.Backend does. It runs in the tests of each.
package querytest

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"

	"function/functions/analytics/internal/query"
	"function/shared/fault"
)

// Case is a backend with two organizations in it.
type Case struct {
	Backend    query.Backend
	One, Other uuid.UUID // organizations that have tables of the same names

	Tables  []string          // of One
	Count   string            // a SELECT of how many rows one of these has
	Counts  map[uuid.UUID]int // its answers
	Series  string            // a FROM item t of %d rows with the numbers n
	Slow    string            // a SELECT that would take minutes
	Attacks []string          // statements that reach out of the organization's tables
}

// Run runs the specification over a backend; open makes a case of its own for a test.
func Run(t *testing.T, open func(testing.TB) Case) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Case)
	}{
		{"Tables", tables},
		{"Isolation", isolation},
		{"Limits", limits},
		{"Values", values},
		{"Parameters", parameters},
		{"Lists", lists},
		{"TimeZone", timeZone},
		{"Cancel", cancel},
		{"Refusals", refusals},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open(t))
		})
	}
}

// Bind makes parameters of values as JSON has them.
func Bind(t testing.TB, values ...any) []query.Parameter {
	t.Helper()
	text, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	var list []query.Parameter
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// Rows are the rows that a query answers, as JSON.
func Rows(t testing.TB, b query.Backend, organization uuid.UUID, sql string, parameters ...any) string {
	t.Helper()
	set, err := b.Run(t.Context(), organization, query.Query{SQL: sql, Parameters: Bind(t, parameters...)}, query.Limits{})
	if err != nil {
		t.Errorf("%s: %v", sql, err)
		return ""
	}
	text, err := json.Marshal(set.Rows)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// Refusal is the fault that a query is refused with, which has one place, body.query.
func Refusal(t testing.TB, b query.Backend, organization uuid.UUID, sql string, parameters ...any) *fault.Error {
	t.Helper()
	return refusal(t, b, organization, query.Query{SQL: sql, Parameters: Bind(t, parameters...)}, query.Limits{})
}

func refusal(t testing.TB, b query.Backend, organization uuid.UUID, q query.Query, limits query.Limits) *fault.Error {
	t.Helper()
	_, err := b.Run(t.Context(), organization, q, limits)
	f, ok := query.Refused(err)
	if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 {
		t.Errorf("%.200s: %v, want a fault of the query", q.SQL, err)
		return fault.At("", "")
	}
	return f
}
