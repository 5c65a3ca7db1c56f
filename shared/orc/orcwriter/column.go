package orcwriter

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow"

	"function/shared/orc"
	"function/shared/orc/rle"
)

// span is a range of the values of an array.
type span struct{ from, to int }

// column writes the values of a type, and of the types within it.
type column interface {
	// write encodes the values of an array in the spans, including nulls.
	write(a arrow.Array, rows []span) error
	// beginGroup begins the next rows of the index.
	beginGroup() error
	// nulls encodes n nulls.
	nulls(n int) error
	// size returns the bytes of the stripe so far.
	size() int64
	// end adds the streams, encodings and statistics of the stripe.
	end(s *stripe) error
	// total appends the statistics of the file to the footer.
	total(footer message) message
}

// output is a stream of a column.
type output struct {
	kind    orc.StreamKind
	content *stream
	flush   func() error // ends the last run; nil if the stream has no runs
	bits    *rle.BooleanEncoder
}

// base is what the columns have in common.
type base struct {
	id       int
	path     string
	plan     *plan
	encoding uint64
	outputs  []output // in the order of the file, without the present stream
	group    statistics
	stripe   statistics
	file     statistics
	groups   []group // of the stripe

	rows    int64               // of the stripe
	content *stream             // the present stream
	present *rle.BooleanEncoder // nil until the first null of the stripe
	set     []span              // reused
}

// describe sets the statistics of the column, whose values are added to those of the group.
func (b *base) describe(group, stripe, file detail) {
	b.group.detail, b.stripe.detail, b.file.detail = group, stripe, file
}

// stream adds a stream to the column.
func (b *base) stream(kind orc.StreamKind) *stream {
	s := &stream{compress: b.plan.compress}
	b.outputs = append(b.outputs, output{kind: kind, content: s})
	return s
}

// integers adds a stream of integers to the column.
func (b *base) integers(kind orc.StreamKind, signed bool) *rle.IntegerEncoder {
	e := rle.NewIntegerEncoder(b.stream(kind), signed)
	b.outputs[len(b.outputs)-1].flush = e.Flush
	return e
}

// mark records which values are null, and returns the spans of the others, which are valid until the
// next call.
func (b *base) mark(a arrow.Array, rows []span) ([]span, error) {
	if a.NullN() == 0 {
		return b.markIf(rows, nil)
	}
	return b.markIf(rows, a.IsNull)
}

// markIf is mark with a function that reports nulls; it is nil if no row is null.
func (b *base) markIf(rows []span, null func(i int) bool) ([]span, error) {
	b.set = b.set[:0]
	for _, r := range rows {
		from := r.from // of the values that are not null
		for i := r.from; i < r.to && null != nil; i++ {
			if !null(i) {
				continue
			}
			if err := errors.Join(b.append(from, i, true), b.append(i, i+1, false)); err != nil {
				return nil, err
			}
			from = i + 1
		}
		if err := b.append(from, r.to, true); err != nil {
			return nil, err
		}
	}
	return b.set, nil
}

func (b *base) nulls(n int) error { return b.append(0, n, false) }

// append records a span of values that are set or null.
func (b *base) append(from, to int, set bool) error {
	if from == to {
		return nil
	}
	n := int64(to - from)
	if set {
		b.set = append(b.set, span{from, to})
		b.group.values += n
	} else {
		b.group.null = true
		if err := b.beginPresent(); err != nil {
			return err
		}
	}
	b.rows += n
	if b.present == nil {
		return nil
	}
	return repeat(b.present, set, n)
}

func repeat(to *rle.BooleanEncoder, v bool, n int64) error {
	for range n {
		if err := to.Append(v); err != nil {
			return err
		}
	}
	return nil
}

// beginPresent begins the present stream with the values before the first null.
func (b *base) beginPresent() error {
	if b.present != nil {
		return nil
	}
	if b.content == nil {
		b.content = &stream{compress: b.plan.compress}
	}
	b.present = rle.NewBooleanEncoder(b.content)
	at := int64(0)
	for i := range b.groups {
		g := &b.groups[i]
		if err := repeat(b.present, true, g.begin-at); err != nil {
			return err
		}
		at = g.begin
		if err := b.markPresent(g); err != nil {
			return err
		}
	}
	return repeat(b.present, true, b.rows-at)
}

func (b *base) size() int64 {
	size := b.rows / 8
	for _, o := range b.outputs {
		size += o.content.length
	}
	return size
}

func (b *base) end(s *stripe) error {
	if err := b.endPresent(s); err != nil {
		return err
	}
	for _, o := range b.outputs {
		if o.flush != nil {
			if err := o.flush(); err != nil {
				return err
			}
		}
		if err := s.stream(b.id, o.kind, o.content); err != nil {
			return err
		}
	}
	return b.endColumn(s, message{}.number(1, b.encoding))
}

func (b *base) endPresent(s *stripe) error {
	if b.present == nil {
		return nil
	}
	if err := b.present.Flush(); err != nil {
		return err
	}
	return s.stream(b.id, orc.Present, b.content)
}

// endColumn adds the index, the encoding and the statistics of the stripe.
func (b *base) endColumn(s *stripe, encoding message) error {
	b.endGroup()
	if err := s.index(b); err != nil {
		return err
	}
	s.encodings = s.encodings.bytes(2, encoding)
	s.statistics = s.statistics.bytes(1, b.stripe.encode())
	b.file.merge(&b.stripe)
	b.stripe.reset()
	b.present, b.rows, b.groups = nil, 0, b.groups[:0]
	return nil
}

func (b *base) total(footer message) message { return footer.bytes(7, b.file.encode()) }
