package orc

// Bounds of a footer.
const (
	maxFooter  = 32 << 20
	maxStripes = 1 << 18
	maxTypes   = 1 << 16
)

// postscript is the last part of a file, which is never compressed.
type postscript struct {
	footerLength   int64
	compression    int
	blockSize      int64
	version        []int
	metadataLength int64
	magic          string
}

func decodePostscript(b []byte) (*postscript, error) {
	p := &postscript{blockSize: 256 << 10}
	return p, eachField(b, func(f field) error {
		switch f.number {
		case 1:
			return f.store(&p.footerLength)
		case 2:
			return f.small(&p.compression)
		case 3:
			return f.store(&p.blockSize)
		case 4:
			return f.repeated(&p.version, 2)
		case 5:
			return f.store(&p.metadataLength)
		case 8000:
			p.magic = string(f.bytes)
		}
		return nil
	})
}

// Footer describes the content of a file.
type Footer struct {
	Types    []Type
	Stripes  []StripeInformation
	Rows     int64
	Writer   int
	Calendar int

	encrypted bool
}

// StripeInformation says where a stripe is.
type StripeInformation struct {
	Offset, IndexLength, DataLength, FooterLength, Rows int64
}

// End returns the offset behind the stripe.
func (s StripeInformation) End() int64 {
	return s.Offset + s.IndexLength + s.DataLength + s.FooterLength
}

func decodeFooter(b []byte) (*Footer, error) {
	out, members := &Footer{Rows: -1}, 0
	return out, eachField(b, func(f field) error {
		switch f.number {
		case 3:
			if len(out.Stripes) == maxStripes {
				return Error("The ORC file has more than 262144 stripes: write it with larger stripes.")
			}
			s := StripeInformation{}
			err := f.message(s.decode)
			out.Stripes = append(out.Stripes, s)
			return err
		case 4:
			if len(out.Types) == maxTypes {
				return Error("The ORC file has more than 65536 columns and nested fields.")
			}
			t := Type{}
			err := f.message(t.decode)
			if members += len(t.Children) + len(t.FieldNames); members > 2*maxTypes {
				return errMessage
			}
			out.Types = append(out.Types, t)
			return err
		case 6:
			return f.store(&out.Rows)
		case 9:
			return f.small(&out.Writer)
		case 10:
			out.encrypted = true
		case 11:
			return f.small(&out.Calendar)
		}
		return nil
	})
}

func (s *StripeInformation) decode(f field) error {
	switch f.number {
	case 1:
		return f.store(&s.Offset)
	case 2:
		return f.store(&s.IndexLength)
	case 3:
		return f.store(&s.DataLength)
	case 4:
		return f.store(&s.FooterLength)
	case 5:
		return f.store(&s.Rows)
	}
	return nil
}

func (t *Type) decode(f field) error {
	switch f.number {
	case 1:
		kind := 0
		err := f.small(&kind)
		t.Kind = Kind(kind)
		return err
	case 2:
		return f.repeated(&t.Children, maxTypes)
	case 3:
		if len(t.FieldNames) == maxTypes {
			return errMessage
		}
		t.FieldNames = append(t.FieldNames, string(f.bytes))
	case 5:
		return f.small(&t.Precision)
	case 6:
		return f.small(&t.Scale)
	}
	return nil
}
