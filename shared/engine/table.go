package engine

import (
	"fmt"
	"strings"
)

// maxColumns bounds the width of a file.
const maxColumns = 2000

// kind is what the values of a source's column can be; it narrows the types that are tried.
type kind int

const (
	anything kind = iota // CSV: every type is tried
	words                // JSON strings: dates and timestamps, otherwise text
	digits               // JSON numbers
	truths               // JSON booleans
	document             // JSON objects, arrays, or values of several kinds
	typed                // Parquet: the column has its type
)

// column is one column of a source on its way to its type.
type column struct {
	name    string
	kind    kind
	sqlType string // decided by inference or declaration; empty: a typed column as it is
	source  string // typed: the type in the file
}

// table is a source that DuckDB can scan: from is a table function whose columns are c0, c1 …
type table struct {
	from    string
	columns []column
	absent  []column       // declared columns that the file does not have
	keys    map[string]int // JSON: the column of each key
	rows    int64          // CSV and JSON: what the scan must give; no record may get lost unnoticed
}

// raw is the scan's name of column i.
func raw(i int) string { return fmt.Sprintf("c%d", i) }

// present is column i with what counts as absent made NULL: an empty CSV field has no number, date or boolean.
func (t *table) present(i int) string {
	if t.columns[i].kind == anything {
		return "nullif(" + raw(i) + ", '')"
	}
	return raw(i)
}

// cast is column i in its decided type.
func (t *table) cast(i int) string {
	c := t.columns[i]
	if c.sqlType == "" || c.sqlType == "VARCHAR" && c.kind != typed {
		return raw(i)
	}
	if c.sqlType == "DECIMAL(38,0)" && c.kind != typed { // from text, this way is a hundred times faster
		return fmt.Sprintf("CAST(CAST(%s AS HUGEINT) AS %s)", t.present(i), c.sqlType)
	}
	return fmt.Sprintf("CAST(%s AS %s)", t.present(i), c.sqlType)
}

// uniqueNames makes names that SQL can tell apart: without a name a column is column_N, and a name that repeats,
// whatever its case, gets a number.
func uniqueNames(names []string) []string {
	seen := make(map[string]bool, len(names))
	unique := make([]string, len(names))
	for i, name := range names {
		name = strings.TrimSpace(name)
		if name == "" {
			name = fmt.Sprintf("column_%d", i+1)
		}
		candidate := name
		for n := 2; seen[strings.ToLower(candidate)]; n++ {
			candidate = fmt.Sprintf("%s_%d", name, n)
		}
		seen[strings.ToLower(candidate)] = true
		unique[i] = candidate
	}
	return unique
}
