package functions_test

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"function/functions"
	"function/shared/runtime"
)

// narrow are the kinds into which huma stores a 64-bit number without checking its range:
// 99999999999 becomes 1215752191 in an int32.
var narrow = []reflect.Kind{
	reflect.Int8, reflect.Int16, reflect.Int32, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Float32, reflect.Complex64,
}

var readers = []reflect.Type{reflect.TypeFor[encoding.TextUnmarshaler](), reflect.TypeFor[json.Unmarshaler]()}

// findNarrow returns the places in a request type that have narrow numbers. It skips types that
// decode themselves, such as UUIDs, and bytes.
func findNarrow(t reflect.Type, place string, within []reflect.Type) (found []string) {
	if slices.Contains(within, t) || slices.ContainsFunc(readers, reflect.PointerTo(t).Implements) {
		return nil
	}
	within = append(slices.Clip(within), t)
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
			return nil
		}
		return findNarrow(t.Elem(), place, within)
	case reflect.Struct:
		for i := range t.NumField() {
			if field := t.Field(i); field.IsExported() || field.Anonymous {
				found = append(found, findNarrow(field.Type, place+"."+field.Name, within)...)
			}
		}
	default:
		if slices.Contains(narrow, t.Kind()) {
			found = append(found, fmt.Sprintf("%s is %s", place, t))
		}
	}
	return found
}

func TestRequests_64BitNumbers_AreNotTruncated(t *testing.T) {
	t.Parallel()
	for _, d := range functions.Catalog {
		for _, operation := range d.Operations {
			for _, place := range findNarrow(operation.Request, operation.OperationID, nil) {
				t.Errorf("%s: declare it as int, int64 or float64 with a maximum", place)
			}
		}
	}
}

func TestRequests_NarrowNumber_IsFound(t *testing.T) {
	t.Parallel()
	type page struct {
		Size uint16 `query:"size"`
	}
	type request struct {
		page
		Version int32 `path:"version"`
		Whole   int64 `query:"whole"`
		Bytes   []byte
		Body    struct {
			Rows []struct{ Share *float32 } `json:"rows"`
		}
	}
	want := []string{"r.page.Size is uint16", "r.Version is int32", "r.Body.Rows.Share is float32"}
	if got := findNarrow(reflect.TypeFor[request](), "r", nil); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// An integer without a maximum could reach a 32-bit column, which would refuse it with a server
// error. Cursors are compared with 64-bit columns.
func TestRequests_Integers_DeclareMinimumAndMaximum(t *testing.T) {
	t.Parallel()
	description := runtime.Describe(functions.Catalog)
	checked := map[string]bool{}
	var check func(s *huma.Schema, place string)
	check = func(s *huma.Schema, place string) {
		if s != nil && s.Ref != "" {
			if checked[s.Ref] {
				return
			}
			checked[s.Ref] = true
			s = description.Components.Schemas.SchemaFromRef(s.Ref)
		}
		if s == nil {
			return
		}
		if s.Type == huma.TypeInteger && (s.Minimum == nil || s.Maximum == nil) {
			t.Errorf("%s has no minimum or no maximum", place)
		}
		check(s.Items, place+"[]")
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			check(s.Properties[name], place+"."+name)
		}
	}
	for path, item := range description.Paths {
		for _, operation := range []*huma.Operation{item.Get, item.Put, item.Post, item.Patch, item.Delete} {
			if operation == nil {
				continue
			}
			for _, parameter := range operation.Parameters {
				if parameter.Name != "cursor" {
					check(parameter.Schema, operation.Method+" "+path+" "+parameter.In+" "+parameter.Name)
				}
			}
			if operation.RequestBody == nil {
				continue
			}
			for _, media := range operation.RequestBody.Content {
				check(media.Schema, operation.Method+" "+path+" body")
			}
		}
	}
}
