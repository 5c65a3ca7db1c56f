package export

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/duckdb/duckdb-go/v2"

	"function/shared/engine"
	"function/shared/resultset"
)

// appendJSON appends value i of an array in the form of package resultset.
func appendJSON(dst []byte, a arrow.Array, i int, t engine.Type) ([]byte, error) {
	if a.IsNull(i) {
		return append(dst, "null"...), nil
	}
	switch a := a.(type) {
	case *array.String:
		return appendText(dst, a.Value(i), t)
	case *array.Binary:
		if t.Name == "BLOB" {
			return appendQuoted(dst, base64.StdEncoding.EncodeToString(a.Value(i)))
		}
		return appendText(dst, string(a.Value(i)), t)
	case *array.List:
		from, to := a.ValueOffsets(i)
		return appendList(dst, a.ListValues(), int(from), int(to), t.Parts[0])
	case *array.Map:
		return appendMap(dst, a, i, t)
	case *array.Struct:
		return appendStruct(dst, a, i, t)
	}
	v, err := scalar(a, i, t)
	if err != nil {
		return dst, err
	}
	return appendScalar(dst, v)
}

// scalar returns value i of an array of numbers, times or identifiers in the form of package resultset.
func scalar(a arrow.Array, i int, t engine.Type) (any, error) {
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i), nil
	case *array.Int8:
		return a.Value(i), nil
	case *array.Int16:
		return a.Value(i), nil
	case *array.Int32:
		return a.Value(i), nil
	case *array.Int64:
		return t.Value(a.Value(i)), nil
	case *array.Uint8:
		return a.Value(i), nil
	case *array.Uint16:
		return a.Value(i), nil
	case *array.Uint32:
		return a.Value(i), nil
	case *array.Uint64:
		return t.Value(a.Value(i)), nil
	case *array.Float32:
		return t.Value(a.Value(i)), nil
	case *array.Float64:
		return t.Value(a.Value(i)), nil
	case *array.Decimal128:
		scale := a.DataType().(*arrow.Decimal128Type).Scale
		return t.Value(duckdb.Decimal{Width: 38, Scale: uint8(scale), Value: a.Value(i).BigInt()}), nil
	case *extensions.UUIDArray:
		return a.Value(i).String(), nil
	case *array.Date32:
		return t.Value(a.Value(i).ToTime()), nil
	case *array.Time32:
		unit := a.DataType().(*arrow.Time32Type).Unit
		return clock(int64(a.Value(i))*int64(unit.Multiplier()), t), nil
	case *array.Time64:
		unit := a.DataType().(*arrow.Time64Type).Unit
		return clock(int64(a.Value(i))*int64(unit.Multiplier()), t), nil
	case *array.Timestamp:
		unit := a.DataType().(*arrow.TimestampType).Unit
		return t.Value(a.Value(i).ToTime(unit)), nil
	}
	return nil, fmt.Errorf("export: unexpected type %s", a.DataType())
}

// clock formats a time of day in nanoseconds.
func clock(n int64, t engine.Type) string {
	seconds, fraction := n/1e9, n%1e9
	text := fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	if fraction > 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%09d", fraction), "0")
	}
	if t.Name != "TIME" && t.Name != "TIME_NS" { // Parquet has it in UTC
		text += "Z"
	}
	return text
}

func appendScalar(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return appendQuoted(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	}
	encoded, err := json.Marshal(v)
	return append(dst, encoded...), err
}

func appendText(dst []byte, text string, t engine.Type) ([]byte, error) {
	if t.Name == "JSON" {
		encoded, err := json.Marshal(resultset.Value(json.RawMessage(text), ""))
		return append(dst, encoded...), err
	}
	return appendQuoted(dst, text)
}

func appendQuoted(dst []byte, text string) ([]byte, error) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f || c == '<' || c == '>' || c == '&' {
			encoded, err := json.Marshal(text)
			return append(dst, encoded...), err
		}
	}
	return append(append(append(dst, '"'), text...), '"'), nil
}

func appendList(dst []byte, values arrow.Array, from, to int, t engine.Type) (_ []byte, err error) {
	dst = append(dst, '[')
	for i := from; i < to; i++ {
		if i > from {
			dst = append(dst, ',')
		}
		if dst, err = appendJSON(dst, values, i, t); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendStruct(dst []byte, a *array.Struct, i int, t engine.Type) (_ []byte, err error) {
	dst = append(dst, '{')
	for n, f := range a.DataType().(*arrow.StructType).Fields() {
		if n > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendQuoted(dst, f.Name); err != nil {
			return dst, err
		}
		if dst, err = appendJSON(append(dst, ':'), a.Field(n), i, t.Parts[n]); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// appendMap appends a map as an object. A key that is not text is its JSON.
func appendMap(dst []byte, a *array.Map, i int, t engine.Type) (_ []byte, err error) {
	from, to := a.ValueOffsets(i)
	dst = append(dst, '{')
	for n := int(from); n < int(to); n++ {
		if n > int(from) {
			dst = append(dst, ',')
		}
		start := len(dst)
		if dst, err = appendJSON(dst, a.Keys(), n, t.Parts[0]); err != nil {
			return dst, err
		}
		if dst[start] != '"' {
			key := string(dst[start:])
			if dst, err = appendQuoted(dst[:start], key); err != nil {
				return dst, err
			}
		}
		if dst, err = appendJSON(append(dst, ':'), a.Items(), n, t.Parts[1]); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}
