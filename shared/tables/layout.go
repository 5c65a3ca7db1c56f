package tables

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/parquet/metadata"

	"function/shared/objects"
)

// magic begins and ends a Parquet file.
const magic = "PAR1"

// errLayout is returned for Parquet files of which only whole copies are made.
var errLayout = errors.New("the positions of the columns are not known")

// layout tells where the columns of a Parquet file are.
type layout struct {
	columns []column        // in order
	footer  []objects.Range // what belongs to no column
}

// column is a column with all of its leaves.
type column struct {
	name   string
	ranges []objects.Range // ascending
}

func (c column) bytes() int64 { return length(c.ranges) }

func length(ranges []objects.Range) (total int64) {
	for _, r := range ranges {
		total += r.Length
	}
	return total
}

// image is a local copy of a Parquet file.
type image interface {
	io.ReaderAt
	io.WriterAt
}

// copyFooter copies the parts of a Parquet file that belong to no column. A file in which these
// exceed max, or whose footer does not tell what belongs to which column, is errLayout.
func copyFooter(dst image, src Source, max int64) (*layout, error) {
	size := src.Size()
	var end [8]byte // the length of the metadata, and the magic number
	if size < int64(len(magic)+len(end)) {
		return nil, errLayout
	}
	if err := copyInto(end[:], dst, src, size-int64(len(end))); err != nil {
		return nil, err
	}
	metadataSize := int64(binary.LittleEndian.Uint32(end[:]))
	start := size - int64(len(end)) - metadataSize
	if string(end[4:]) != magic || start < int64(len(magic)) || metadataSize > max {
		return nil, errLayout
	}
	serialized := make([]byte, metadataSize)
	if err := copyInto(serialized, dst, src, start); err != nil {
		return nil, err
	}
	l, err := parse(serialized, start, size)
	if err != nil {
		return nil, err
	}
	if length(l.footer) > max {
		return nil, errLayout
	}
	missing := l.footer
	if missing[0] == (objects.Range{Length: int64(len(magic))}) {
		if _, err := dst.WriteAt([]byte(magic), 0); err != nil {
			return nil, err
		}
		missing = missing[1:]
	}
	return l, src.CopyRanges(dst, missing)
}

func copyInto(p []byte, dst image, src Source, offset int64) error {
	if err := src.CopyRanges(dst, []objects.Range{{Offset: offset, Length: int64(len(p))}}); err != nil {
		return err
	}
	_, err := dst.ReadAt(p, offset)
	return err
}

// parse reads the metadata of a Parquet file of the given size. The metadata begins at start.
func parse(serialized []byte, start, size int64) (l *layout, err error) {
	defer func() {
		if r := recover(); r != nil { // arrow-go panics on logical types that it does not know
			l, err = nil, fmt.Errorf("%w: %v", errLayout, r)
		}
	}()
	m, err := metadata.NewFileMetaData(serialized, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errLayout, err)
	}
	l = &layout{}
	index := map[string]int{}
	for i := range m.Schema.Root().NumFields() {
		name := m.Schema.Root().Field(i).Name()
		if _, twice := index[name]; twice {
			return nil, errLayout
		}
		index[name] = i
		l.columns = append(l.columns, column{name: name})
	}
	var all []objects.Range
	for _, group := range m.RowGroups {
		for _, chunk := range group.Columns {
			data := chunk.MetaData
			if data == nil || chunk.FilePath != nil || chunk.CryptoMetadata != nil || len(data.PathInSchema) == 0 {
				return nil, errLayout
			}
			i, known := index[data.PathInSchema[0]]
			if !known {
				return nil, errLayout
			}
			first := data.DataPageOffset
			for _, page := range []*int64{data.DictionaryPageOffset, data.IndexPageOffset} {
				if page != nil {
					first = min(first, *page)
				}
			}
			ranges := []objects.Range{
				{Offset: first, Length: data.TotalCompressedSize},
				optional(data.BloomFilterOffset, data.BloomFilterLength),
				optional(chunk.OffsetIndexOffset, chunk.OffsetIndexLength),
				optional(chunk.ColumnIndexOffset, chunk.ColumnIndexLength),
			}
			for _, r := range ranges {
				if r == (objects.Range{}) {
					continue
				}
				if r.Offset < int64(len(magic)) || r.Length <= 0 || r.Offset > start-r.Length {
					return nil, errLayout
				}
				l.columns[i].ranges = append(l.columns[i].ranges, r)
				all = append(all, r)
			}
		}
	}
	for _, c := range l.columns {
		ascending(c.ranges)
	}
	l.footer, err = between(all, size)
	return l, err
}

// optional returns a structure that a column may have. One of unknown length has none here, which is
// refused.
func optional(offset *int64, length *int32) objects.Range {
	switch {
	case offset == nil:
		return objects.Range{}
	case length == nil:
		return objects.Range{Offset: *offset, Length: -1}
	}
	return objects.Range{Offset: *offset, Length: int64(*length)}
}

func ascending(ranges []objects.Range) {
	slices.SortFunc(ranges, func(a, b objects.Range) int { return cmp.Compare(a.Offset, b.Offset) })
}

// between returns what is between ranges in a file of the given size. Ranges that overlap are
// errLayout.
func between(ranges []objects.Range, size int64) (gaps []objects.Range, err error) {
	ascending(ranges)
	var end int64
	for _, r := range append(ranges, objects.Range{Offset: size}) {
		if r.Offset < end {
			return nil, errLayout
		}
		if r.Offset > end {
			gaps = append(gaps, objects.Range{Offset: end, Length: r.Offset - end})
		}
		end = r.End()
	}
	return gaps, nil
}

func (l *layout) has(name string) bool {
	return slices.ContainsFunc(l.columns, func(c column) bool { return c.name == name })
}

// ranges returns where columns are, ascending.
func (l *layout) ranges(columns []int) (all []objects.Range) {
	for _, i := range columns {
		all = append(all, l.columns[i].ranges...)
	}
	ascending(all)
	return all
}
