package resultset

import (
	"database/sql/driver"
	"encoding"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// MaxSafeInteger is the largest integer that all JSON parsers preserve exactly (RFC 7493 §2.2).
const MaxSafeInteger = 1<<53 - 1

// Layouts of times. Those without a zone are for SQL types without one.
const (
	dateLayout      = "2006-01-02"
	timeLayout      = "15:04:05.999999999"
	timeTZLayout    = "15:04:05.999999999Z07:00"
	timestampLayout = "2006-01-02T15:04:05.999999999"
)

// Value returns the JSON form of a value. sqlType matters only for times: a time.Time alone does
// not show whether it is a date or has a zone. Type names of DuckDB and PostgreSQL are understood,
// in any case; an array's elements have the type without its "[]".
//
//	integers within ±(2^53−1) of any type      number
//	wider integers                             string of decimal digits
//	finite floats                              number
//	decimals                                   see Decimal
//	NaN, Infinity, -Infinity                   string
//	DATE                                       "2006-01-02"
//	TIMESTAMP                                  "2006-01-02T15:04:05.999999", no zone
//	TIMESTAMPTZ and every other time.Time      RFC 3339, in UTC
//	[]byte                                     base64 (RFC 4648 §4)
//	[16]byte                                   UUID text (RFC 9562)
//	json.RawMessage                            itself; a string when it is not valid JSON
//	slices, maps with string keys              arrays, objects of the same rules
//	driver.Valuer (pgtype.Numeric, Interval …) the form of its driver value
//	encoding.TextMarshaler, fmt.Stringer       their text
func Value(v any, sqlType string) any {
	switch v := v.(type) {
	case nil, bool, string:
		return v
	case int:
		return integer(int64(v))
	case int64:
		return integer(v)
	case int32, int16, int8, uint8, uint16, uint32:
		return v
	case uint64:
		if v > MaxSafeInteger {
			return fmt.Sprint(v)
		}
		return v
	case float64:
		return float(v, v)
	case float32:
		return float(v, float64(v))
	case *big.Int:
		return Decimal(v.String())
	case time.Time:
		return instant(v, sqlType)
	case json.RawMessage:
		if !json.Valid(v) {
			return string(v)
		}
		return v
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case [16]byte:
		return uuid(v)
	}
	return composite(v, sqlType)
}

func composite(v any, sqlType string) any {
	switch v := v.(type) {
	case driver.Valuer:
		if inner, err := v.Value(); err == nil && reflect.TypeOf(inner) != reflect.TypeOf(v) {
			return Value(inner, sqlType)
		}
	case encoding.TextMarshaler:
		if text, err := v.MarshalText(); err == nil {
			return string(text)
		}
	case fmt.Stringer:
		return v.String()
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Pointer:
		if r.IsNil() {
			return nil
		}
		return Value(r.Elem().Interface(), sqlType)
	case reflect.Slice, reflect.Array:
		list := make([]any, r.Len())
		for i := range list {
			list[i] = Value(r.Index(i).Interface(), strings.TrimSuffix(sqlType, "[]"))
		}
		return list
	case reflect.Map:
		object := make(map[string]any, r.Len())
		for it := r.MapRange(); it.Next(); {
			object[fmt.Sprint(it.Key().Interface())] = Value(it.Value().Interface(), "")
		}
		return object
	}
	return fmt.Sprint(v)
}

func integer(v int64) any {
	if v > MaxSafeInteger || v < -MaxSafeInteger {
		return fmt.Sprint(v)
	}
	return v
}

// Decimal returns the JSON form of an exact number: a number for an integer within ±(2^53−1)
// without a fraction, otherwise a string with all digits. So 7 becomes 7, and 7.00 becomes "7.00".
func Decimal(digits string) any {
	if v, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return integer(v)
	}
	return digits
}

func float(v any, wide float64) any {
	switch {
	case math.IsNaN(wide):
		return "NaN"
	case math.IsInf(wide, 1):
		return "Infinity"
	case math.IsInf(wide, -1):
		return "-Infinity"
	}
	return v
}

func instant(t time.Time, sqlType string) string {
	switch strings.ToUpper(sqlType) {
	case "DATE":
		return t.Format(dateLayout)
	case "TIME", "TIME WITHOUT TIME ZONE", "TIME_NS":
		return t.Format(timeLayout)
	case "TIMETZ", "TIME WITH TIME ZONE":
		return t.Format(timeTZLayout)
	case "TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE", "DATETIME", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS":
		return t.Format(timestampLayout)
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func uuid(b [16]byte) string {
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
