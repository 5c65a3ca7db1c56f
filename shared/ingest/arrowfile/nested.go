package arrowfile

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

var (
	errNullKey = errors.New("a map has the key NULL")
	errMany    = errors.New("a list has too many values")
)

func (p *planner) structure(t *arrow.StructType, path string) (value, error) {
	fields, values, err := p.members(t.Fields(), path)
	if err == nil && len(fields) == 0 {
		err = refuse(path, "is a struct without fields: leave it out")
	}
	if err != nil {
		return value{}, err
	}
	return value{arrow.StructOf(fields...), func(b array.Builder, a arrow.Array, i int, s *size) error {
		builder, source := b.(*array.StructBuilder), a.(*array.Struct)
		builder.Append(true)
		for n, v := range values {
			if err := v.append(builder.FieldBuilder(n), source.Field(n), i, s); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

func (p *planner) list(t arrow.ListLikeType, path string) (value, error) {
	element, err := p.value(t.Elem(), path)
	if err != nil {
		return value{}, err
	}
	return value{arrow.ListOf(element.typ), func(b array.Builder, a arrow.Array, i int, s *size) error {
		builder, source := b.(*array.ListBuilder), a.(array.ListLike)
		from, to := source.ValueOffsets(i)
		builder.Append(true)
		return each(source.ListValues(), from, to, s, func(values arrow.Array, n int) error {
			return element.append(builder.ValueBuilder(), values, n, s)
		})
	}}, nil
}

func (p *planner) pairs(t *arrow.MapType, path string) (value, error) {
	key, err := p.value(t.KeyType(), path)
	if err != nil {
		return value{}, err
	}
	item, err := p.value(t.ItemType(), path)
	if err != nil {
		return value{}, err
	}
	return value{arrow.MapOf(key.typ, item.typ), func(b array.Builder, a arrow.Array, i int, s *size) error {
		builder, source := b.(*array.MapBuilder), a.(*array.Map)
		from, to := source.ValueOffsets(i)
		builder.Append(true)
		return each(source.Keys(), from, to, s, func(keys arrow.Array, n int) error {
			if keys.IsNull(n) {
				return errNullKey
			}
			if err := key.append(builder.KeyBuilder(), keys, n, s); err != nil {
				return err
			}
			return item.append(builder.ItemBuilder(), source.Items(), n, s)
		})
	}}, nil
}

// each visits a range of values. It ends early for a row that is too large, which the caller refuses.
func each(values arrow.Array, from, to int64, s *size, visit func(arrow.Array, int) error) error {
	if to-from > maxNested {
		return errMany
	}
	first := *s
	for n := from; n < to; n++ {
		if err := visit(values, int(n)); err != nil {
			return err
		}
		if s.bytes-first.bytes > maxRow || s.values-first.values > maxNested {
			return errMany
		}
	}
	return nil
}
