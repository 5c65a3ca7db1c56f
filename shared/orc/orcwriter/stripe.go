package orcwriter

import (
	"function/shared/orc"
)

// stripe is the stripe that is being written.
type stripe struct {
	plan       *plan
	rows       int64
	streams    []*stream
	footer     message // the descriptions of the streams
	encodings  message
	statistics message
}

// stream adds a stream of a column, which has been completed.
func (s *stripe) stream(column int, kind orc.StreamKind, content *stream) error {
	if err := content.end(); err != nil {
		return err
	}
	s.streams = append(s.streams, content)
	description := message{}.number(1, uint64(kind)).number(2, uint64(column)).number(3, uint64(len(content.chunks)))
	s.footer = s.footer.bytes(1, description)
	return nil
}

// endStripe writes the stripe and begins the next one.
func (w *Writer) endStripe() error {
	s := w.stripe
	root := &w.plan.rootStatistics
	root.values = s.rows
	s.encodings = s.encodings.bytes(2, message{}.number(1, direct))
	s.statistics = s.statistics.bytes(1, root.encode())
	for _, c := range w.columns {
		if err := c.end(s); err != nil {
			return err
		}
	}
	begin := w.plan.offset
	for _, content := range s.streams {
		if err := w.write(content.chunks); err != nil {
			return err
		}
		content.reset()
	}
	data := w.plan.offset - begin
	footer := append(append(s.footer, s.encodings...), message{}.text(3, "UTC")...)
	length, err := w.section(footer)
	if err != nil {
		return err
	}
	w.plan.stripes = append(w.plan.stripes, message{}.number(1, uint64(begin)).number(2, 0).
		number(3, uint64(data)).number(4, uint64(length)).number(5, uint64(s.rows)))
	w.plan.metadata = w.plan.metadata.bytes(1, s.statistics)
	w.plan.rows += s.rows
	w.stripe = &stripe{plan: w.plan, streams: s.streams[:0]}
	return nil
}

// section writes a part of the file that is not a stream, and returns its length.
func (w *Writer) section(content []byte) (int64, error) {
	s := &stream{compress: w.plan.compress}
	if _, err := s.Write(content); err != nil {
		return 0, err
	}
	if err := s.end(); err != nil {
		return 0, err
	}
	return int64(len(s.chunks)), w.write(s.chunks)
}

// Numbers of the specification.
const (
	direct       = 0 // encodings
	directV2     = 2
	dictionaryV2 = 3
	version12    = 12 // the second part of 0.12
	writer135    = 6  // timestamps of the statistics are in UTC
)

// tail writes the statistics of the stripes, the footer and the postscript.
func (w *Writer) tail() error {
	p := w.plan
	metadata, err := w.section(p.metadata)
	if err != nil {
		return err
	}
	footer := message{}.number(1, uint64(len(orc.Magic))).number(2, uint64(p.offset-metadata))
	for _, s := range p.stripes {
		footer = footer.bytes(3, s)
	}
	for _, t := range p.types {
		footer = footer.bytes(4, t)
	}
	p.rootStatistics.values = p.rows
	footer = footer.number(6, uint64(p.rows)).bytes(7, p.rootStatistics.encode())
	for _, c := range w.columns {
		footer = c.total(footer)
	}
	footer = footer.number(8, 0).number(9, orc.WriterCPP).number(11, orc.CalendarProleptic)
	length, err := w.section(footer)
	if err != nil {
		return err
	}
	postscript := message{}.number(1, uint64(length)).number(2, w.options.Compression.kind()).number(3, blockSize).
		packed(4, 0, version12).number(5, uint64(metadata)).number(6, writer135).text(8000, orc.Magic)
	return w.write(append(postscript, byte(len(postscript))))
}
