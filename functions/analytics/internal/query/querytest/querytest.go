// Package querytest is the conformance test suite of query.Backend.
package querytest

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"

	"function/functions/analytics/internal/query"
	"function/shared/access"
	"function/shared/fault"
)

// Case is a backend that holds two organizations.
type Case struct {
	Backend    query.Backend
	One, Other uuid.UUID // organizations that have tables of the same names

	Tables  []string          // the tables of One
	Count   string            // a SELECT that counts the rows of one of the tables
	Counts  map[uuid.UUID]int // the result of Count for each organization
	Series  string            // a FROM item with alias t and %d rows that have a number n
	Slow    string            // a SELECT that takes minutes
	Attacks []string          // statements that try to reach beyond the organization's tables
}

// Run runs the suite against a backend. open creates a separate case for each test.
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

// Bind converts JSON values to parameters.
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

// Rows returns the rows of a query as JSON.
func Rows(t testing.TB, b query.Backend, organization uuid.UUID, sql string, parameters ...any) string {
	t.Helper()
	set, err := b.Run(t.Context(), access.Everyone(organization), query.Query{SQL: sql, Parameters: Bind(t, parameters...)}, query.Limits{})
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

// Refusal returns the fault with which a query is refused. It fails the test unless the fault has
// exactly one location.
func Refusal(t testing.TB, b query.Backend, organization uuid.UUID, sql string, parameters ...any) *fault.Error {
	t.Helper()
	return refusal(t, b, organization, query.Query{SQL: sql, Parameters: Bind(t, parameters...)}, query.Limits{})
}

func refusal(t testing.TB, b query.Backend, organization uuid.UUID, q query.Query, limits query.Limits) *fault.Error {
	t.Helper()
	_, err := b.Run(t.Context(), access.Everyone(organization), q, limits)
	f, ok := query.Refused(err)
	if !ok || f.Kind != fault.Invalid || len(f.Fields) != 1 {
		t.Errorf("%.200s: %v, want a fault of the query", q.SQL, err)
		return fault.At("", "")
	}
	return f
}
