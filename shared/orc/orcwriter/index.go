package orcwriter

import "google.golang.org/protobuf/encoding/protowire"

// groupRows is the number of rows of an entry of the index.
const groupRows = 10_000

// rowIndex is the kind of the streams of the index.
const rowIndex = 6

// group is an entry of the index of a column.
type group struct {
	begin      int64 // the values of the stripe before it
	present    []uint64
	positions  []uint64 // in the streams, without the present stream
	statistics message
}

// beginGroup records the positions in the streams. All runs end there, so that a position is always
// the beginning of a run.
func (b *base) beginGroup() error {
	g, err := b.nextGroup()
	if err != nil {
		return err
	}
	for _, o := range b.outputs {
		if err := g.mark(o); err != nil {
			return err
		}
	}
	return nil
}

// nextGroup ends the last group, and begins the next one in the present stream only.
func (b *base) nextGroup() (*group, error) {
	b.endGroup()
	b.groups = append(b.groups, group{begin: b.rows})
	g := &b.groups[len(b.groups)-1]
	if b.present == nil {
		return g, nil
	}
	return g, b.markPresent(g)
}

// endGroup records the statistics of the last group.
func (b *base) endGroup() {
	if len(b.groups) == 0 {
		return
	}
	b.groups[len(b.groups)-1].statistics = b.group.encode()
	b.stripe.merge(&b.group)
	b.group.reset()
}

func (b *base) markPresent(g *group) error {
	at := group{}
	err := at.mark(output{content: b.content, bits: b.present})
	g.present = at.positions
	return err
}

// mark adds the position in a stream.
func (g *group) mark(o output) error {
	bits, err := 0, error(nil)
	switch {
	case o.bits != nil:
		bits, err = o.bits.FlushBytes()
	case o.flush != nil:
		err = o.flush()
	}
	if err != nil {
		return err
	}
	g.positions = append(g.positions, o.content.position()...)
	if o.flush != nil || o.bits != nil {
		g.positions = append(g.positions, 0) // values of the run
	}
	if o.bits != nil {
		g.positions = append(g.positions, uint64(bits))
	}
	return nil
}

// position returns where the next byte will be: the offset of its chunk, and the offset in the chunk.
func (s *stream) position() []uint64 {
	if s.compress == nil {
		return []uint64{uint64(s.length)}
	}
	return []uint64{uint64(len(s.chunks)), uint64(len(s.chunk))}
}

// index adds the index of a column.
func (s *stripe) index(b *base) error {
	var entries message
	for _, g := range b.groups {
		var positions []byte
		if b.present != nil {
			positions = appendVarints(positions, g.present)
		}
		positions = appendVarints(positions, g.positions)
		entries = entries.bytes(1, message{}.bytes(1, positions).bytes(2, g.statistics))
	}
	content := &stream{compress: b.plan.compress}
	if _, err := content.Write(entries); err != nil {
		return err
	}
	if err := content.end(); err != nil {
		return err
	}
	s.indexes = append(s.indexes, content.chunks)
	s.indexFooter = s.indexFooter.bytes(1, describeStream(rowIndex, b.id, len(content.chunks)))
	return nil
}

func appendVarints(to []byte, numbers []uint64) []byte {
	for _, n := range numbers {
		to = protowire.AppendVarint(to, n)
	}
	return to
}
