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

	"github.com/duckdb/duckdb-go/v2"

	"function/shared/resultset"
)

// Field is a column of a query's result.
type Field struct {
	resultset.Column
	sqlType Type
}

// Fields returns the columns of a relation.
func (s *Session) Fields(ctx context.Context, relation string) ([]Field, error) {
	var list []Field
	err := s.Each(ctx, "SELECT column_name, column_type FROM (DESCRIBE FROM "+relation+")", func(row []any) error {
		name, _ := row[0].(string)
		typeName, _ := row[1].(string)
		t, err := ParseType(typeName)
		list = append(list, Field{resultset.Column{Name: name, Type: typeName}, t})
		return err
	})
	return list, err
}

// Projection returns the select list that makes the driver return every value of the fields unchanged.
func Projection(list []Field) string {
	columns := make([]string, len(list))
	for i, f := range list {
		columns[i] = f.sqlType.expression(Identifier(f.Name), 0)
	}
	return strings.Join(columns, ", ")
}

func Nested(sqlType string) bool {
	return strings.HasSuffix(sqlType, "]") || strings.HasPrefix(sqlType, "STRUCT(") ||
		strings.HasPrefix(sqlType, "MAP(") || strings.HasPrefix(sqlType, "UNION(")
}

// Value converts a value of the projection into the form of package resultset.
func (f Field) Value(v any) any { return convert(v, f.sqlType) }

// convert converts a value that Type.expression selected.
func convert(v any, t Type) any {
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
		if t.Name == "UUID" && len(v) == 16 {
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
		return instant(v, t.Name)
	}
	return resultset.Value(v, "")
}

// fromText converts a value that was selected as text.
func fromText(v string, t Type) any {
	switch t.Name {
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

func convertList(list []any, t Type) any {
	if t.Name == "MAP" {
		object := make(map[string]any, len(list))
		for _, entry := range list {
			if members, ok := entry.(map[string]any); ok {
				object[key(convert(members["0"], t.Parts[0]))] = convert(members["1"], t.Parts[1])
			}
		}
		return object
	}
	converted := make([]any, len(list))
	for i, element := range list {
		converted[i] = convert(element, t.Parts[0])
	}
	return converted
}

// key returns the JSON key of a map's entry: text as it is, everything else as JSON.
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

// convertMembers turns a struct into an object, and a union into its value.
func convertMembers(members map[string]any, t Type) any {
	if t.Name == "UNION" {
		for i, label := range t.labels {
			if label == members["tag"] {
				return convert(members[strconv.Itoa(i)], t.Parts[i])
			}
		}
		return nil
	}
	object := make(map[string]any, len(t.Parts))
	for i, part := range t.Parts {
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

// decimal formats a decimal with all digits of its scale, as SQL does.
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

// duration formats an interval as ISO 8601, each part with its own sign.
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
