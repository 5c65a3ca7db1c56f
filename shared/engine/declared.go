//go:build cgo

package engine

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"function/shared/resultset"
)

// declaredTypes are the names that a schema may use, in upper case, and the types they stand for.
var declaredTypes = map[string]string{
	"TINYINT": "TINYINT", "SMALLINT": "SMALLINT", "INTEGER": "INTEGER", "INT": "INTEGER", "BIGINT": "BIGINT",
	"LONG": "BIGINT", "HUGEINT": "DECIMAL(38,0)", "FLOAT": "DOUBLE", "REAL": "FLOAT", "DOUBLE": "DOUBLE", "NUMBER": "DOUBLE",
	"BOOLEAN": "BOOLEAN", "BOOL": "BOOLEAN", "DATE": "DATE", "TIME": "TIME", "DATETIME": "TIMESTAMP",
	"TIMESTAMP": "TIMESTAMP", "TIMESTAMPTZ": "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ",
	"UUID": "UUID", "JSON": "JSON", "VARCHAR": "VARCHAR", "TEXT": "VARCHAR", "STRING": "VARCHAR",
}

var decimalType = regexp.MustCompile(`^(?:DECIMAL|NUMERIC) ?\( ?([0-9]{1,2}) ?, ?([0-9]{1,2}) ?\)$`)

// declaredType is the SQL type that a schema's type name stands for.
func declaredType(name string) (string, bool) {
	name = strings.ToUpper(strings.TrimSpace(name))
	if m := decimalType.FindStringSubmatch(name); m != nil {
		width, _ := strconv.Atoi(m[1])
		scale, _ := strconv.Atoi(m[2])
		return fmt.Sprintf("DECIMAL(%d,%d)", width, scale), width >= 1 && width <= 38 && scale <= width
	}
	sqlType, ok := declaredTypes[name]
	return sqlType, ok
}

// declare gives the columns of t the types of the schema. Columns meet by name without regard to case, or by
// position when the file names none; a JSON file need not have every column.
func (t *table) declare(schema []resultset.Column, src Source) error {
	if len(schema) == 0 {
		return nil
	}
	byName := make(map[string]int, len(t.columns))
	for i, c := range t.columns {
		byName[strings.ToLower(c.name)] = i
	}
	positional := src.Format == CSV && src.HeaderAbsent
	if len(schema) < len(t.columns) || positional && len(schema) != len(t.columns) {
		return &InvalidError{Detail: fmt.Sprintf("The file has %d columns, the declared schema %d.", len(t.columns), len(schema))}
	}
	for n, declared := range schema {
		sqlType, ok := declaredType(declared.Type)
		if !ok {
			return &InvalidError{Detail: fmt.Sprintf("The schema declares the unknown type %s for column %s.", excerpt(declared.Type), excerpt(declared.Name))}
		}
		i, ok := byName[strings.ToLower(declared.Name)]
		switch {
		case positional:
			i = n
		case !ok && src.Format == JSON:
			t.absent = append(t.absent, column{name: declared.Name, sqlType: sqlType})
			continue
		case !ok:
			return &InvalidError{Line: 1, Detail: fmt.Sprintf("The file has no column %s, which the schema declares.", excerpt(declared.Name))}
		}
		t.columns[i].name, t.columns[i].sqlType = declared.Name, sqlType
	}
	for _, c := range t.columns {
		if c.sqlType == "" {
			return &InvalidError{Detail: fmt.Sprintf("The file has the column %s, which the schema does not declare.", excerpt(c.name))}
		}
	}
	return nil
}

// misfit is true for a value of column i that its declared type cannot hold unchanged.
func (t *table) misfit(i int) string {
	c, x := t.columns[i], t.present(i)
	text := "trim(CAST(" + x + " AS VARCHAR))"
	strict := "true"
	switch {
	case strings.HasSuffix(c.sqlType, "INT") || c.sqlType == "INTEGER":
		strict = fmt.Sprintf(`regexp_full_match(%s, '[+-]?[0-9]+(\.0*)?')`, text)
	case strings.HasPrefix(c.sqlType, "DECIMAL"):
		_, scale, _ := strings.Cut(strings.TrimSuffix(c.sqlType, ")"), ",")
		strict = fmt.Sprintf(`regexp_full_match(%s, '[+-]?[0-9]*(\.[0-9]{0,%s}0*)?')`, text, scale)
	}
	return fmt.Sprintf("(%s IS NOT NULL AND NOT (%s AND TRY_CAST(%s AS %s) IS NOT NULL))", x, strict, x, c.sqlType)
}

// fits proves that every value has its declared type, or names the first row that has not.
func (s *session) fits(ctx context.Context, t *table) error {
	var columns []int
	for i, c := range t.columns {
		if c.sqlType != "VARCHAR" {
			columns = append(columns, i)
		}
	}
	for some := range slices.Chunk(columns, wholeBatch) {
		var tests []string
		for _, i := range some {
			tests = append(tests, "bool_or("+t.misfit(i)+")")
		}
		results, err := s.row(ctx, "SELECT "+strings.Join(tests, ", ")+" FROM "+t.from)
		if err != nil {
			return err
		}
		for n, i := range some {
			if misfit, _ := results[n].(bool); misfit {
				return s.firstMisfit(ctx, t, i)
			}
		}
	}
	return nil
}

func (s *session) firstMisfit(ctx context.Context, t *table, i int) error {
	query := fmt.Sprintf("SELECT n, v FROM (SELECT row_number() OVER () AS n, %s AS bad, CAST(%s AS VARCHAR) AS v FROM %s) WHERE bad LIMIT 1",
		t.misfit(i), raw(i), t.from)
	row, err := s.row(ctx, query)
	if err != nil {
		return err
	}
	number, _ := row[0].(int64)
	value, _ := row[1].(string)
	return &InvalidError{Detail: fmt.Sprintf("Row %d, column %s: %s is no %s.", number, excerpt(t.columns[i].name), excerpt(value), t.columns[i].sqlType)}
}
