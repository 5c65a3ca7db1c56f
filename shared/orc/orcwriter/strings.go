package orcwriter

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"

	"function/shared/orc"
	"function/shared/orc/rle"
)

// text plans strings, bytes and columns without values, and returns nil for other types.
func (p *plan) text(t arrow.DataType, path string) column {
	switch t.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
		return newTexts(p.base(path, orc.String), stringsOf)
	case arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW, arrow.FIXED_SIZE_BINARY:
		return newBlobs(p.base(path, orc.Binary))
	case arrow.NULL:
		p.changed(path, "a column without a type", "string, of which every value is null")
		c := newTexts(p.base(path, orc.String), func(arrow.Array) texts { return nil })
		c.null = func(arrow.Array) func(int) bool { return func(int) bool { return true } }
		return c
	}
	return nil
}

func stringsOf(a arrow.Array) texts {
	values := a.(interface{ Value(int) string })
	return func(i int) (string, error) { return values.Value(i), nil }
}

// enum plans a dictionary of strings.
func (p *plan) enum(t *arrow.DictionaryType, path string) (column, error) {
	switch t.ValueType.ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW:
	default:
		return nil, refuse(path, "is a dictionary of %s, and only dictionaries of strings can be written as ORC: cast it to %s", t.ValueType, t.ValueType)
	}
	p.changed(path, "an ENUM", "string")
	c := newTexts(p.base(path, orc.String), func(a arrow.Array) texts {
		indexes := a.(*array.Dictionary)
		text := stringsOf(indexes.Dictionary())
		return func(i int) (string, error) { return text(indexes.GetValueIndex(i)) }
	})
	c.null = func(a arrow.Array) func(i int) bool {
		indexes := a.(*array.Dictionary)
		return func(i int) bool {
			return indexes.IsNull(i) || indexes.Dictionary().IsNull(indexes.GetValueIndex(i))
		}
	}
	return c, nil
}

// extension is a column of an extension type, which is written as the type that stores it.
type extension struct{ column }

func (c extension) write(a arrow.Array, rows []span) error {
	return c.column.write(a.(array.ExtensionArray).Storage(), rows)
}

func (p *plan) extension(t arrow.ExtensionType, path string) (column, error) {
	switch t.(type) {
	case *extensions.UUIDType:
		p.changed(path, "a UUID", "string")
		return extension{newTexts(p.base(path, orc.String), uuids)}, nil
	case *extensions.JSONType:
		p.changed(path, "JSON", "string")
	default:
		p.changed(path, "the extension type "+t.ExtensionName(), t.StorageType().String())
	}
	c, err := p.column(t.StorageType(), path)
	return extension{c}, err
}

func uuids(a arrow.Array) texts {
	values := a.(*array.FixedSizeBinary)
	return func(i int) (string, error) {
		id, err := uuid.FromBytes(values.Value(i))
		return id.String(), err
	}
}

// blobs is a column of bytes.
type blobs struct {
	*base
	data       *stream
	lengths    *rle.IntegerEncoder
	statistics *blobStatistics
}

func newBlobs(b *base) column {
	c := &blobs{base: b, statistics: &blobStatistics{}}
	c.data, c.lengths = b.stream(orc.Data), b.integers(orc.Length, false)
	b.encoding = directV2
	b.describe(c.statistics, &blobStatistics{}, &blobStatistics{})
	return c
}

func (c *blobs) write(a arrow.Array, rows []span) error {
	set, err := c.mark(a, rows)
	if err != nil {
		return err
	}
	values := a.(interface{ Value(int) []byte })
	for _, s := range set {
		for i := s.from; i < s.to; i++ {
			v := values.Value(i)
			c.statistics.bytes += int64(len(v))
			if _, err := c.data.Write(v); err != nil {
				return err
			}
			if err := c.lengths.Append(int64(len(v))); err != nil {
				return err
			}
		}
	}
	return nil
}

// blobStatistics count the bytes.
type blobStatistics struct{ bytes int64 }

func (s *blobStatistics) field() (protowire.Number, message) { return 8, message{}.signed(1, s.bytes) }
func (s *blobStatistics) merge(d detail)                     { s.bytes += d.(*blobStatistics).bytes }
func (s *blobStatistics) reset()                             { s.bytes = 0 }
