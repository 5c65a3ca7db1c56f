package orc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// File is an opened ORC file. It is not safe for concurrent use.
type File struct {
	Footer
	decimal64 bool // decimals of up to 18 digits are plain integers

	in   io.ReaderAt
	body int64 // length of the stripes
	decompressor
}

// maxBlock is the greatest compression block size, which the header of a chunk limits.
const maxBlock = 8 << 20

// Open reads the tail of a file. A file that is damaged or not supported gives an Error.
func Open(in io.ReaderAt, size int64) (*File, error) {
	p, tail, err := readPostscript(in, size)
	if err != nil {
		return nil, err
	}
	f := &File{in: in}
	switch v := p.version; {
	case len(v) == 0, len(v) == 2 && v[0] == 0 && v[1] <= 12:
	case len(v) == 2 && v[0] == 1 && v[1] == 9999:
		f.decimal64 = true
	default:
		return nil, Error(fmt.Sprintf("The ORC file has the format version %s, which is not supported: write it with version 0.12.", version(v)))
	}
	if p.footerLength > tail || p.metadataLength > tail-p.footerLength {
		return nil, damaged("its footer is larger than the file")
	}
	f.body = tail - p.footerLength - p.metadataLength
	if f.decompressor, err = newDecompressor(p.compression, p.blockSize); err != nil {
		return nil, err
	}
	b, err := f.section(tail-p.footerLength, p.footerLength, "its footer")
	if err != nil {
		return nil, err
	}
	footer, err := decodeFooter(b)
	if known := Error(""); errors.As(err, &known) {
		return nil, known
	}
	if err != nil {
		return nil, damaged("its footer is not valid")
	}
	f.Footer = *footer
	return f, f.check()
}

// readPostscript returns the postscript and its offset.
func readPostscript(in io.ReaderAt, size int64) (*postscript, int64, error) {
	last := make([]byte, min(size, 256))
	if _, err := in.ReadAt(last, size-int64(len(last))); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, fmt.Errorf("read the file: %w", err)
	}
	if len(last) == 0 {
		return nil, 0, damaged("it is empty")
	}
	length := int(last[len(last)-1])
	if length >= len(last) {
		return nil, 0, damaged("its postscript is larger than the file")
	}
	p, err := decodePostscript(last[len(last)-1-length : len(last)-1])
	if err != nil {
		return nil, 0, damaged("its postscript is not valid")
	}
	if p.magic != Magic { // which files of Hive 0.11 have at their beginning only
		head := make([]byte, len(Magic))
		if _, err := in.ReadAt(head, 0); err != nil || !bytes.Equal(head, []byte(Magic)) || p.magic != "" {
			return nil, 0, damaged("its postscript is not valid")
		}
	}
	return p, size - 1 - int64(length), nil
}

func version(v []int) string {
	if len(v) != 2 {
		return "unknown"
	}
	return fmt.Sprintf("%d.%d", v[0], v[1])
}

// check validates the footer.
func (f *File) check() error {
	if f.encrypted {
		return Error("Columns of the ORC file are encrypted: write it without encryption.")
	}
	var rows, last int64
	for i, s := range f.Stripes {
		left := f.body
		for _, part := range []int64{s.Offset, s.IndexLength, s.DataLength, s.FooterLength} {
			if left -= part; left < 0 {
				return damaged("stripe %d ends after the file", i+1)
			}
		}
		if s.Offset < last {
			return damaged("stripe %d begins before the end of another", i+1)
		}
		last = s.End()
		if rows += s.Rows; rows < 0 || s.Rows < 0 {
			return damaged("the stripes have too many rows")
		}
	}
	if f.Rows != rows && f.Rows >= 0 {
		return damaged("its stripes have %d rows, but its footer counts %d", rows, f.Rows)
	}
	f.Rows = rows
	return f.checkTypes()
}

// checkTypes makes sure that the types form a tree, whose nodes come before the types within them.
func (f *File) checkTypes() error {
	parents := make([]int, len(f.Types))
	for i, t := range f.Types {
		count := -1
		switch t.Kind {
		case List:
			count = 1
		case Map:
			count = 2
		case Struct:
			count = len(t.FieldNames)
		case Union:
			count = len(t.Children)
		default:
			count = 0
		}
		if len(t.Children) != count {
			return damaged("type %d has %d types within it, not %d", i, len(t.Children), count)
		}
		for _, child := range t.Children {
			if child <= i || child >= len(f.Types) || parents[child] > 0 {
				return damaged("its types are not a tree")
			}
			parents[child]++
		}
	}
	if len(f.Types) == 0 {
		return Error("The ORC file has no columns.")
	}
	return nil
}

// section returns a decompressed part of the file that is not a stream, and is bounded.
func (f *File) section(offset, length int64, where string) ([]byte, error) {
	s := &Stream{file: f, where: where, next: offset, end: offset + length, window: maxBlock}
	b, err := io.ReadAll(io.LimitReader(s, maxFooter+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFooter {
		return nil, Error(fmt.Sprintf("The ORC file is not supported: %s is larger than %d MiB.", where, maxFooter>>20))
	}
	return b, nil
}

// Decimal64 reports whether decimals of up to 18 digits are plain integers in the DATA stream, as in
// files of the version 1.9999.
func (f *File) Decimal64() bool { return f.decimal64 }
