package avrofile

import (
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

func list(item value) value {
	return value{typ: arrow.ListOf(item.typ), least: 1, fields: item.fields, read: func(c *cursor, b array.Builder) error {
		builder := b.(*array.ListBuilder)
		builder.Append(true)
		return c.elements(item.least, item.fields, func() error { return item.read(c, builder.ValueBuilder()) })
	}}
}

func dictionary(item value) value {
	return value{typ: arrow.MapOf(arrow.BinaryTypes.String, item.typ), least: 1, fields: item.fields + 1, read: func(c *cursor, b array.Builder) error {
		builder := b.(*array.MapBuilder)
		builder.Append(true)
		keys := builder.KeyBuilder().(*array.StringBuilder)
		return c.elements(item.least+1, item.fields+1, func() error {
			if err := text(c, keys); err != nil {
				return err
			}
			return item.read(c, builder.ItemBuilder())
		})
	}}
}

func structure(types []arrow.Field, members []value) value {
	v := value{typ: arrow.StructOf(types...), read: func(c *cursor, b array.Builder) error {
		builder := b.(*array.StructBuilder)
		builder.Append(true)
		for i, member := range members {
			if err := member.read(c, builder.FieldBuilder(i)); err != nil {
				return err
			}
		}
		return nil
	}}
	for _, member := range members {
		v.least = min(v.least+member.least, maxBlock)
		v.fields += member.fields
	}
	return v
}

// text appends a string to a builder of strings.
func text(c *cursor, b array.Builder) error {
	s, err := c.bytes()
	if err != nil {
		return err
	}
	if !utf8.Valid(s) {
		return flaw("a string is not valid UTF-8: write the column as bytes, or correct the string")
	}
	b.(*array.StringBuilder).BinaryBuilder.Append(s)
	return nil
}
