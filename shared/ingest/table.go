package ingest

import (
	"fmt"
	"strings"

	"function/shared/engine"
	"function/shared/ingest/inference"
	"function/shared/ingest/textfile"
)

// maxColumns bounds the width of a file.
const maxColumns = 2000

// kind is what the values of a column can be in the source; it narrows the types to try.
type kind int

const (
	anything kind = iota // CSV: every type is tried
	words                // JSON strings: dates and timestamps, otherwise text
	digits               // JSON numbers
	truths               // JSON booleans
	document             // JSON objects, arrays, or values of several kinds
	typed                // Parquet, Avro, ORC and Arrow: the column has its type
)

// column is one column of a source on its way to its type.
type column struct {
	name    string
	kind    kind
	sqlType string            // inferred or declared; empty for a typed column that keeps its type
	source  string            // the type in the file, of a typed column
	lenient bool              // the type is only expected, and may be given up
	values  *inference.Column // what the values of a CSV or JSON file tell about their type
}

// table is a source that DuckDB can scan.
type table struct {
	from    string // a table function with the columns c0, c1 …
	columns []column
	absent  []column       // declared columns that the file lacks
	keys    map[string]int // JSON: the column of each key
	rows    int64          // CSV and JSON: how many rows the scan must return
	forms   *forms         // of values in text
	dialect *textfile.Dialect
}

// raw returns the name of column i in the scan.
func raw(i int) string { return fmt.Sprintf("c%d", i) }

// present returns column i with empty CSV fields as NULL, since they hold no number, date or boolean, and with the
// words that stand for null.
func (t *table) present(i int) string {
	var empty []string
	switch t.columns[i].kind {
	case anything:
		empty = append([]string{""}, t.forms.nulls...)
	case words, digits, truths:
		empty = t.forms.nulls
	}
	switch len(empty) {
	case 0:
		return raw(i)
	case 1:
		return "nullif(" + raw(i) + ", " + engine.Literal(empty[0]) + ")"
	}
	return fmt.Sprintf("(CASE WHEN %[1]s NOT IN (%[2]s) THEN %[1]s END)", raw(i), literals(empty))
}

func literals(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = engine.Literal(s)
	}
	return strings.Join(quoted, ", ")
}

// cast returns column i in its final type.
func (t *table) cast(i int) string {
	c := t.columns[i]
	if c.sqlType == "" || c.sqlType == "VARCHAR" && c.kind != typed {
		return raw(i)
	}
	value := t.value(i, c.sqlType)
	if c.sqlType == "DECIMAL(38,0)" && c.kind != typed { // a hundred times faster than from text
		return fmt.Sprintf("CAST(CAST(%s AS HUGEINT) AS %s)", value, c.sqlType)
	}
	return fmt.Sprintf("CAST(%s AS %s)", value, c.sqlType)
}

// infer gives every column without a type the narrowest one that keeps every value of the whole file.
func (t *table) infer() {
	for i := range t.columns {
		c := &t.columns[i]
		switch {
		case c.sqlType != "" || c.kind == typed:
		case c.kind == document:
			c.sqlType = "JSON"
		case c.kind == truths:
			c.sqlType = "BOOLEAN"
		default:
			c.sqlType = c.values.Type()
		}
	}
}

// uniqueNames returns names that are unique without regard to case: a column without a name becomes column_N, and a
// repeated name gets a number.
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
