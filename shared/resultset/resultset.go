// Package resultset converts SQL values to JSON without loss, for query results, profiles and
// stored report runs.
package resultset

// Column is one column of a result. Type is the name of the SQL type as its database writes it
// (BIGINT, timestamptz …).
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Set is a query result. Its rows are in column order, with values as returned by Value. Truncated
// means that the query had more rows than the limits allow.
type Set struct {
	Columns   []Column `json:"columns"`
	Rows      [][]any  `json:"rows"`
	Truncated bool     `json:"truncated"`
}
