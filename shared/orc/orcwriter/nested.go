package orcwriter

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"google.golang.org/protobuf/encoding/protowire"

	"function/shared/orc"
	"function/shared/orc/rle"
)

// parts are the columns of the types within a type.
type parts []column

func (p parts) beginGroup() error {
	for _, c := range p {
		if err := c.beginGroup(); err != nil {
			return err
		}
	}
	return nil
}

func (p parts) size() int64 {
	size := int64(0)
	for _, c := range p {
		size += c.size()
	}
	return size
}

func (p parts) end(s *stripe) error {
	for _, c := range p {
		if err := c.end(s); err != nil {
			return err
		}
	}
	return nil
}

func (p parts) total(footer message) message {
	for _, c := range p {
		footer = c.total(footer)
	}
	return footer
}

// compound is a column with types within it.
type compound struct {
	*base
	parts parts
}

func (c *compound) beginGroup() error {
	if err := c.base.beginGroup(); err != nil {
		return err
	}
	return c.parts.beginGroup()
}

func (c *compound) size() int64 { return c.base.size() + c.parts.size() }

func (c *compound) end(s *stripe) error {
	if err := c.base.end(s); err != nil {
		return err
	}
	return c.parts.end(s)
}

func (c *compound) total(footer message) message { return c.parts.total(c.base.total(footer)) }

// structs is a column of structs.
type structs struct{ compound }

func (p *plan) structure(t *arrow.StructType, path string) (column, error) {
	if t.NumFields() == 0 {
		return nil, refuse(path, "is a struct without fields, which holds nothing: leave it out")
	}
	b := p.base(path, orc.Struct)
	fields, description, err := p.members(t.Fields(), path)
	p.types[b.id] = description
	return &structs{compound{b, fields}}, err
}

func (c *structs) write(a arrow.Array, rows []span) error {
	set, err := c.mark(a, rows)
	if err != nil {
		return err
	}
	values := a.(*array.Struct)
	for i, part := range c.parts {
		if err := part.write(values.Field(i), set); err != nil {
			return err
		}
	}
	return nil
}

// lists is a column of lists or maps.
type lists struct {
	compound
	lengths    *rle.IntegerEncoder
	statistics *listStatistics
	elements   []span // reused
}

func (p *plan) newLists(path string, kind orc.Kind) *lists {
	b := p.base(path, kind)
	c := &lists{compound: compound{base: b}, lengths: b.integers(orc.Length, false), statistics: &listStatistics{}}
	b.encoding = directV2
	b.describe(c.statistics, &listStatistics{}, &listStatistics{})
	return c
}

func (p *plan) list(t arrow.ListLikeType, path string) (column, error) {
	if fixed, ok := t.(*arrow.FixedSizeListType); ok {
		p.note(path, "is an array of %d elements, which ORC does not have: it is written as list", fixed.Len())
	}
	c := p.newLists(path, orc.List)
	return c, c.add(t.Elem(), path)
}

func (p *plan) mapping(t *arrow.MapType, path string) (column, error) {
	c := p.newLists(path, orc.Map)
	if err := c.add(t.KeyType(), path+".key"); err != nil {
		return nil, err
	}
	return &maps{c}, c.add(t.ItemType(), path+".value")
}

// add plans a type within the lists or maps.
func (c *lists) add(t arrow.DataType, path string) error {
	p := c.plan
	p.types[c.id] = p.types[c.id].number(2, uint64(len(p.types)))
	part, err := p.column(t, path)
	c.parts = append(c.parts, part)
	return err
}

// open encodes the lengths, and returns the spans of the elements, which are valid until the next call.
func (c *lists) open(a array.ListLike, rows []span) ([]span, error) {
	set, err := c.mark(a, rows)
	if err != nil {
		return nil, err
	}
	c.elements = c.elements[:0]
	for _, s := range set {
		for i := s.from; i < s.to; i++ {
			from, to := a.ValueOffsets(i)
			c.statistics.add(to - from)
			if err := c.lengths.Append(to - from); err != nil {
				return nil, err
			}
			if last := len(c.elements) - 1; last >= 0 && c.elements[last].to == int(from) {
				c.elements[last].to = int(to)
			} else if from < to {
				c.elements = append(c.elements, span{int(from), int(to)})
			}
		}
	}
	return c.elements, nil
}

func (c *lists) write(a arrow.Array, rows []span) error {
	values := a.(array.ListLike)
	elements, err := c.open(values, rows)
	if err != nil {
		return err
	}
	return c.parts[0].write(values.ListValues(), elements)
}

// maps is a column of maps.
type maps struct{ *lists }

func (c *maps) write(a arrow.Array, rows []span) error {
	values := a.(*array.Map)
	elements, err := c.open(values, rows)
	if err != nil {
		return err
	}
	entries := values.ListValues().(*array.Struct)
	keys := entries.Field(0)
	for _, s := range elements {
		for i := s.from; i < s.to && keys.NullN() > 0; i++ {
			if keys.IsNull(i) {
				return refuse(c.path, "has a map with the key NULL, which ORC readers do not accept: remove the entry")
			}
		}
	}
	if err := c.parts[0].write(keys, elements); err != nil {
		return err
	}
	return c.parts[1].write(entries.Field(1), elements)
}

// listStatistics describe the lengths of lists and maps.
type listStatistics struct {
	bounds[int64]
	sum int64
}

func (s *listStatistics) add(n int64) {
	s.bounds.add(n)
	s.sum += n
}

func (s *listStatistics) field() (protowire.Number, message) {
	return 12, message{}.number(1, uint64(s.least)).number(2, uint64(s.most)).number(3, uint64(s.sum))
}

func (s *listStatistics) merge(d detail) {
	other := d.(*listStatistics)
	s.join(other.bounds)
	s.sum += other.sum
}

func (s *listStatistics) reset() { *s = listStatistics{} }
