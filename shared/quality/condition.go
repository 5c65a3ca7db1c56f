package quality

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"function/shared/engine"
	"function/shared/fault"
	"function/shared/ingest/reading"
)

// condition is a rule about single rows, as SQL expressions that are never null.
type condition struct {
	checked string // whether a row is checked; empty: every row is
	fails   string // whether it fails
}

// problem is a sentence that says why a rule cannot be evaluated.
type problem string

func (p problem) Error() string { return string(p) }

func problemf(format string, args ...any) error { return problem(fmt.Sprintf(format, args...)) }

// condition returns the condition of a rule on columns, or false if the rule is not about single rows.
func (r *Rule) condition(columns []engine.Field) (c condition, ok bool, err error) {
	var names, nulls []string
	for _, f := range columns {
		names = append(names, engine.Identifier(f.Name))
		nulls = append(nulls, engine.Identifier(f.Name)+" IS NULL")
	}
	switch r.Kind {
	case "not_null":
		return condition{fails: strings.Join(nulls, " OR ")}, true, nil
	case "completeness":
		return condition{fails: nulls[0]}, true, nil
	case "type", "range", "length", "pattern", "set":
	default:
		return c, false, nil
	}
	x, f := names[0], columns[0]
	var fails string
	switch r.Kind {
	case "type":
		fails = misfit(x, f.Type, r.Type)
	case "range":
		fails, err = r.outOfRange(x, f.Type)
	case "length":
		fails, err = r.outOfLength(x, f)
	case "pattern":
		if f.Type != "VARCHAR" {
			return c, true, problemf("The column %s is of type %s: only text has a pattern.", fault.Excerpt(f.Name), f.Type)
		}
		fails = fmt.Sprintf("NOT regexp_matches(%s, %s)", x, engine.Literal(r.Pattern))
	case "set":
		var list []string
		for _, v := range r.Values {
			l, err := literal(v, f.Type)
			if err != nil {
				return c, true, err
			}
			list = append(list, l)
		}
		fails = fmt.Sprintf("%s NOT IN (%s)", x, strings.Join(list, ", "))
	}
	checked := x + " IS NOT NULL"
	return condition{checked: checked, fails: fmt.Sprintf("coalesce(%s, false)", fails)}, true, err
}

func (r *Rule) outOfRange(x, sqlType string) (string, error) {
	var tests []string
	if sqlType == "DOUBLE" || sqlType == "FLOAT" {
		tests = append(tests, "isnan("+x+")") // which DuckDB takes for greater than all numbers
	}
	for i, bound := range []*Value{r.Min, r.Max} {
		if bound == nil {
			continue
		}
		l, err := literal(*bound, sqlType)
		if err != nil {
			return "", err
		}
		tests = append(tests, x+[]string{" < ", " > "}[i]+l)
	}
	return strings.Join(tests, " OR "), nil
}

func (r *Rule) outOfLength(x string, f engine.Field) (string, error) {
	if f.Type != "VARCHAR" {
		return "", problemf("The column %s is of type %s: only text has a length.", fault.Excerpt(f.Name), f.Type)
	}
	var tests []string
	if r.Min != nil {
		tests = append(tests, fmt.Sprintf("length(%s) < %s", x, r.Min.RawMessage))
	}
	if r.Max != nil {
		tests = append(tests, fmt.Sprintf("length(%s) > %s", x, r.Max.RawMessage))
	}
	return strings.Join(tests, " OR "), nil
}

// literal returns a value of a rule for comparisons with a column. It is not cast to the column's type if that could
// round it.
func literal(v Value, sqlType string) (string, error) {
	text, isText := "", v.RawMessage[0] == '"'
	isBool := v.RawMessage[0] == 't' || v.RawMessage[0] == 'f'
	if isText {
		_ = json.Unmarshal(v.RawMessage, &text) // it is valid
	}
	if strings.ContainsRune(text, 0) {
		return "", problemf("A value of the rule has a NUL character.")
	}
	switch {
	case sqlType == "VARCHAR" && isText:
		return engine.Literal(text), nil
	case numeric(sqlType) && !isText && !isBool:
		return string(v.RawMessage), nil
	case sqlType == "BOOLEAN" && isBool:
		return string(v.RawMessage), nil
	case sqlType == "DATE" && isText: // compared as a time, so that the hour of a bound counts
		return "CAST(" + engine.Literal(text) + " AS TIMESTAMP)", nil
	case isText && (strings.HasPrefix(sqlType, "TIME") || sqlType == "UUID"):
		return "CAST(" + engine.Literal(text) + " AS " + sqlType + ")", nil
	}
	return "", problemf("The column is of type %s, with which the value %s of the rule cannot be compared.", sqlType, fault.Excerpt(string(v.RawMessage)))
}

func numeric(sqlType string) bool {
	return strings.HasSuffix(sqlType, "INT") || sqlType == "INTEGER" || strings.HasPrefix(sqlType, "DECIMAL") || sqlType == "DOUBLE" || sqlType == "FLOAT"
}

func temporal(sqlType string) bool {
	return sqlType == "DATE" || strings.HasPrefix(sqlType, "TIMESTAMP")
}

// Forms of text that a type keeps whole, where TRY_CAST would round or cut.
var forms = map[string]string{
	"DATE":        `[0-9]{4,6}-[0-9]{2}-[0-9]{2}`,
	"TIMESTAMP":   `[0-9]{4,6}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6}0*)?)?)?`,
	"TIMESTAMPTZ": `[0-9]{4,6}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6}0*)?)? ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)`,
	"TIME":        `[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6}0*)?)?`,
}

var decimal = regexp.MustCompile(`^DECIMAL\([0-9]+,([0-9]+)\)$`)

// misfit is true for a value that a type cannot keep exactly.
func misfit(x, from, declared string) string {
	to, _ := reading.SQLType(declared)
	if from != "VARCHAR" { // the way back decides
		return fmt.Sprintf("TRY_CAST(TRY_CAST(%[1]s AS %[2]s) AS %[3]s) IS DISTINCT FROM %[1]s", x, to, from)
	}
	form := forms[to]
	if m := decimal.FindStringSubmatch(to); m != nil {
		form = `[+-]?([0-9]+(\.[0-9]{0,` + m[1] + `}0*)?|\.[0-9]{1,` + m[1] + `}0*)`
	} else if strings.HasSuffix(to, "INT") || to == "INTEGER" {
		form = `[+-]?[0-9]+`
	}
	fits := fmt.Sprintf("TRY_CAST(%s AS %s) IS NOT NULL", x, to)
	if form != "" {
		fits = fmt.Sprintf("regexp_full_match(%s, '%s') AND %s", x, form, fits)
	}
	return x + " IS NOT NULL AND NOT (" + fits + ")"
}
