package orcwriter

import (
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"function/shared/orc"
)

// tag is the field of a struct that names the member of a union's value.
const tag = "tag"

// unions is a column of unions, written as structs of the tag and of a field for each member.
type unions struct{ compound }

func (p *plan) union(t arrow.UnionType, path string) (column, error) {
	fields := []arrow.Field{{Name: tag, Type: arrow.BinaryTypes.String}}
	for _, f := range t.Fields() {
		if strings.EqualFold(f.Name, tag) {
			return nil, refuse(path, "is a union with a member named %s, and its struct in ORC has a field of this name for the name of the member: rename the member", f.Name)
		}
		fields = append(fields, f)
	}
	p.changed(path, "a union", "struct of the name of the member, in tag, and of a field for each member")
	b := p.base(path, orc.Struct)
	columns, description, err := p.members(fields, path)
	if err != nil {
		return nil, err
	}
	p.types[b.id] = description
	columns[0].(*stringColumn).open = func(a arrow.Array) texts {
		values := a.(array.Union)
		return func(i int) (string, error) { return t.Fields()[values.ChildID(i)].Name, nil }
	}
	return &unions{compound{b, columns}}, nil
}

func (c *unions) write(a arrow.Array, rows []span) error {
	set, err := c.markIf(rows, nil)
	if err != nil {
		return err
	}
	if err := c.parts[0].write(a, set); err != nil {
		return err
	}
	values := a.(array.Union)
	for member, part := range c.parts[1:] {
		for _, r := range set {
			if err := writeMember(part, values, member, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeMember writes the values of a member, and null for those of other members.
func writeMember(to column, a array.Union, member int, r span) error {
	values := a.Field(member)
	dense, isDense := a.(*array.DenseUnion)
	for i := r.from; i < r.to; {
		end := i + 1
		selected := a.ChildID(i) == member
		for end < r.to && (a.ChildID(end) == member) == selected && !(isDense && selected) {
			end++
		}
		at := span{i, end}
		if isDense && selected {
			at.from = int(dense.ValueOffset(i))
			at.to = at.from + 1
		}
		var err error
		if selected {
			err = to.write(values, []span{at})
		} else {
			err = to.nulls(end - i)
		}
		if err != nil {
			return err
		}
		i = end
	}
	return nil
}
