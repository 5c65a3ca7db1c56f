package orcfile

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"function/shared/fault"
	"function/shared/ingest/invalid"
	"function/shared/orc"
)

// value describes how the values of a type are read.
type value struct {
	typ    arrow.DataType
	fields int                              // the columns of Parquet that a value fills
	open   func(in *source) (reader, error) // of a stripe, for the values that are not null
}

// Bounds of a schema.
const (
	maxFields = 2000
	maxDepth  = 64
)

// plan describes how the rows of a file are read.
type plan struct {
	fields []arrow.Field
	open   func(in *source) ([]reader, error) // of the columns
	width  int                                // the columns of Parquet that a row fills
}

// planner turns types into values.
type planner struct {
	types  []orc.Type
	scan   *scan
	file   *orc.File
	fields int
	depth  int
}

// newPlan returns the columns of a file. A root other than a struct is a single column.
func newPlan(ctx context.Context, file *orc.File) (*plan, error) {
	p := &planner{types: file.Types, file: file}
	var err error
	if p.scan, err = scanFile(ctx, file); err != nil {
		return nil, err
	}
	root := file.Types[0]
	if root.Kind != orc.Struct {
		v, err := p.value(0, "value")
		if err != nil {
			return nil, err
		}
		open := func(in *source) ([]reader, error) { return openAll(in, []int{0}, []value{v}) }
		return &plan{fields: []arrow.Field{{Name: "value", Type: v.typ, Nullable: true}}, width: v.fields, open: open}, nil
	}
	if len(root.Children) == 0 {
		return nil, &invalid.Error{Detail: "The ORC file has no columns."}
	}
	fields, members, err := p.members(root, "")
	if err != nil {
		return nil, err
	}
	out := &plan{fields: fields, open: func(in *source) ([]reader, error) { return openRoot(in, root.Children, members) }}
	for _, v := range members {
		out.width += v.fields
	}
	return out, nil
}

// openAll opens the values of columns.
func openAll(in *source, ids []int, values []value) ([]reader, error) {
	readers := make([]reader, len(ids))
	for i, id := range ids {
		if kind := in.file.Types[id].Kind; in.Encodings[id].Dictionary && kind != orc.String && kind != orc.Varchar && kind != orc.Char {
			return nil, damaged("column %d is not text and yet encoded with a dictionary", id)
		}
		read, err := values[i].open(in)
		if err != nil {
			return nil, err
		}
		readers[i] = in.nullable(id, read)
	}
	return readers, nil
}

// members plans the fields of a struct, at the dotted path of the struct.
func (p *planner) members(t orc.Type, path string) ([]arrow.Field, []value, error) {
	fields, values := make([]arrow.Field, len(t.Children)), make([]value, len(t.Children))
	for i, child := range t.Children {
		v, err := p.value(child, join(path, t.FieldNames[i]))
		if err != nil {
			return nil, nil, err
		}
		fields[i], values[i] = arrow.Field{Name: t.FieldNames[i], Type: v.typ, Nullable: true}, v
	}
	return fields, values, nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// refuse returns the error of a column that cannot be carried.
func refuse(path, format string, args ...any) error {
	return &invalid.Error{Detail: fmt.Sprintf("Column %s ", fault.Excerpt(path)) + fmt.Sprintf(format, args...) + "."}
}

// value plans the values of a type.
func (p *planner) value(id int, path string) (value, error) {
	if p.fields++; p.fields > maxFields {
		return value{}, &invalid.Error{Detail: fmt.Sprintf("The schema of the ORC file has more than %d columns and nested fields.", maxFields)}
	}
	t := p.types[id]
	if open, ok := primitives[t.Kind]; ok {
		return open(id), nil
	}
	switch t.Kind {
	case orc.Timestamp:
		return timestamp(id, p.scan.nanoseconds[id]), nil
	case orc.Decimal:
		return p.decimal(id, path)
	case orc.List, orc.Map, orc.Struct, orc.Union:
		if p.depth == maxDepth {
			return value{}, refuse(path, "is nested more than %d levels deep", maxDepth)
		}
		p.depth++
		defer func() { p.depth-- }()
		return p.nested(id, path)
	}
	return value{}, refuse(path, "has the unknown type %d: write it as another type, such as string", t.Kind)
}

// nested plans a type with types within it.
func (p *planner) nested(id int, path string) (value, error) {
	t := p.types[id]
	if t.Kind == orc.Struct {
		return p.structure(id, path)
	}
	parts := make([]value, len(t.Children))
	for i, child := range t.Children {
		var err error
		if parts[i], err = p.value(child, path); err != nil {
			return value{}, err
		}
	}
	switch t.Kind {
	case orc.List:
		return list(id, t.Children[0], parts[0]), nil
	case orc.Map:
		return dictionary(id, t.Children, parts), nil
	}
	if len(parts) == 0 {
		return value{}, refuse(path, "is a union of no types, which holds nothing: leave it out")
	}
	return union(id, t.Children, parts), nil
}

func (p *planner) structure(id int, path string) (value, error) {
	t := p.types[id]
	if len(t.Children) == 0 {
		return value{}, refuse(path, "is a struct without fields, which holds nothing: leave it out")
	}
	seen := map[string]string{}
	for _, name := range t.FieldNames {
		if other, ok := seen[strings.ToLower(name)]; ok {
			return value{}, refuse(path, "has the fields %s and %s, which differ in case only: rename one", fault.Excerpt(other), fault.Excerpt(name))
		}
		seen[strings.ToLower(name)] = name
	}
	fields, members, err := p.members(t, path)
	return structure(fields, t.Children, members), err
}
