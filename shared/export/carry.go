package export

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"function/shared/engine"
)

// carriers has, for each format, the types that it carries as another type.
var carriers = map[string]map[string]string{
	CSV:    unreadable,
	JSON:   unreadable,
	NDJSON: unreadable,
	Arrow:  {"JSON": "VARCHAR", "TIME WITH TIME ZONE": "VARCHAR", "INTERVAL": "VARCHAR", "VARIANT": "VARCHAR", "GEOMETRY": "VARCHAR"},
	ORC: {"UTINYINT": "SMALLINT", "USMALLINT": "INTEGER", "UINTEGER": "BIGINT", "UBIGINT": "DECIMAL(20,0)", "UUID": "VARCHAR", "TIME": "VARCHAR",
		"JSON": "VARCHAR", "TIME WITH TIME ZONE": "VARCHAR", "INTERVAL": "VARCHAR", "VARIANT": "VARCHAR", "GEOMETRY": "VARCHAR"},
	Avro: {"TINYINT": "INTEGER", "SMALLINT": "INTEGER", "UTINYINT": "INTEGER", "USMALLINT": "INTEGER", "UINTEGER": "BIGINT", "UBIGINT": "DECIMAL(20,0)",
		"JSON": "VARCHAR", "TIME WITH TIME ZONE": "VARCHAR", "INTERVAL": "VARCHAR", "VARIANT": "VARCHAR", "GEOMETRY": "VARCHAR"},
}

// unreadable are types that arrow-go does not read from Parquet.
var unreadable = map[string]string{"INTERVAL": "VARCHAR", "VARIANT": "VARCHAR", "GEOMETRY": "VARCHAR"}

// leafType matches a type within a type, and quoted names, so that a type in a name is skipped. An unquoted name is
// followed by a space.
var leafType = regexp.MustCompile(`"(?:[^"]|"")*"|'(?:[^']|'')*'|\b(?:TIME WITH TIME ZONE|TIMESTAMP WITH TIME ZONE|[A-Z_]+)(?:[(,)\[]|$)`)

// recast replaces types within a type.
func recast(sqlType string, as map[string]string) string {
	return leafType.ReplaceAllStringFunc(sqlType, func(part string) string {
		name := strings.TrimRight(part, "(,)[")
		if replaced, ok := as[name]; ok {
			// The parameters of the type, of which only GEOMETRY has any, would stay.
			return replaced + part[len(name):]
		}
		return part
	})
}

// texts has, for each format of text, the types that are carried in a form that needs a note.
var texts = map[string]map[string]string{
	CSV: {
		"BLOB": "BLOB as base64 text", "LIST": nestedText, "STRUCT": nestedText, "MAP": nestedText,
	},
	JSON: {
		"BLOB": "BLOB as base64 text", "DECIMAL": "DECIMAL as text with all digits", "BIGINT": wideText, "UBIGINT": wideText,
		"FLOAT": finiteText, "DOUBLE": finiteText, "UUID": momentText, "DATE": momentText, "TIME": momentText, "TIME WITH TIME ZONE": momentText,
		"TIMESTAMP": momentText, "TIMESTAMP_NS": momentText, "TIMESTAMP WITH TIME ZONE": momentText, "MAP": "MAP as an object",
	},
}

const (
	nestedText = "LIST, STRUCT and MAP as JSON text"
	wideText   = "Integers beyond 9007199254740991 as text"
	finiteText = "NaN and infinities as text"
	momentText = "UUID, dates and times as text"
)

// note adds what a format carries otherwise.
func note(t engine.Type, format string, notes map[string]bool) {
	if as, ok := carriers[format][t.Name]; ok {
		if as == "VARCHAR" {
			as = "text"
		}
		notes[t.Name+" as "+as] = true
	}
	key := format
	if format == NDJSON {
		key = JSON
	}
	if sentence, ok := texts[key][t.Name]; ok {
		notes[sentence] = true
	}
	if format == Avro && t.Name == "MAP" && t.Parts[0].Name != "VARCHAR" {
		notes["MAP with keys other than text as a list of keys and values"] = true
	}
	if format == CSV && slices.Contains([]string{"LIST", "STRUCT", "MAP"}, t.Name) {
		format = JSON // its values are within JSON
	}
	for _, part := range t.Parts {
		note(part, format, notes)
	}
}

// infinite returns an expression that is true for a value x of type t that has an infinite date or timestamp. For a
// type without dates it returns "".
func infinite(t engine.Type, x string, depth int) string {
	v := fmt.Sprintf("i%d", depth)
	var list []string
	within := func(elements string, part engine.Type) {
		if inner := infinite(part, v, depth+1); inner != "" {
			list = append(list, fmt.Sprintf("coalesce(list_bool_or(list_transform(%s, lambda %s: %s)), false)", elements, v, inner))
		}
	}
	switch t.Name {
	case "DATE", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE":
		return "coalesce(isinf(" + x + "), false)"
	case "LIST":
		within(x, t.Parts[0])
	case "MAP":
		within("map_keys("+x+")", t.Parts[0])
		within("map_values("+x+")", t.Parts[1])
	case "STRUCT":
		for i, part := range t.Parts {
			if inner := infinite(part, fmt.Sprintf("struct_extract_at(%s, %d)", x, i+1), depth); inner != "" {
				list = append(list, inner)
			}
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "(" + strings.Join(list, " OR ") + ")"
}
