package avrofile

import (
	"encoding/json"
	"fmt"
	"strings"
)

// named gives a name to the records of a schema that have an empty one, as polars writes them. Nothing can refer to
// them. A schema that is not JSON stays as it is.
func named(schema string) string {
	decoder := json.NewDecoder(strings.NewReader(schema))
	decoder.UseNumber()
	var root any
	if decoder.Decode(&root) != nil {
		return schema
	}
	count := 0
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, element := range v {
				walk(element)
			}
		case map[string]any:
			if v["type"] == "record" && v["name"] == "" {
				count++
				v["name"] = fmt.Sprintf("record_%d", count)
			}
			for _, member := range v {
				walk(member)
			}
		}
	}
	walk(root)
	text, err := json.Marshal(root)
	if err != nil {
		return schema
	}
	return string(text)
}
