package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"function/shared/resultset"

	"github.com/duckdb/duckdb-go/v2"
)

// field is a column on its way from DuckDB into an answer.
type field struct {
	resultset.Column
	sqlType sqlType
}

// fields describes the columns of a relation.
func (s *session) fields(ctx context.Context, relation string) ([]field, error) {
	var list []field
	err := s.each(ctx, "SELECT column_name, column_type FROM (DESCRIBE FROM "+relation+")", func(row []any) error {
		name, _ := row[0].(string)
		typeName, _ := row[1].(string)
		t, err := parseType(typeName)
		list = append(list, field{resultset.Column{Name: name, Type: typeName}, t})
		return err
	})
	return list, err
}

// projection selects the fields in a form that the driver hands over whole.
func projection(list []field) string {
	columns := make([]string, len(list))
	for i, f := range list {
		columns[i] = f.sqlType.expression(identifier(f.Name), 0)
	}
	return strings.Join(columns, ", ")
}

func nested(sqlType string) bool {
	return strings.HasSuffix(sqlType, "]") || strings.HasPrefix(sqlType, "STRUCT(") ||
		strings.HasPrefix(sqlType, "MAP(") || strings.HasPrefix(sqlType, "UNION(")
}

// value is the field's form in an answer.
func (f field) value(v any) any { return convert(v, f.sqlType) }

// convert turns what sqlType.expression selects into plain values, which package resultset knows.
func convert(v any, t sqlType) any {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		return fromText(v, t)
	case []any:
		return convertList(v, t)
	case map[string]any:
		return convertMembers(v, t)
	case []byte:
		if t.name == "UUID" && len(v) == 16 {
			return resultset.Value([16]byte(v), "")
		}
	case duckdb.Decimal:
		if v.Scale == 0 {
			return resultset.Value(v.Value, "")
		}
		return decimal(v)
	case duckdb.Interval:
		return duration(v)
	case time.Time:
		return instant(v, t.name)
	}
	return resultset.Value(v, "")
}

// fromText is the form of a type that was selected as text.
func fromText(v string, t sqlType) any {
	switch t.name {
	case "JSON":
		return resultset.Value(json.RawMessage(v), "")
	case zonedTime: // 10:00:00+02 is 10:00:00+02:00 in ISO 8601
		if clock, zero := strings.CutSuffix(v, "+00"); zero && !strings.Contains(clock, "+") && strings.Count(clock, ":") == 2 {
			return clock + "Z"
		}
		if i := strings.LastIndexAny(v, "+-"); i == len(v)-3 {
			return v + ":00"
		}
	}
	return v
}

func convertList(list []any, t sqlType) any {
	if t.name == "MAP" {
		object := make(map[string]any, len(list))
		for _, entry := range list {
			if members, ok := entry.(map[string]any); ok {
				object[key(convert(members["0"], t.parts[0]))] = convert(members["1"], t.parts[1])
			}
		}
		return object
	}
	converted := make([]any, len(list))
	for i, element := range list {
		converted[i] = convert(element, t.parts[0])
	}
	return converted
}

// key is the name of a map's entry: text as it is, anything else in JSON.
func key(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(encoded)
}

// convertMembers makes an object of a struct, and of a union its value.
func convertMembers(members map[string]any, t sqlType) any {
	if t.name == "UNION" {
		for i, label := range t.labels {
			if label == members["tag"] {
				return convert(members[strconv.Itoa(i)], t.parts[i])
			}
		}
		return nil
	}
	object := make(map[string]any, len(t.parts))
	for i, part := range t.parts {
		object[t.labels[i]] = convert(members[strconv.Itoa(i)], part)
	}
	return object
}

func instant(t time.Time, sqlType string) any {
	infinite := [2]int64{math.MaxInt64, t.UnixMicro()} // what DuckDB keeps of infinity, and of t
	switch sqlType {
	case "DATE":
		infinite = [2]int64{math.MaxInt32, t.Unix() / (24 * 60 * 60)}
	case "TIMESTAMP_NS":
		infinite[1] = t.UnixNano()
	}
	switch infinite[1] {
	case infinite[0]:
		return "infinity"
	case -infinite[0]:
		return "-infinity"
	}
	return resultset.Value(t, sqlType)
}

// decimal writes a decimal with all digits of its scale, as SQL does.
func decimal(d duckdb.Decimal) string {
	digits, scale := new(big.Int).Abs(d.Value).String(), int(d.Scale)
	if short := scale + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	if scale > 0 {
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if d.Value.Sign() < 0 {
		digits = "-" + digits
	}
	return digits
}

// duration writes an interval as ISO 8601 does, every part with its own sign.
func duration(i duckdb.Interval) string {
	text := "P"
	if i.Months != 0 {
		text += fmt.Sprintf("%dM", i.Months)
	}
	if i.Days != 0 {
		text += fmt.Sprintf("%dD", i.Days)
	}
	if i.Micros != 0 || text == "P" {
		seconds := strconv.FormatInt(i.Micros/1e6, 10)
		if i.Micros < 0 && i.Micros > -1e6 {
			seconds = "-0"
		}
		if fraction := max(i.Micros%1e6, -(i.Micros % 1e6)); fraction != 0 {
			seconds += "." + strings.TrimRight(fmt.Sprintf("%06d", fraction), "0")
		}
		text += "T" + seconds + "S"
	}
	return text
}
