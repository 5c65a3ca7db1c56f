package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"function/shared/engine"
)

// Classes of a number's text; a column's mask has a bit for each class that occurs.
const (
	shortInteger  = 1 << iota // canonical, at most 15 digits: exact as BIGINT, DOUBLE and DECIMAL
	longInteger               // canonical BIGINT
	hugeInteger               // canonical, wider than BIGINT
	shortFraction             // at most 15 significant digits, no exponent
	longFraction              // more digits, no exponent
	shortExponent             // at most 15 significant digits, an exponent of at most two digits
	bareExponent              // the same in a form that identifiers have, too: 1E5
	notNumber
)

// Forms of text, as regular expressions (RE2) that match a whole value.
const (
	plainForm     = `-?(0|[1-9][0-9]*)(\.[0-9]+)?`
	exponentForm  = plainForm + `[eE][+-]?[0-9]{1,2}`
	writtenForm   = `-?((0|[1-9][0-9]*)\.[0-9]+[eE][+-]?|[0-9][eE][+-])[0-9]{1,2}` // by a program: 1.5e3, 1e-05, 1E+21
	timestampForm = `[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?`
	zonedForm     = timestampForm + `(Z|[+-][0-9]{2}(:?[0-9]{2})?| UTC)`
)

// candidate is a type, or the family of numeric types, that all values of a column may have.
type candidate struct {
	sqlType string
	test    string // an aggregate over the value %[1]s: true, or the mask of its classes
}

var numbers = candidate{"", fmt.Sprintf(`bit_or(CASE WHEN %%[1]s IS NULL THEN NULL
	WHEN CAST(TRY_CAST(%%[1]s AS BIGINT) AS VARCHAR) = %%[1]s THEN if(strlen(ltrim(%%[1]s, '-')) <= 15, %d, %d)
	WHEN CAST(TRY_CAST(%%[1]s AS HUGEINT) AS VARCHAR) = %%[1]s THEN %d
	WHEN regexp_full_match(%%[1]s, '%s') THEN if(%s <= 15, %d, %d)
	WHEN regexp_full_match(%%[1]s, '%s') AND %s <= 15 THEN if(regexp_full_match(%%[1]s, '%s'), %d, %d)
	ELSE %d END)`,
	shortInteger, longInteger, hugeInteger, plainForm, significant("%[1]s"), shortFraction, longFraction,
	exponentForm, significant("regexp_replace(%[1]s, '[eE].*', '')"), writtenForm, shortExponent, bareExponent, notNumber)}

var plainTypes = []candidate{
	every("BOOLEAN", `%[1]s IN ('true', 'false')`),
	every("DATE", `strlen(%[1]s) = 10 AND coalesce(CAST(TRY_CAST(%[1]s AS DATE) AS VARCHAR) = %[1]s, false)`),
	every("TIMESTAMP", `regexp_full_match(%[1]s, '`+timestampForm+`') AND TRY_CAST(%[1]s AS TIMESTAMP) IS NOT NULL`),
	every("TIMESTAMPTZ", `regexp_full_match(%[1]s, '`+zonedForm+`') AND TRY_CAST(%[1]s AS TIMESTAMPTZ) IS NOT NULL`),
}

// every returns the candidate for a type that all values must have.
func every(sqlType, test string) candidate {
	return candidate{sqlType, "bool_and(" + test + ") FILTER (WHERE %[1]s IS NOT NULL)"}
}

// significant returns an expression that counts the significant digits of a number without exponent.
func significant(x string) string {
	return fmt.Sprintf("strlen(ltrim(translate(%s, '-.', ''), '0'))", x)
}

// A sample of the first rows rules out most candidates before the scan of the whole file.
const (
	sampleRows   = 10_000
	sampleValues = 1 << 18
)

// wholeBatch is the number of columns that one scan of the whole file tests. DuckDB's planning time grows with the
// square of the number of aggregates.
const wholeBatch = 64

// infer gives every column without a type the narrowest one that keeps every value of the whole file.
func infer(ctx context.Context, s *engine.Session, t *table) error {
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
	if err := sample(ctx, s, t, trial); err != nil {
		return err
	}
	if err := narrow(ctx, s, t, trial); err != nil {
		return err
	}
	for i := range t.columns {
		if err := settle(ctx, s, t, i, trial[i]); err != nil {
			return err
		}
	}
	return nil
}

// sampleBatch is the number of columns that one query over the sample tests, which bounds its memory.
const sampleBatch = 250

// sample drops the candidates that the first rows rule out. It turns columns into rows, which keeps the plan small.
func sample(ctx context.Context, s *engine.Session, t *table, trial map[int][]candidate) error {
	all := append([]candidate{numbers}, plainTypes...)
	rows := min(sampleRows, sampleValues/len(t.columns))
	var columns []int
	for i := range t.columns {
		if len(trial[i]) > 0 {
			columns = append(columns, i)
		}
	}
	for some := range slices.Chunk(columns, sampleBatch) {
		tests, lists := t.readings(all, some)
		query := fmt.Sprintf("SELECT i, %s FROM (SELECT unnest(range(%d)) AS i, %s FROM (SELECT * FROM %s LIMIT %d)) GROUP BY i",
			strings.Join(tests, ", "), len(some), strings.Join(lists, ", "), t.from, rows)
		err := s.Each(ctx, query, func(row []any) error {
			n, _ := row[0].(int64)
			i := some[n]
			var results []any
			for n, c := range all {
				if slices.Contains(trial[i], c) {
					results = append(results, row[n+1])
				}
			}
			trial[i] = t.survivors(trial[i], results, true) // a number with a fraction may follow
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readings returns the tests of the candidates, and lists of the values of some columns that these test. Candidates
// that read values alike share a list.
func (t *table) readings(all []candidate, some []int) (tests, lists []string) {
	names := map[string]string{}
	for _, c := range all {
		values := make([]string, len(some))
		for n, i := range some {
			values[n] = t.value(i, c.sqlType)
		}
		list := strings.Join(values, ", ")
		if names[list] == "" {
			names[list] = fmt.Sprintf("v%d", len(names))
			lists = append(lists, fmt.Sprintf("unnest(CAST([%s] AS VARCHAR[])) AS %s", list, names[list]))
		}
		tests = append(tests, fmt.Sprintf(c.test, names[list]))
	}
	return tests, lists
}

// narrow drops the candidates that a row of the whole file rules out, a batch of columns at a time.
func narrow(ctx context.Context, s *engine.Session, t *table, trial map[int][]candidate) error {
	var columns []int
	for i := range t.columns {
		if len(trial[i]) > 0 {
			columns = append(columns, i)
		}
	}
	for some := range slices.Chunk(columns, wholeBatch) {
		var tests []string
		for _, i := range some {
			for _, c := range trial[i] {
				tests = append(tests, fmt.Sprintf(c.test, t.value(i, c.sqlType)))
			}
		}
		results, err := s.Row(ctx, "SELECT "+strings.Join(tests, ", ")+" FROM "+t.from)
		if err != nil {
			return err
		}
		for _, i := range some {
			n := len(trial[i])
			trial[i] = t.survivors(trial[i], results[:n], t.columns[i].kind == digits)
			results = results[n:]
		}
	}
	return nil
}

// survivors returns the candidates that their results do not rule out, with the family of numbers replaced by one
// numeric type. In JSON, bare exponents are numbers; a CSV column that has only them and integers holds identifiers.
func (t *table) survivors(candidates []candidate, results []any, exponents bool) []candidate {
	var left []candidate
	for n, c := range candidates {
		switch result := results[n].(type) {
		case nil: // no value to tell
			left = append(left, c)
		case bool:
			if result {
				left = append(left, c)
			}
		case int32:
			mask := int(result)
			if exponents || mask&(shortFraction|shortExponent) != 0 {
				mask = numeral(mask)
			}
			if sqlType := numberType(t.forms.decimal(mask)); sqlType != "VARCHAR" {
				left = append(left, candidate{sqlType, c.test})
			}
		}
	}
	return left
}

// numeral returns the mask with bare exponents counted as numbers.
func numeral(mask int) int {
	if mask&bareExponent != 0 {
		mask = mask&^bareExponent | shortExponent
	}
	return mask
}

// numberType returns the type that keeps numbers of these classes exactly.
func numberType(mask int) string {
	within := func(classes int) bool { return mask&^classes == 0 }
	switch {
	case within(shortInteger | longInteger):
		return "BIGINT"
	case within(shortInteger | shortFraction | shortExponent):
		return "DOUBLE"
	case within(shortInteger | longInteger | hugeInteger | shortFraction | longFraction):
		return "DECIMAL"
	}
	return "VARCHAR"
}

// momentFirst drops the numeric type of a column whose values are also dates or timestamps in the form that the reading
// options set, such as 20241231.
func momentFirst(left []candidate) []candidate {
	for _, c := range left {
		if len(left) == 2 && (c.sqlType == "DATE" || strings.HasPrefix(c.sqlType, "TIMESTAMP")) && numeric(left[0].sqlType) {
			return []candidate{c}
		}
	}
	return left
}

// settle gives a column its only remaining candidate. A column with several has no values.
func settle(ctx context.Context, s *engine.Session, t *table, i int, left []candidate) error {
	c := &t.columns[i]
	if c.sqlType != "" || c.kind == typed {
		return nil
	}
	c.sqlType = "VARCHAR"
	left = momentFirst(left)
	if len(left) != 1 || left[0].sqlType == "" {
		return nil
	}
	if left[0].sqlType != "DECIMAL" {
		c.sqlType = left[0].sqlType
		return nil
	}
	value := t.value(i, "DECIMAL")
	point := fmt.Sprintf("instr(%s, '.')", value)
	length := fmt.Sprintf("strlen(ltrim(%s, '-'))", value)
	row, err := s.Row(ctx, fmt.Sprintf("SELECT coalesce(max(if(%[1]s > 0, strlen(%[3]s) - %[1]s, 0)), 0),"+
		" coalesce(max(if(%[1]s > 0, strlen(split_part(ltrim(%[3]s, '-'), '.', 1)), %[2]s)), 0) FROM %[4]s", point, length, value, t.from))
	if err != nil {
		return err
	}
	scale, _ := row[0].(int64)
	whole, _ := row[1].(int64)
	switch digits := scale + whole; {
	case digits <= 18 && scale > 0: // a machine word
		c.sqlType = fmt.Sprintf("DECIMAL(18,%d)", scale)
	case digits <= 38:
		c.sqlType = fmt.Sprintf("DECIMAL(38,%d)", scale)
	}
	return nil
}
