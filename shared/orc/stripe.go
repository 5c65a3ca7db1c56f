package orc

import "fmt"

// Bounds of the buffers of a stripe.
const (
	streamBuffers = 192 << 20 // of all streams together
	minWindow     = 4 << 10
	maxPlain      = 64 << 10 // of a stream without compression
)

// Stripe is a group of rows.
type Stripe struct {
	StripeInformation
	TimeZone  string // of the writer; may be empty
	Encodings []Encoding

	number  int
	file    *File
	streams map[streamID]section
	stored  int64 // bytes of all streams
}

type streamID struct {
	column int
	kind   StreamKind
}

type section struct{ offset, length int64 }

// Stripe reads the footer of stripe i.
func (f *File) Stripe(i int) (*Stripe, error) {
	s := &Stripe{StripeInformation: f.Stripes[i], number: i + 1, file: f, streams: map[streamID]section{}}
	where := fmt.Sprintf("the footer of stripe %d", s.number)
	b, err := f.section(s.End()-s.FooterLength, s.FooterLength, where)
	if err != nil {
		return nil, err
	}
	if err := s.decode(b); err != nil {
		return nil, damaged("%s is not valid", where)
	}
	if len(s.Encodings) != len(f.Types) {
		return nil, damaged("%s has the encodings of %d columns, not of %d", where, len(s.Encodings), len(f.Types))
	}
	for _, place := range s.streams {
		s.stored += place.length
	}
	return s, nil
}

func (s *Stripe) decode(b []byte) error {
	offset, end := s.Offset, s.End()-s.FooterLength
	return eachField(b, func(f field) error {
		switch f.number {
		case 1:
			var column, kind int
			var length int64
			err := f.message(func(f field) error {
				switch f.number {
				case 1:
					return f.small(&kind)
				case 2:
					return f.small(&column)
				case 3:
					return f.store(&length)
				}
				return nil
			})
			if err != nil || length > end-offset {
				return errMessage
			}
			id, place := streamID{column, StreamKind(kind)}, section{offset, length}
			offset += length
			if !id.kind.holdsValues() {
				return nil
			}
			if _, twice := s.streams[id]; twice || column >= len(s.file.Types) {
				return errMessage
			}
			s.streams[id] = place
		case 2:
			e, err := decodeEncoding(f)
			if s.Encodings = append(s.Encodings, e); len(s.Encodings) > len(s.file.Types) {
				return errMessage
			}
			return err
		case 3:
			s.TimeZone = string(f.bytes)
		}
		return nil
	})
}

func (k StreamKind) holdsValues() bool {
	return k == Present || k == Data || k == Length || k == DictionaryData || k == Secondary
}

func decodeEncoding(f field) (Encoding, error) {
	kind, e := 0, Encoding{}
	err := f.message(func(f field) error {
		switch f.number {
		case 1:
			return f.small(&kind)
		case 2:
			return f.store(&e.DictionarySize)
		}
		return nil
	})
	if err != nil || kind > 3 {
		return e, errMessage
	}
	e.Dictionary, e.V2 = kind&1 == 1, kind >= 2
	return e, nil
}

// Has reports whether the stripe has a stream.
func (s *Stripe) Has(column int, kind StreamKind) bool {
	_, ok := s.streams[streamID{column, kind}]
	return ok
}

// Stream opens a stream.
func (s *Stripe) Stream(column int, kind StreamKind) *Stream {
	place := s.streams[streamID{column, kind}]
	return &Stream{file: s.file, where: fmt.Sprintf("stripe %d", s.number), window: s.window(place), next: place.offset, end: place.offset + place.length}
}

// window returns the size of a stream's buffer: its part of streamBuffers.
func (s *Stripe) window(place section) int {
	part := float64(place.length) / float64(max(1, s.stored))
	window := max(minWindow, int(part*streamBuffers))
	if !s.file.compressed {
		return min(window, maxPlain)
	}
	return window
}
