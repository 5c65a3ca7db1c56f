package chart

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"function/shared/resultset"
)

// numericTypes are the SQL types of DuckDB and PostgreSQL, without parameters, whose values are
// numbers or digits.
var numericTypes = words(`tinyint smallint integer int bigint hugeint utinyint usmallint uinteger ubigint uhugeint bignum
	varint int1 int2 int4 int8 float real double float4 float8 decimal numeric number dec`)

var temporalTypes = words("date timestamp timestamptz datetime timestamp_s timestamp_ms timestamp_ns")

func words(list string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(list) {
		set[word] = true
	}
	return set
}

// baseType returns the first word of a type: decimal for DECIMAL(18,3), timestamp for TIMESTAMP
// WITH TIME ZONE. An array type is returned whole.
func baseType(name string) string {
	if strings.HasSuffix(name, "]") {
		return name
	}
	base, _, _ := strings.Cut(strings.ToLower(name), "(")
	base, _, _ = strings.Cut(base, " ")
	return base
}

// isNumeric reports whether a column is numeric, by its type or, if it has none, by its values.
func isNumeric(set *resultset.Set, column int) bool {
	if name := set.Columns[column].Type; name != "" {
		return numericTypes[baseType(name)]
	}
	found := false
	for _, row := range set.Rows {
		switch cell(row, column).(type) {
		case nil:
		case string, bool, []any, map[string]any, json.RawMessage:
			return false
		default:
			found = true
		}
	}
	return found
}

func cell(row []any, column int) any {
	if column < len(row) {
		return row[column]
	}
	return nil
}

// number returns a value of a numeric column, or NaN if it cannot be drawn.
func number(v any) float64 {
	f := math.NaN()
	switch v := v.(type) {
	case float64:
		f = v
	case int64:
		f = float64(v)
	case string:
		f = parse(v)
	case json.Number:
		f = parse(string(v))
	case float32, int, int32, int16, int8, uint, uint64, uint32, uint16, uint8:
		f = parse(fmt.Sprint(v))
	}
	switch {
	case math.Abs(f) > 1e300:
		return math.NaN()
	case math.Abs(f) < 1e-300:
		return 0
	}
	return f
}

func parse(digits string) float64 {
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

const maxLabel = 200 // runes

// text returns a value as a label.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return "(no value)"
	case string:
		return firstOf(clean(v, maxLabel), "(empty)")
	case json.RawMessage:
		return clean(string(v), maxLabel)
	case float64:
		if math.Abs(v) < 1e15 {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	return clean(fmt.Sprint(v), maxLabel)
}

// isoLayouts are the forms of ISO 8601 in results, keyed by the character after the date.
var isoLayouts = map[string][]string{
	"T": {"2006-01-02T15:04:05.999999999", time.RFC3339Nano},
	" ": {"2006-01-02 15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00"},
}

// instants returns the times in a column, with the zero time where there is none. It returns nil if
// the column does not contain times: its type is neither a date nor a timestamp, and some of its
// texts are not ISO 8601 times.
func instants(set *resultset.Set, column int) []time.Time {
	base := baseType(set.Columns[column].Type)
	typed := temporalTypes[base]
	if isNumeric(set, column) {
		return years(set, column)
	}
	times := make([]time.Time, len(set.Rows))
	found := false
	for i, row := range set.Rows {
		value := cell(row, column)
		if value == nil {
			continue
		}
		if s, ok := value.(string); ok {
			times[i] = parseTime(s)
		}
		if times[i].IsZero() && !typed {
			return nil
		}
		found = found || !times[i].IsZero()
	}
	if !found {
		return nil
	}
	return times
}

// quarter matches 2024-Q1, 2024Q1, 2024 Q1, Q1 2024 and Q1/2024.
var quarter = regexp.MustCompile(`^(?:(\d{4})[- ]?[Qq]([1-4])|[Qq]([1-4])[- /](\d{4}))$`)

// parseTime returns the zero time if s is not a time. Months and quarters become their first day.
func parseTime(s string) time.Time {
	if m := quarter.FindStringSubmatch(s); m != nil {
		year, _ := strconv.Atoi(m[1] + m[4])
		third, _ := strconv.Atoi(m[2] + m[3])
		return time.Date(year, time.Month(3*third-2), 1, 0, 0, 0, 0, time.UTC)
	}
	layouts := []string{time.DateOnly}
	switch n := len(s); {
	case n == len("2006-01"):
		layouts = []string{"2006-01"}
	case n > len("2006-01-02T15:04:05.999999999+07:00"):
		return time.Time{}
	case n > len(time.DateOnly):
		layouts = isoLayouts[s[len(time.DateOnly):len(time.DateOnly)+1]]
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
