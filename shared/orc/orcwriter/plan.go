package orcwriter

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"function/shared/fault"
	"function/shared/orc"
)

// maxDepth bounds the types within types.
const maxDepth = 64

// plan is the schema of a file, and what is known about its stripes.
type plan struct {
	compress compressor
	types    []message
	notes    []string
	depth    int
	offset   int64 // bytes written
	rows     int64
	stripes  []message
	metadata message // the statistics of the stripes
}

// root plans the columns of the table.
func (p *plan) root(fields []arrow.Field) (*structs, error) {
	if len(fields) == 0 {
		return nil, Error("The table has no columns, and an ORC file needs at least one: select a column.")
	}
	b := p.base("", orc.Struct)
	columns, description, err := p.members(fields, "")
	p.types[b.id] = description
	return &structs{compound{b, columns}}, err
}

// members plans the fields of a struct, at the path of the struct, and describes its type.
func (p *plan) members(fields []arrow.Field, path string) ([]column, message, error) {
	columns, ids, names := make([]column, len(fields)), make([]int, len(fields)), message{}
	seen := map[string]bool{}
	for i, f := range fields {
		if seen[f.Name] {
			return nil, nil, refuse(join(path, f.Name), "appears twice: rename one of the two")
		}
		seen[f.Name] = true
		ids[i] = len(p.types)
		var err error
		if columns[i], err = p.column(f.Type, join(path, f.Name)); err != nil {
			return nil, nil, err
		}
		names = names.text(3, f.Name)
	}
	return columns, append(message{}.number(1, uint64(orc.Struct)).packed(2, ids...), names...), nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// refuse returns the error of a column that cannot be written.
func refuse(path, format string, args ...any) error {
	return Error(fmt.Sprintf("Column %s ", fault.Excerpt(path)) + fmt.Sprintf(format, args...) + ".")
}

// note adds a note about a column.
func (p *plan) note(path, format string, args ...any) {
	p.notes = append(p.notes, fmt.Sprintf("Column %s ", fault.Excerpt(path))+fmt.Sprintf(format, args...)+".")
}

// changed adds a note about a column whose type ORC does not have.
func (p *plan) changed(path, from, to string) {
	p.note(path, "is %s, which ORC does not have: it is written as %s", from, to)
}

// base returns a column with the next number, of a type without types within it.
func (p *plan) base(path string, kind orc.Kind) *base {
	p.types = append(p.types, message{}.number(1, uint64(kind)))
	return &base{id: len(p.types) - 1, path: path, plan: p}
}

// column plans a column.
func (p *plan) column(t arrow.DataType, path string) (column, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, refuse(path, "is nested more than %d levels deep: flatten it", maxDepth)
	}
	defer func() { p.depth-- }()
	switch t := t.(type) {
	case arrow.ExtensionType:
		return p.extension(t, path)
	case *arrow.DictionaryType:
		return p.enum(t, path)
	case *arrow.StructType:
		return p.structure(t, path)
	case arrow.UnionType:
		return p.union(t, path)
	case *arrow.MapType:
		return p.mapping(t, path)
	case arrow.ListLikeType:
		return p.list(t, path)
	case arrow.DecimalType:
		return p.decimal(t, path)
	case *arrow.TimestampType:
		return p.timestamp(t, path), nil
	}
	if c := p.number(t, path); c != nil {
		return c, nil
	}
	if c := p.clock(t, path); c != nil {
		return c, nil
	}
	if c := p.text(t, path); c != nil {
		return c, nil
	}
	return nil, refuse(path, "has the type %s, which cannot be written as ORC: cast it to another type, such as VARCHAR", t)
}

// number plans numbers, booleans and dates, and returns nil for other types.
func (p *plan) number(t arrow.DataType, path string) column {
	switch t.ID() {
	case arrow.BOOL:
		return newBooleans(p.base(path, orc.Boolean))
	case arrow.INT8:
		return newTinyints(p.base(path, orc.Byte))
	case arrow.INT16:
		return newIntegers[int16](p.base(path, orc.Short))
	case arrow.INT32:
		return newIntegers[int32](p.base(path, orc.Int))
	case arrow.INT64:
		return newIntegers[int64](p.base(path, orc.Long))
	case arrow.UINT8:
		p.changed(path, "an unsigned integer of 8 bits", "smallint")
		return newIntegers[uint8](p.base(path, orc.Short))
	case arrow.UINT16:
		p.changed(path, "an unsigned integer of 16 bits", "int")
		return newIntegers[uint16](p.base(path, orc.Int))
	case arrow.UINT32:
		p.changed(path, "an unsigned integer of 32 bits", "bigint")
		return newIntegers[uint32](p.base(path, orc.Long))
	case arrow.UINT64:
		p.changed(path, "an unsigned integer of 64 bits", "decimal(20,0)")
		return newDecimals(p.decimalBase(path, 20, 0), 20, 0, unsigned64)
	case arrow.FLOAT16:
		p.changed(path, "a number of 16 bits", "float")
		return newFloats(p.base(path, orc.Float), encode16)
	case arrow.FLOAT32:
		return newFloats(p.base(path, orc.Float), encode32)
	case arrow.FLOAT64:
		return newFloats(p.base(path, orc.Double), encode64)
	case arrow.DATE32:
		return newDates(p.base(path, orc.Date))
	}
	return nil
}
