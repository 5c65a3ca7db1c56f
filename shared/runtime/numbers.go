package runtime

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// jsonFormat reads bodies with numbers that no float64 can hold. huma decodes a body twice: to values of
// any type, which it validates against the schema, and to the request. Only the second one decides
// whether a number fits: a member that keeps the text of its numbers can hold them all.
var jsonFormat = huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: func(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	into, validated := v.(*any)
	var misfit *json.UnmarshalTypeError
	if !validated || !errors.As(err, &misfit) {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(data)) // the syntax is right, or err would be another
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	*into = nearest(*into)
	return nil
}}

// nearest replaces the numbers in a value by the nearest finite float64.
func nearest(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = nearest(member)
		}
	case []any:
		for i, element := range v {
			v[i] = nearest(element)
		}
	case json.Number:
		n, _ := strconv.ParseFloat(v.String(), 64) // infinite if it is out of range
		return min(max(n, -math.MaxFloat64), math.MaxFloat64)
	}
	return value
}
