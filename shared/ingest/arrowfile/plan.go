package arrowfile

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"

	"function/shared/fault"
	"function/shared/ingest/invalid"
)

// value describes how the values of a type are copied.
type value struct {
	typ    arrow.DataType
	append func(b array.Builder, a arrow.Array, i int, s *size) error // appends value i to a builder of typ; counts what it takes
}

// Bounds of a schema.
const (
	maxFields = 2000
	maxDepth  = 64
)

// planner turns types into values.
type planner struct{ fields, depth int }

func plan(schema *arrow.Schema) ([]arrow.Field, []value, error) {
	p := &planner{}
	fields, values, err := p.members(schema.Fields(), "")
	if err == nil && len(fields) == 0 {
		err = &invalid.Error{Detail: "The Arrow file has no columns."}
	}
	return fields, values, err
}

func (p *planner) members(list []arrow.Field, path string) ([]arrow.Field, []value, error) {
	fields, values := make([]arrow.Field, len(list)), make([]value, len(list))
	seen := map[string]bool{}
	for i, f := range list {
		inner := f.Name
		if path != "" {
			inner = path + "." + f.Name
			if name := strings.ToLower(f.Name); seen[name] || f.Name == "" {
				return nil, nil, refuse(path, "has two fields with the same name, or one without a name: rename it")
			}
			seen[strings.ToLower(f.Name)] = true
		}
		v, err := p.value(f.Type, inner)
		if err != nil {
			return nil, nil, err
		}
		fields[i], values[i] = arrow.Field{Name: f.Name, Type: v.typ, Nullable: true}, v
	}
	return fields, values, nil
}

// value plans values that may be null.
func (p *planner) value(t arrow.DataType, path string) (value, error) {
	p.fields++
	p.depth++
	defer func() { p.depth-- }()
	if p.fields > maxFields || p.depth > maxDepth {
		return value{}, tooWide()
	}
	v, err := p.present(t, path)
	if err != nil {
		return v, err
	}
	inner := v.append
	v.append = func(b array.Builder, a arrow.Array, i int, s *size) error {
		s.values++
		if a.IsNull(i) {
			b.AppendNull()
			return nil
		}
		return inner(b, a, i, s)
	}
	return v, nil
}

// present plans values that are not null.
func (p *planner) present(t arrow.DataType, path string) (value, error) {
	switch t := t.(type) {
	case *extensions.UUIDType:
		return uuids, nil
	case arrow.ExtensionType:
		storage, err := p.value(t.StorageType(), path)
		return within(storage, func(a arrow.Array, i int) (arrow.Array, int) {
			return a.(array.ExtensionArray).Storage(), i
		}), err
	case *arrow.DictionaryType:
		values, err := p.value(t.ValueType, path)
		return within(values, func(a arrow.Array, i int) (arrow.Array, int) {
			d := a.(*array.Dictionary)
			return d.Dictionary(), d.GetValueIndex(i)
		}), err
	case *arrow.RunEndEncodedType:
		values, err := p.value(t.Encoded(), path)
		return within(values, func(a arrow.Array, i int) (arrow.Array, int) {
			r := a.(*array.RunEndEncoded)
			return r.Values(), r.GetPhysicalIndex(i)
		}), err
	case arrow.DecimalType:
		return decimals(t, path)
	case *arrow.TimestampType:
		return timestamps(t), nil
	case *arrow.Time32Type:
		return value{t, timeOfDay32(t.Unit)}, nil
	case *arrow.Time64Type:
		return value{t, timeOfDay64(t.Unit)}, nil
	case *arrow.StructType:
		return p.structure(t, path)
	case *arrow.MapType:
		return p.pairs(t, path)
	case arrow.ListLikeType:
		return p.list(t, path)
	case *arrow.FixedSizeBinaryType:
		return bytesOf, nil
	}
	if t.ID() == arrow.NULL && p.depth > 1 {
		return value{}, refuse(path, "has values of the type null, which only a whole column can have: give them another type")
	}
	if v, ok := primitives[t.ID()]; ok {
		return v, nil
	}
	return value{}, refuse(path, "has the unsupported type %s: write it as another type, such as text", t)
}

// within plans values that are found in another array.
func within(v value, find func(arrow.Array, int) (arrow.Array, int)) value {
	inner := v.append
	v.append = func(b array.Builder, a arrow.Array, i int, s *size) error {
		found, at := find(a, i)
		return inner(b, found, at, s)
	}
	return v
}

func tooWide() *invalid.Error {
	return &invalid.Error{Detail: fmt.Sprintf("The Arrow file has more than %d columns and nested fields, or more than %d levels of them.", maxFields, maxDepth)}
}

func refuse(path, format string, args ...any) *invalid.Error {
	return &invalid.Error{Detail: fmt.Sprintf("Column %s of the Arrow file "+format+".", append([]any{fault.Excerpt(path)}, args...)...)}
}
