// Package resultset turns SQL values into JSON without loss, whenever a DuckDB or PostgreSQL
// result, a profile or a stored report run is encoded.
package resultset

// Column is one column of an answer. Type is the SQL type's name as its database writes it (BIGINT, timestamptz …).
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Set is an answer: rows in column order, whose values are already in the form that Value gives. Truncated says
// that the query had more rows than the limits let through.
type Set struct {
	Columns   []Column `json:"columns"`
	Rows      [][]any  `json:"rows"`
	Truncated bool     `json:"truncated"`
}
