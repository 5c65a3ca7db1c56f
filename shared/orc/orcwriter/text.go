package orcwriter

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/encoding/protowire"

	"function/shared/orc"
	"function/shared/orc/rle"
)

// Bounds of a dictionary, beyond which the strings of a column are written without one.
const (
	maxDictionary  = 1 << 20 // bytes
	minSample      = 1 << 12 // strings, before which nothing is decided
	dictionaryPays = 2       // strings for each entry
)

// texts returns string i of an array.
type texts func(i int) (string, error)

// stringColumn is a column of strings. It collects a dictionary, until the strings turn out to repeat too
// little.
type stringColumn struct {
	*base
	open       func(arrow.Array) texts
	null       func(arrow.Array) func(i int) bool // nil if the array itself says what is null
	data       *stream                            // the strings, or the entries of the dictionary
	lengths    *rle.IntegerEncoder
	statistics *stringStatistics

	plain      bool // without a dictionary
	dictionary map[string]int32
	indexes    []int32 // of the strings of the stripe
	begins     []int   // the indexes before each group
	bytes      int64   // of the entries
	chosen     stream  // the encoded indexes
}

func newTexts(b *base, open func(arrow.Array) texts) *stringColumn {
	c := &stringColumn{base: b, open: open, statistics: &stringStatistics{}, dictionary: map[string]int32{}}
	c.data, c.lengths = b.stream(orc.Data), b.integers(orc.Length, false)
	c.chosen.compress = b.plan.compress
	b.encoding = directV2
	b.describe(c.statistics, &stringStatistics{}, &stringStatistics{})
	return c
}

func (c *stringColumn) write(a arrow.Array, rows []span) error {
	null := a.IsNull
	if c.null != nil {
		null = c.null(a)
	} else if a.NullN() == 0 {
		null = nil
	}
	set, err := c.markIf(rows, null)
	if err != nil {
		return err
	}
	text := c.open(a)
	for _, r := range set {
		for i := r.from; i < r.to; i++ {
			s, err := text(i)
			if err != nil {
				return refuse(c.path, "%s", err)
			}
			if !utf8.ValidString(s) {
				return refuse(c.path, "has a string that is not valid UTF-8: correct the string, or cast the column to BLOB")
			}
			c.statistics.add(s)
			if err := c.append(s); err != nil {
				return err
			}
		}
	}
	if !c.plain && (len(c.indexes) >= minSample || c.bytes > maxDictionary) && !c.pays() {
		return c.abandon()
	}
	return nil
}

func (c *stringColumn) pays() bool {
	return len(c.dictionary)*dictionaryPays <= len(c.indexes) && c.bytes <= maxDictionary
}

func (c *stringColumn) append(s string) error {
	if c.plain {
		return c.appendPlain(s)
	}
	index, ok := c.dictionary[s]
	if !ok {
		index = int32(len(c.dictionary))
		c.dictionary[strings.Clone(s)] = index // which the array owns
		c.bytes += int64(len(s))
	}
	c.indexes = append(c.indexes, index)
	return nil
}

func (c *stringColumn) appendPlain(s string) error {
	if _, err := c.data.WriteString(s); err != nil {
		return err
	}
	return c.lengths.Append(int64(len(s)))
}

// entries returns the strings of the dictionary by their indexes.
func (c *stringColumn) entries() []string {
	entries := make([]string, len(c.dictionary))
	for s, i := range c.dictionary {
		entries[i] = s
	}
	return entries
}

// beginGroup records the position in the indexes if they are not encoded yet.
func (c *stringColumn) beginGroup() error {
	if c.plain {
		return c.base.beginGroup()
	}
	c.begins = append(c.begins, len(c.indexes))
	_, err := c.nextGroup()
	return err
}

// eachGroup calls mark at the beginning of each group, and add for each index.
func (c *stringColumn) eachGroup(mark func(*group) error, add func(index int32) error) error {
	for i, begin := range c.begins {
		if err := mark(&c.groups[i]); err != nil {
			return err
		}
		end := len(c.indexes)
		if i+1 < len(c.begins) {
			end = c.begins[i+1]
		}
		for _, index := range c.indexes[begin:end] {
			if err := add(index); err != nil {
				return err
			}
		}
	}
	return nil
}

// abandon writes the strings so far, and all others of the file, without a dictionary.
func (c *stringColumn) abandon() error {
	entries := c.entries()
	err := c.eachGroup(func(g *group) error { return errors.Join(g.mark(c.outputs[0]), g.mark(c.outputs[1])) },
		func(index int32) error { return c.appendPlain(entries[index]) })
	c.plain, c.indexes, c.begins, c.dictionary, c.bytes = true, nil, nil, nil, 0
	return err
}

func (c *stringColumn) size() int64 {
	const entry = 16 // besides its bytes
	return c.base.size() + int64(4*len(c.indexes)+entry*len(c.dictionary)) + c.bytes
}

func (c *stringColumn) end(s *stripe) error {
	if !c.plain && !c.pays() {
		if err := c.abandon(); err != nil {
			return err
		}
	}
	if c.plain {
		return c.base.end(s)
	}
	return c.endDictionary(s)
}

func (c *stringColumn) endDictionary(s *stripe) error {
	for _, entry := range c.entries() {
		if err := c.appendPlain(entry); err != nil {
			return err
		}
	}
	e := rle.NewIntegerEncoder(&c.chosen, false)
	chosen := output{kind: orc.Data, content: &c.chosen, flush: e.Flush}
	err := c.eachGroup(func(g *group) error { return g.mark(chosen) }, func(index int32) error { return e.Append(int64(index)) })
	if err != nil {
		return err
	}
	if err := errors.Join(e.Flush(), c.lengths.Flush(), c.endPresent(s), s.stream(c.id, orc.Data, &c.chosen),
		s.stream(c.id, orc.DictionaryData, c.data), s.stream(c.id, orc.Length, c.outputs[1].content)); err != nil {
		return err
	}
	if err := c.endColumn(s, message{}.number(1, dictionaryV2).number(2, uint64(len(c.dictionary)))); err != nil {
		return err
	}
	c.indexes, c.begins, c.bytes = c.indexes[:0], c.begins[:0], 0
	clear(c.dictionary)
	return nil
}

// maxBound is the length of a string above which the statistics do not name the bounds.
const maxBound = 1 << 10

// stringStatistics describe strings.
type stringStatistics struct {
	bounds[string]
	bytes int64
	long  bool
}

func (s *stringStatistics) add(v string) {
	s.bytes += int64(len(v))
	switch {
	case len(v) > maxBound:
		s.long = true
	case !s.some || v < s.least || v > s.most:
		s.bounds.add(strings.Clone(v)) // which the array owns
	}
}

func (s *stringStatistics) field() (protowire.Number, message) {
	if s.long {
		return 0, nil
	}
	return 4, message{}.text(1, s.least).text(2, s.most).signed(3, s.bytes)
}

func (s *stringStatistics) merge(d detail) {
	other := d.(*stringStatistics)
	s.join(other.bounds)
	s.bytes += other.bytes
	s.long = s.long || other.long
}

func (s *stringStatistics) reset() { *s = stringStatistics{} }
