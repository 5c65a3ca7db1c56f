package avrofile

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/twmb/avro"

	"function/shared/fault"
	"function/shared/ingest/invalid"
)

// value describes how the values of a schema are read.
type value struct {
	typ    arrow.DataType
	least  int                                    // the fewest bytes that a value takes
	fields int                                    // the columns of Parquet that a value fills
	read   func(c *cursor, b array.Builder) error // appends the next value to a builder of typ
}

// Bounds of a schema.
const (
	maxFields = 2000
	maxDepth  = 64
)

// planner turns schemas into values.
type planner struct {
	named  map[string]*avro.SchemaNode // by full name
	open   []string                    // the named types around the current one
	fields int
}

// plan returns the columns of a file. A schema other than a record is a single column.
func plan(schema string) ([]arrow.Field, []value, error) {
	parsed, err := avro.Parse(schema, avro.WithLaxNames(nil))
	if err != nil {
		parsed, err = avro.Parse(named(schema), avro.WithLaxNames(nil))
	}
	if err != nil {
		return nil, nil, damaged("its schema is not valid")
	}
	root := parsed.Root()
	p := &planner{named: map[string]*avro.SchemaNode{}}
	if root.Type != "record" && root.Type != "error" {
		v, err := p.value(root, "")
		if err != nil {
			return nil, nil, err
		}
		return []arrow.Field{{Name: "value", Type: v.typ, Nullable: true}}, []value{v}, nil
	}
	p.define(root)
	p.open = append(p.open, fullName(root))
	return p.members(root.Fields, "")
}

func fullName(n *avro.SchemaNode) string {
	if n.Namespace == "" || strings.Contains(n.Name, ".") {
		return n.Name
	}
	return n.Namespace + "." + n.Name
}

func (p *planner) define(n *avro.SchemaNode) { p.named[fullName(n)] = n }

// members plans the fields of a record, at the dotted path of the record.
func (p *planner) members(fields []avro.SchemaField, path string) ([]arrow.Field, []value, error) {
	types, values := make([]arrow.Field, len(fields)), make([]value, len(fields))
	for i, f := range fields {
		v, err := p.value(&f.Type, join(path, f.Name))
		if err != nil {
			return nil, nil, err
		}
		types[i], values[i] = arrow.Field{Name: f.Name, Type: v.typ, Nullable: true}, v
	}
	return types, values, nil
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

// value plans the values of a schema.
func (p *planner) value(n *avro.SchemaNode, path string) (value, error) {
	if n.Type == "union" {
		return p.union(n, path)
	}
	if p.fields++; p.fields > maxFields {
		return value{}, &invalid.Error{Detail: fmt.Sprintf("The schema of the Avro file has more than %d columns and nested fields.", maxFields)}
	}
	if v, ok := logical[[2]string{n.Type, n.LogicalType}]; ok {
		return v, nil
	}
	if v, ok := primitives[n.Type]; ok && n.LogicalType != "decimal" {
		return v, nil
	}
	switch n.Type {
	case "bytes":
		return decimal(n, path, primitives["bytes"])
	case "array":
		item, err := p.value(n.Items, path)
		return list(item), err
	case "map":
		item, err := p.value(n.Values, path)
		return dictionary(item), err
	case "enum", "fixed":
		p.define(n)
		return p.leaf(n, path)
	case "record", "error":
		p.define(n)
		return p.record(n, path)
	}
	definition, ok := p.named[n.Type]
	switch {
	case !ok:
		return value{}, damaged("its schema has the unknown type %s", fault.Excerpt(n.Type))
	case definition.Type == "record" || definition.Type == "error":
		return p.record(definition, path)
	}
	return p.leaf(definition, path)
}

// leaf plans an enum or a fixed.
func (p *planner) leaf(n *avro.SchemaNode, path string) (value, error) {
	if n.Type == "enum" {
		return enum(n.Symbols), nil
	}
	plain := fixed(n.Size)
	switch {
	case n.LogicalType == "decimal":
		return decimal(n, path, plain)
	case n.LogicalType == "uuid" && n.Size == 16:
		return uuidBytes, nil
	case n.LogicalType == "duration" && n.Size == 12:
		return duration, nil
	}
	return plain, nil
}

func (p *planner) record(n *avro.SchemaNode, path string) (value, error) {
	name := fullName(n)
	for _, around := range p.open {
		if around == name {
			return value{}, refuse(path, "has the recursive type %s, which no table holds", fault.Excerpt(name))
		}
	}
	if len(p.open) == maxDepth {
		return value{}, refuse(path, "is nested more than %d levels deep", maxDepth)
	}
	if len(n.Fields) == 0 {
		return value{}, refuse(path, "is a record without fields, which holds nothing: leave it out")
	}
	p.open = append(p.open, name)
	defer func() { p.open = p.open[:len(p.open)-1] }()
	seen := map[string]string{}
	for _, f := range n.Fields {
		if other, ok := seen[strings.ToLower(f.Name)]; ok {
			return value{}, refuse(path, "has the fields %s and %s, which differ in case only: rename one", fault.Excerpt(other), fault.Excerpt(f.Name))
		}
		seen[strings.ToLower(f.Name)] = f.Name
	}
	types, members, err := p.members(n.Fields, path)
	return structure(types, members), err
}
