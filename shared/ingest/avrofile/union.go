package avrofile

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/twmb/avro"

	"function/shared/fault"
)

// union plans a union. One of null and another type is that type; one of several other types is a structure with a
// field for each of them, of which the one with the value is set.
func (p *planner) union(n *avro.SchemaNode, path string) (value, error) {
	branches := make([]*value, len(n.Branches)) // nil for null
	var types []arrow.Field
	var members []value
	names, seen := map[string]int{}, map[string]bool{}
	for i := range n.Branches {
		short, _ := branchNames(&n.Branches[i])
		names[strings.ToLower(short)]++
	}
	for i := range n.Branches {
		branch := &n.Branches[i]
		if branch.Type == "null" {
			continue
		}
		name, full := branchNames(branch)
		if names[strings.ToLower(name)] > 1 {
			name = full
		}
		if seen[strings.ToLower(name)] {
			return value{}, refuse(path, "is a union of two types with the name %s: rename one", fault.Excerpt(name))
		}
		seen[strings.ToLower(name)] = true
		v, err := p.value(branch, path)
		if err != nil {
			return value{}, err
		}
		branches[i] = &v
		types, members = append(types, arrow.Field{Name: name, Type: v.typ, Nullable: true}), append(members, v)
	}
	choose := func(c *cursor) (*value, error) {
		i, err := c.long()
		if err != nil || i < 0 || i >= int64(len(branches)) {
			return nil, errShort
		}
		return branches[i], nil
	}
	switch len(members) {
	case 0:
		v := primitives["null"]
		v.least, v.read = 1, func(c *cursor, b array.Builder) error {
			b.AppendNull()
			_, err := choose(c)
			return err
		}
		return v, nil
	case 1:
		only := members[0]
		return value{typ: only.typ, least: 1, fields: only.fields, read: func(c *cursor, b array.Builder) error {
			chosen, err := choose(c)
			switch {
			case err != nil:
				return err
			case chosen == nil:
				b.AppendNull()
				return nil
			}
			return chosen.read(c, b)
		}}, nil
	}
	whole := structure(types, members)
	whole.least, whole.read = 1, func(c *cursor, b array.Builder) error {
		chosen, err := choose(c)
		if err != nil {
			return err
		}
		if chosen == nil {
			b.AppendNull()
			return nil
		}
		builder, field := b.(*array.StructBuilder), 0
		builder.Append(true)
		for _, branch := range branches {
			switch {
			case branch == nil:
				continue
			case branch == chosen:
				if err := chosen.read(c, builder.FieldBuilder(field)); err != nil {
					return err
				}
			default:
				builder.FieldBuilder(field).AppendNull()
			}
			field++
		}
		return nil
	}
	return whole, nil
}

// branchNames returns the name of a type without and with its namespace.
func branchNames(n *avro.SchemaNode) (short, full string) {
	full = n.Type
	switch n.Type {
	case "record", "error", "enum", "fixed":
		full = fullName(n)
	}
	return full[strings.LastIndex(full, ".")+1:], full
}
