//go:build cgo

package engine

import (
	"bytes"
	"context"
	"database/sql/driver"
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
	info   duckdb.TypeInfo // of the value as it is selected
	asJSON bool            // selected as JSON text
}

// fields describes the columns of a relation: their names, the types' names, and the types' structure.
func (s *session) fields(ctx context.Context, relation string) ([]field, error) {
	var list []field
	err := s.each(ctx, "SELECT column_name, column_type FROM (DESCRIBE FROM "+relation+")", func(row []any) error {
		name, _ := row[0].(string)
		sqlType, _ := row[1].(string)
		list = append(list, field{Column: resultset.Column{Name: name, Type: sqlType}})
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].asJSON = list[i].Type == "JSON" || nested(list[i].Type) && (strings.Contains(list[i].Type, "JSON") || strings.Contains(list[i].Type, "MAP("))
	}
	return list, s.describe(ctx, "SELECT "+projection(list)+" FROM "+relation, list)
}

// describe asks a prepared query for the structure of its columns' types.
func (s *session) describe(ctx context.Context, query string, list []field) error {
	return s.conn.Raw(func(conn any) error {
		prepared, err := conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
		if err != nil {
			return fmt.Errorf("prepare %.60q: %w", query, err)
		}
		defer prepared.Close()
		for i := range list {
			if list[i].info, err = prepared.(*duckdb.Stmt).ColumnTypeInfo(i); err != nil {
				return fmt.Errorf("describe column %d: %w", i+1, err)
			}
		}
		return nil
	})
}

// projection selects the fields in a form that the driver hands over whole. It would turn JSON numbers into doubles,
// is slow on maps, and does not know some types at all.
func projection(list []field) string {
	columns := make([]string, len(list))
	for i, f := range list {
		columns[i] = identifier(f.Name)
		switch {
		case f.Type == "JSON", f.Type == "TIME_NS", f.Type == "VARIANT", f.Type == "GEOMETRY", f.Type == "BIT":
			columns[i] = "CAST(" + columns[i] + " AS VARCHAR)"
		case f.asJSON:
			columns[i] = "CAST(to_json(" + columns[i] + ") AS VARCHAR)"
		}
	}
	return strings.Join(columns, ", ")
}

func nested(sqlType string) bool {
	return strings.HasSuffix(sqlType, "]") || strings.HasPrefix(sqlType, "STRUCT(") ||
		strings.HasPrefix(sqlType, "MAP(") || strings.HasPrefix(sqlType, "UNION(")
}

// value is the field's form in an answer.
func (f field) value(v any) any {
	text, ok := v.(string)
	switch {
	case ok && f.Type == "JSON":
		return resultset.Value(json.RawMessage(text), f.Type)
	case ok && f.asJSON:
		return safeJSON(text)
	}
	return convert(v, f.info)
}

// convert follows the structure of a type down to plain values, which package resultset knows.
func convert(v any, info duckdb.TypeInfo) any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return convertList(v, info)
	case map[string]any:
		details, ok := info.Details().(*duckdb.StructDetails)
		if !ok {
			break
		}
		object := make(map[string]any, len(v))
		for _, entry := range details.Entries {
			object[entry.Name()] = convert(v[entry.Name()], entry.Info())
		}
		return object
	case duckdb.Union:
		if details, ok := info.Details().(*duckdb.UnionDetails); ok {
			for _, member := range details.Members {
				if member.Name == v.Tag {
					return convert(v.Value, member.Type)
				}
			}
		}
	case []byte:
		if info.InternalType() == duckdb.TYPE_UUID && len(v) == 16 {
			return resultset.Value([16]byte(v), "")
		}
	case duckdb.Decimal:
		return decimal(v)
	case duckdb.Interval:
		return duration(v)
	case time.Time:
		return instant(v, info.InternalType())
	}
	return resultset.Value(v, "")
}

func convertList(list []any, info duckdb.TypeInfo) any {
	var child duckdb.TypeInfo
	switch details := info.Details().(type) {
	case *duckdb.ListDetails:
		child = details.Child
	case *duckdb.ArrayDetails:
		child = details.Child
	default:
		return resultset.Value(list, "")
	}
	converted := make([]any, len(list))
	for i, element := range list {
		converted[i] = convert(element, child)
	}
	return converted
}

func instant(t time.Time, sqlType duckdb.Type) any {
	switch sqlType {
	case duckdb.TYPE_DATE:
		return resultset.Value(t, "DATE")
	case duckdb.TYPE_TIME:
		return resultset.Value(t, "TIME")
	case duckdb.TYPE_TIME_TZ:
		return resultset.Value(t, "TIMETZ")
	}
	switch t.UnixMicro() { // DuckDB's infinite timestamps
	case math.MaxInt64:
		return "infinity"
	case -math.MaxInt64:
		return "-infinity"
	}
	if sqlType == duckdb.TYPE_TIMESTAMP_TZ {
		return resultset.Value(t, "TIMESTAMPTZ")
	}
	return resultset.Value(t, "TIMESTAMP")
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

// safeJSON makes strings of the integers in JSON text that not every reader keeps.
func safeJSON(text string) any {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return text
	}
	return safeNumbers(v)
}

func safeNumbers(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = safeNumbers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = safeNumbers(v[key])
		}
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return resultset.Value(i, "")
		}
		if !strings.ContainsAny(v.String(), ".eE") {
			return v.String()
		}
	}
	return v
}
