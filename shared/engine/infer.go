//go:build cgo

package engine

import (
	"context"
	"fmt"
	"strings"
)

// Classes of a number's text; a column's mask has a bit for each class that occurs.
const (
	shortInteger  = 1 << iota // canonical, at most 15 digits: exact as BIGINT, DOUBLE and DECIMAL
	longInteger               // canonical BIGINT
	hugeInteger               // canonical HUGEINT
	shortFraction             // at most 15 significant digits, no exponent
	longFraction              // more digits, no exponent
	shortExponent             // at most 15 significant digits, an exponent of at most two digits
	notNumber
)

// Forms of text, as regular expressions (RE2) that match a whole value.
const (
	plainForm     = `-?(0|[1-9][0-9]*)(\.[0-9]+)?`
	exponentForm  = plainForm + `[eE][+-]?[0-9]{1,2}`
	timestampForm = `[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?`
	zonedForm     = timestampForm + `(Z|[+-][0-9]{2}:[0-9]{2})`
)

// candidate is a type, or the family of numbers, that a column's values may have in common.
type candidate struct {
	sqlType string
	test    string // an aggregate over the value %[1]s: true, or the mask of its classes
}

var numbers = candidate{"", fmt.Sprintf(`bit_or(CASE WHEN %%[1]s IS NULL THEN NULL
	WHEN CAST(TRY_CAST(%%[1]s AS BIGINT) AS VARCHAR) = %%[1]s THEN if(strlen(ltrim(%%[1]s, '-')) <= 15, %d, %d)
	WHEN CAST(TRY_CAST(%%[1]s AS HUGEINT) AS VARCHAR) = %%[1]s THEN %d
	WHEN regexp_full_match(%%[1]s, '%s') THEN if(%s <= 15, %d, %d)
	WHEN regexp_full_match(%%[1]s, '%s') AND %s <= 15 THEN %d
	ELSE %d END)`,
	shortInteger, longInteger, hugeInteger, plainForm, significant("%[1]s"), shortFraction, longFraction,
	exponentForm, significant("regexp_replace(%[1]s, '[eE].*', '')"), shortExponent, notNumber)}

var plainTypes = []candidate{
	{"BOOLEAN", `bool_and(%[1]s IN ('true', 'false'))`},
	{"DATE", `bool_and(coalesce(CAST(TRY_CAST(%[1]s AS DATE) AS VARCHAR) = %[1]s AND strlen(%[1]s) = 10, false))`},
	{"TIMESTAMP", `bool_and(regexp_full_match(%[1]s, '` + timestampForm + `') AND TRY_CAST(%[1]s AS TIMESTAMP) IS NOT NULL)`},
	{"TIMESTAMPTZ", `bool_and(regexp_full_match(%[1]s, '` + zonedForm + `') AND TRY_CAST(%[1]s AS TIMESTAMPTZ) IS NOT NULL)`},
}

// significant counts the significant digits of a number without exponent.
func significant(x string) string {
	return fmt.Sprintf("strlen(ltrim(translate(%s, '-.', ''), '0'))", x)
}

// sampleRows are looked at first, to try on the whole file only what these rows do not rule out.
const sampleRows = 10_000

// infer decides the type of every column that has none: the narrowest that keeps every value of the whole file.
func (s *session) infer(ctx context.Context, t *table) error {
	trial := make(map[int][]candidate)
	for i, c := range t.columns {
		switch {
		case c.sqlType != "" || c.kind == typed:
		case c.kind == document:
			t.columns[i].sqlType = "JSON"
		case c.kind == digits:
			trial[i] = []candidate{numbers}
		case c.kind == truths:
			trial[i] = plainTypes[:1]
		case c.kind == words:
			trial[i] = plainTypes[1:]
		default:
			trial[i] = append([]candidate{numbers}, plainTypes...)
		}
	}
	sample := fmt.Sprintf("(SELECT * FROM %s LIMIT %d)", t.from, sampleRows)
	for _, from := range []string{sample, t.from} {
		if err := s.narrow(ctx, t, from, trial); err != nil {
			return err
		}
	}
	for i := range t.columns {
		if err := s.settle(ctx, t, i, trial[i]); err != nil {
			return err
		}
	}
	return nil
}

// narrow drops the candidates that some row of from rules out, and replaces numbers by its type where it is known.
func (s *session) narrow(ctx context.Context, t *table, from string, trial map[int][]candidate) error {
	var tests []string
	var columns []int
	for i := range t.columns {
		for _, c := range trial[i] {
			tests = append(tests, fmt.Sprintf(c.test, t.present(i)))
			columns = append(columns, i)
		}
	}
	if len(tests) == 0 {
		return nil
	}
	row, err := s.row(ctx, "SELECT "+strings.Join(tests, ", ")+" FROM "+from)
	if err != nil {
		return err
	}
	left := make(map[int][]candidate, len(trial))
	seen := make(map[int]int)
	for n, result := range row {
		i := columns[n]
		c := trial[i][seen[i]]
		seen[i]++
		switch result := result.(type) {
		case nil: // no value yet
			left[i] = append(left[i], c)
		case bool:
			if result {
				left[i] = append(left[i], c)
			}
		case int32:
			if sqlType := numberType(int(result)); sqlType != "VARCHAR" {
				left[i] = append(left[i], candidate{sqlType, c.test})
			}
		}
	}
	clear(trial)
	for i, c := range left {
		trial[i] = c
	}
	return nil
}

// numberType is the type that keeps numbers of these classes exactly.
func numberType(mask int) string {
	within := func(classes int) bool { return mask&^classes == 0 }
	switch {
	case within(shortInteger | longInteger):
		return "BIGINT"
	case within(shortInteger | longInteger | hugeInteger):
		return "HUGEINT"
	case within(shortInteger | shortFraction | shortExponent):
		return "DOUBLE"
	case within(shortInteger | longInteger | hugeInteger | shortFraction | longFraction):
		return "DECIMAL"
	}
	return "VARCHAR"
}

// settle takes the only candidate left; a column that keeps several has no values.
func (s *session) settle(ctx context.Context, t *table, i int, left []candidate) error {
	c := &t.columns[i]
	if c.sqlType != "" || c.kind == typed {
		return nil
	}
	c.sqlType = "VARCHAR"
	if len(left) != 1 || left[0].sqlType == "" {
		return nil
	}
	if left[0].sqlType != "DECIMAL" {
		c.sqlType = left[0].sqlType
		return nil
	}
	point := fmt.Sprintf("instr(%s, '.')", raw(i))
	length := fmt.Sprintf("strlen(ltrim(%s, '-'))", raw(i))
	row, err := s.row(ctx, fmt.Sprintf("SELECT coalesce(max(if(%[1]s > 0, strlen(%[3]s) - %[1]s, 0)), 0),"+
		" coalesce(max(if(%[1]s > 0, strlen(split_part(ltrim(%[3]s, '-'), '.', 1)), %[2]s)), 0) FROM %[4]s", point, length, raw(i), t.from))
	if err != nil {
		return err
	}
	scale, _ := row[0].(int64)
	whole, _ := row[1].(int64)
	if scale+whole <= 38 {
		c.sqlType = fmt.Sprintf("DECIMAL(38,%d)", scale)
	}
	return nil
}
