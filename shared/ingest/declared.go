package ingest

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/ingest/invalid"
	"function/shared/ingest/reading"
	"function/shared/resultset"
)

// Declarable reports whether a schema can declare all of the columns.
func Declarable(columns []resultset.Column) bool {
	return !slices.ContainsFunc(columns, func(c resultset.Column) bool {
		_, ok := reading.SQLType(c.Type)
		return !ok
	})
}

// declare gives the columns of t the types of the schema. It matches columns by name without regard to case, or by
// position if the file has no names. A JSON file may lack columns.
func (t *table) declare(schema []resultset.Column, src Source) error {
	if len(schema) == 0 {
		return nil
	}
	byName := make(map[string]int, len(t.columns))
	for i, c := range t.columns {
		byName[strings.ToLower(c.name)] = i
	}
	positional := src.Format == CSV && src.Reading.HeaderAbsent()
	if len(schema) < len(t.columns) || positional && len(schema) != len(t.columns) {
		return &invalid.Error{Detail: fmt.Sprintf("The file has %d columns, the declared schema %d.", len(t.columns), len(schema))}
	}
	for n, declared := range schema {
		sqlType, ok := reading.SQLType(declared.Type)
		if !ok {
			return &invalid.Error{Detail: fmt.Sprintf("The schema declares the unknown type %s for column %s.", fault.Excerpt(declared.Type), fault.Excerpt(declared.Name))}
		}
		i, ok := byName[strings.ToLower(declared.Name)]
		switch {
		case positional:
			i = n
		case !ok && src.Format == JSON:
			t.absent = append(t.absent, column{name: declared.Name, sqlType: sqlType})
			continue
		case !ok:
			return &invalid.Error{Line: 1, Detail: fmt.Sprintf("The file has no column %s, which the schema declares.", fault.Excerpt(declared.Name))}
		}
		t.columns[i].name, t.columns[i].sqlType = declared.Name, sqlType
	}
	for _, c := range t.columns {
		if c.sqlType == "" {
			return &invalid.Error{Detail: fmt.Sprintf("The file has the column %s, which the schema does not declare.", fault.Excerpt(c.name))}
		}
	}
	return nil
}

// declaresNumber reports whether a column is declared to have numbers.
func (src *Source) declaresNumber(name string) bool {
	number := func(declared string) bool {
		sqlType, _ := reading.SQLType(declared)
		return numeric(sqlType) || floating(sqlType)
	}
	name = strings.TrimSpace(name)
	for _, c := range src.Columns {
		if strings.EqualFold(c.Name, name) {
			return number(c.Type)
		}
	}
	for declared, sqlType := range src.Reading.Types {
		if strings.EqualFold(declared, name) {
			return number(sqlType)
		}
	}
	for _, c := range src.Expected {
		if strings.EqualFold(c.Name, name) {
			return number(c.Type)
		}
	}
	return false
}

// typeSome gives single columns their types, by name without regard to case.
func (t *table) typeSome(types map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(types)) {
		i := slices.IndexFunc(t.columns, func(c column) bool { return strings.EqualFold(c.name, name) })
		if i < 0 {
			return &invalid.Error{Detail: fmt.Sprintf("The file has no column %s, to which the reading options give a type.", fault.Excerpt(name))}
		}
		t.columns[i].sqlType, _ = reading.SQLType(types[name])
	}
	return nil
}

// expect gives the columns of t that have no type yet those that are expected.
func (t *table) expect(columns []resultset.Column, lenient bool) {
	for _, want := range columns {
		i := slices.IndexFunc(t.columns, func(c column) bool { return strings.EqualFold(c.name, want.Name) })
		if i >= 0 && t.columns[i].sqlType == "" {
			t.columns[i].sqlType, _ = reading.SQLType(want.Type)
			t.columns[i].lenient = lenient
		}
	}
}

// Forms of text that a declared type keeps whole, as regular expressions (RE2). They leave out what DuckDB would
// accept and cut: the time of a DATE, the offset of a TIMESTAMP, nanoseconds.
const (
	dayForm      = `[0-9]{4,6}([-/])[0-9]{1,2}[-/][0-9]{1,2}`
	clockForm    = `([01]?[0-9]|2[0-3]):[0-5]?[0-9](:[0-5]?[0-9](\.[0-9]{1,6}0*)?)?`
	midnightForm = `([T ]00:00(:00(\.0+)?)?)?`
	offsetForm   = ` ?(Z|UTC|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)`
	endlessForm  = `-?infinity`
)

var declaredForms = map[string]string{
	"DATE":        dayForm + midnightForm + `|` + endlessForm,
	"TIME":        clockForm,
	"TIMESTAMP":   dayForm + `([T ]` + clockForm + `)?|` + endlessForm,
	"TIMESTAMPTZ": dayForm + `([T ]` + clockForm + `(` + offsetForm + `)?)?|` + endlessForm,
}

// misfit returns an expression that is true for a value of column i that its type cannot keep whole.
func (t *table) misfit(i int) string {
	c, x := t.columns[i], t.value(i, t.columns[i].sqlType)
	if c.kind == typed && c.source != "VARCHAR" { // the way back decides
		return fmt.Sprintf("(%[1]s IS NOT NULL AND TRY_CAST(TRY_CAST(%[1]s AS %[2]s) AS %[3]s) IS DISTINCT FROM %[1]s)", x, c.sqlType, c.source)
	}
	text := "trim(" + x + ")"
	strict := "true"
	switch {
	case declaredForms[c.sqlType] != "":
		strict = fmt.Sprintf("regexp_full_match(%s, '%s')", text, declaredForms[c.sqlType])
	case strings.HasSuffix(c.sqlType, "INT") || c.sqlType == "INTEGER":
		strict = fmt.Sprintf(`regexp_full_match(%s, '[+-]?[0-9]+(\.0*)?')`, text)
	case strings.HasPrefix(c.sqlType, "DECIMAL"):
		_, scale, _ := strings.Cut(strings.TrimSuffix(c.sqlType, ")"), ",")
		strict = fmt.Sprintf(`regexp_full_match(%s, '[+-]?[0-9]*(\.[0-9]{0,%s}0*)?')`, text, scale)
	case floating(c.sqlType): // its shortest form has the digits of the text
		strict = fmt.Sprintf("(regexp_full_match(lower(%[1]s), '[+-]?(nan|inf|infinity)') OR %[2]s = %[3]s)", text,
			digitsOf(text), digitsOf(fmt.Sprintf("CAST(TRY_CAST(%s AS %s) AS VARCHAR)", text, c.sqlType)))
	}
	return fmt.Sprintf("(%s IS NOT NULL AND NOT coalesce(%s AND TRY_CAST(%s AS %s) IS NOT NULL, false))", x, strict, x, c.sqlType)
}

// digitsOf returns an expression for the significant digits of a number's text.
func digitsOf(x string) string {
	return fmt.Sprintf("trim(translate(regexp_replace(%s, '[eE].*', ''), '+-.', ''), '0')", x)
}

// wholeBatch is the number of columns that one scan of the whole file tests. DuckDB's planning time grows with the
// square of the number of aggregates.
const wholeBatch = 64

// fits checks every value against its declared type; the error names the first row that does not fit. A lenient column loses
// its type instead, and all its rows that do not fit are written to a file in dir.
func fits(ctx context.Context, s *engine.Session, t *table, dir string) (misfits map[string]string, err error) {
	misfits = map[string]string{}
	var columns []int
	for i, c := range t.columns {
		if c.sqlType != "" && (c.sqlType != "VARCHAR" || c.kind == typed && c.source != "VARCHAR") {
			columns = append(columns, i)
		}
	}
	for some := range slices.Chunk(columns, wholeBatch) {
		var tests []string
		for _, i := range some {
			tests = append(tests, "bool_or("+t.misfit(i)+")")
		}
		results, err := s.Row(ctx, "SELECT "+strings.Join(tests, ", ")+" FROM "+t.from)
		if err != nil {
			return nil, err
		}
		for n, i := range some {
			misfit, _ := results[n].(bool)
			if !misfit {
				continue
			}
			if !t.columns[i].lenient {
				return nil, firstMisfit(ctx, s, t, i)
			}
			file := filepath.Join(dir, fmt.Sprintf("misfits-%d.parquet", i))
			if err := s.Exec(ctx, fmt.Sprintf("COPY (SELECT n - 1 AS n FROM (SELECT row_number() OVER () AS n, %s AS bad FROM %s) WHERE bad) TO %s (FORMAT parquet)",
				t.misfit(i), t.from, engine.Literal(file))); err != nil {
				return nil, err
			}
			misfits[t.columns[i].name], t.columns[i].sqlType = file, ""
		}
	}
	return misfits, nil
}

func firstMisfit(ctx context.Context, s *engine.Session, t *table, i int) error {
	query := fmt.Sprintf("SELECT n, v FROM (SELECT row_number() OVER () AS n, %s AS bad, CAST(%s AS VARCHAR) AS v FROM %s) WHERE bad LIMIT 1",
		t.misfit(i), raw(i), t.from)
	row, err := s.Row(ctx, query)
	if err != nil {
		return err
	}
	number, _ := row[0].(int64)
	value, _ := row[1].(string)
	c := t.columns[i]
	detail := fmt.Sprintf("Row %d, column %s: %s is not a valid %s.", number, fault.Excerpt(c.name), fault.Excerpt(value), c.sqlType)
	if form := t.form(c.sqlType); form != "" {
		detail = fmt.Sprintf("Row %d, column %s: %s is not a valid %s %s.", number, fault.Excerpt(c.name), fault.Excerpt(value), c.sqlType, form)
	} else if holds(ctx, s, value, c.sqlType) {
		detail = fmt.Sprintf("Row %d, column %s: %s cannot be stored exactly as %s.", number, fault.Excerpt(c.name), fault.Excerpt(value), c.sqlType)
	}
	return &invalid.Error{Detail: detail}
}

// holds reports whether a type accepts a text, possibly cutting it.
func holds(ctx context.Context, s *engine.Session, value, sqlType string) bool {
	row, err := s.Row(ctx, fmt.Sprintf("SELECT TRY_CAST(%s AS %s) IS NOT NULL", engine.Literal(value), sqlType))
	return err == nil && row[0] == true
}
