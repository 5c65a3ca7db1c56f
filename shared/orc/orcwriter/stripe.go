package orcwriter

import (
	"slices"

	"function/shared/orc"
)

// stripe is the stripe that is being written.
type stripe struct {
	rows        int64
	indexes     [][]byte
	streams     []*stream
	indexFooter message // the descriptions of the indexes
	footer      message // the descriptions of the streams
	encodings   message
	statistics  message
}

func describeStream(kind orc.StreamKind, column, length int) message {
	return message{}.number(1, uint64(kind)).number(2, uint64(column)).number(3, uint64(length))
}

// stream adds a stream of a column, which has been completed.
func (s *stripe) stream(column int, kind orc.StreamKind, content *stream) error {
	if err := content.end(); err != nil {
		return err
	}
	s.streams = append(s.streams, content)
	s.footer = s.footer.bytes(1, describeStream(kind, column, len(content.chunks)))
	return nil
}

// endStripe writes the stripe and begins the next one.
func (w *Writer) endStripe() error {
	s := w.stripe
	if err := w.root.end(s); err != nil {
		return err
	}
	begin := w.plan.offset
	for _, index := range s.indexes {
		if err := w.write(index); err != nil {
			return err
		}
	}
	data := w.plan.offset
	for _, content := range s.streams {
		if err := w.write(content.chunks); err != nil {
			return err
		}
		content.reset()
	}
	end := w.plan.offset
	length, err := w.section(slices.Concat(s.indexFooter, s.footer, s.encodings, message{}.text(3, "UTC")))
	if err != nil {
		return err
	}
	w.plan.stripes = append(w.plan.stripes, message{}.number(1, uint64(begin)).number(2, uint64(data-begin)).
		number(3, uint64(end-data)).number(4, uint64(length)).number(5, uint64(s.rows)))
	w.plan.metadata = w.plan.metadata.bytes(1, s.statistics)
	w.plan.rows += s.rows
	w.stripe = &stripe{streams: s.streams[:0]}
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
	footer = w.root.total(footer.number(6, uint64(p.rows))).
		number(8, groupRows).number(9, orc.WriterCPP).number(11, orc.CalendarProleptic)
	length, err := w.section(footer)
	if err != nil {
		return err
	}
	postscript := message{}.number(1, uint64(length)).number(2, w.options.Compression.kind()).number(3, blockSize).
		packed(4, 0, version12).number(5, uint64(metadata)).number(6, writer135).text(8000, orc.Magic)
	return w.write(append(postscript, byte(len(postscript))))
}
