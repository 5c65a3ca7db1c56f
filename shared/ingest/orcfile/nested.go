package orcfile

import (
	"math"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"function/shared/orc"
	"function/shared/orc/rle"
)

func list(id, child int, item value) value {
	return value{arrow.ListOf(item.typ), item.fields, func(in *source) (reader, error) {
		lengths := in.integers(id, orc.Length, false)
		read, err := openAll(in, []int{child}, []value{item})
		return func(b array.Builder) error {
			n, err := lengths.Next()
			if err == nil {
				err = in.elements(n, item.fields)
			}
			if err != nil {
				return err
			}
			builder := b.(*array.ListBuilder)
			builder.Append(true)
			for range n {
				if err := read[0](builder.ValueBuilder()); err != nil {
					return err
				}
			}
			return nil
		}, err
	}}
}

func dictionary(id int, children []int, parts []value) value {
	fields := parts[0].fields + parts[1].fields
	return value{arrow.MapOf(parts[0].typ, parts[1].typ), fields, func(in *source) (reader, error) {
		lengths := in.integers(id, orc.Length, false)
		read, err := openAll(in, children, parts)
		return func(b array.Builder) error {
			n, err := lengths.Next()
			if err == nil {
				err = in.elements(n, fields)
			}
			if err != nil {
				return err
			}
			builder := b.(*array.MapBuilder)
			builder.Append(true)
			keys := builder.KeyBuilder()
			for range n {
				nulls := keys.NullN()
				if err := read[0](keys); err != nil {
					return err
				}
				if keys.NullN() > nulls {
					return flaw("a map has the key NULL")
				}
				if err := read[1](builder.ItemBuilder()); err != nil {
					return err
				}
			}
			return nil
		}, err
	}}
}

func structure(fields []arrow.Field, children []int, members []value) value {
	v := value{typ: arrow.StructOf(fields...), open: func(in *source) (reader, error) {
		readers, err := openAll(in, children, members)
		return func(b array.Builder) error {
			builder := b.(*array.StructBuilder)
			builder.Append(true)
			for i, read := range readers {
				if err := read(builder.FieldBuilder(i)); err != nil {
					return err
				}
			}
			return nil
		}, err
	}}
	for _, member := range members {
		v.fields += member.fields
	}
	return v
}

// openRoot opens the columns of a file. A row that is null has only nulls.
func openRoot(in *source, children []int, members []value) ([]reader, error) {
	readers, err := openAll(in, children, members)
	if err != nil || !in.Has(0, orc.Present) {
		return readers, err
	}
	present, set := rle.NewBooleans(in.Stream(0, orc.Present)), false
	for i, read := range readers {
		readers[i] = func(b array.Builder) (err error) {
			if i == 0 {
				if set, err = present.Next(); err != nil {
					return err
				}
			}
			if !set {
				b.AppendNull()
				return nil
			}
			return read(b)
		}
	}
	return readers, nil
}

// union plans a union as a structure of its tag and of a field for each of its types. The names are
// those of Trino.
func union(id int, children []int, members []value) value {
	fields := []arrow.Field{{Name: "tag", Type: arrow.PrimitiveTypes.Int8, Nullable: true}}
	width := 1
	for i, member := range members {
		fields = append(fields, arrow.Field{Name: "field" + strconv.Itoa(i), Type: member.typ, Nullable: true})
		width += member.fields
	}
	return value{arrow.StructOf(fields...), width, func(in *source) (reader, error) {
		tags := rle.NewBytes(in.Stream(id, orc.Data))
		readers, err := openAll(in, children, members)
		return func(b array.Builder) error {
			tag, err := tags.Next()
			if err != nil || int(tag) >= len(readers) || tag > math.MaxInt8 {
				return orShort(err)
			}
			builder := b.(*array.StructBuilder)
			builder.Append(true)
			builder.FieldBuilder(0).(*array.Int8Builder).Append(int8(tag))
			for i, read := range readers {
				if i != int(tag) {
					builder.FieldBuilder(i + 1).AppendNull()
				} else if err := read(builder.FieldBuilder(i + 1)); err != nil {
					return err
				}
			}
			return nil
		}, err
	}}
}
