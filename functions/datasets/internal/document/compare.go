package document

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// missing is the value of a path that leads nowhere. It is not null.
type missing struct{}

// rank orders values of different types.
func rank(value any) int {
	switch value.(type) {
	case missing:
		return 0
	case nil:
		return 1
	case json.Number:
		return 2
	case string:
		return 3
	case map[string]any:
		return 4
	case []any:
		return 5
	}
	return 6 // a boolean
}

// compare orders values: missing, null, numbers by value, strings by code point, objects, arrays,
// false, true.
func compare(a, b any) int {
	if byType := cmp.Compare(rank(a), rank(b)); byType != 0 {
		return byType
	}
	switch a := a.(type) {
	case json.Number:
		x, _ := parseNumber(a) // every number was checked when it arrived
		y, _ := parseNumber(b.(json.Number))
		return x.compare(y)
	case string:
		return cmp.Compare(a, b.(string)) // UTF-8 sorts by code point
	case bool:
		switch {
		case a == b.(bool):
			return 0
		case a:
			return 1
		}
		return -1
	case []any:
		return slices.CompareFunc(a, b.([]any), compare)
	case map[string]any:
		return compareObjects(a, b.(map[string]any))
	}
	return 0
}

// compareObjects compares the members in the order of their names.
func compareObjects(a, b map[string]any) int {
	names, others := slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))
	for i := range min(len(names), len(others)) {
		if byName := cmp.Compare(names[i], others[i]); byName != 0 {
			return byName
		}
		if byValue := compare(a[names[i]], b[names[i]]); byValue != 0 {
			return byValue
		}
	}
	return cmp.Compare(len(names), len(others))
}
