package objects

import (
	"fmt"
	"io"
)

// Range is a part of an object's plaintext.
type Range struct{ Offset, Length int64 }

// End returns the offset of the byte after the range.
func (r Range) End() int64 { return r.Offset + r.Length }

// CopyRanges copies ranges in ascending order to the same offsets of dst. It requests only the frames
// that hold them, and makes one request for ranges that are stored less than 1 MiB apart.
func (o *Object) CopyRanges(dst io.WriterAt, ranges []Range) error {
	defer o.sealed.limit(0)
	buffer := make([]byte, frameSize)
	var until int64
	for i, r := range ranges {
		start, end, err := o.stored(r)
		if err != nil {
			return err
		}
		if start > until || i == 0 {
			if until, err = o.run(end, ranges[i+1:]); err != nil {
				return err
			}
			o.sealed.limit(until)
		}
		out := struct{ io.Writer }{io.NewOffsetWriter(dst, r.Offset)}
		if _, err := io.CopyBuffer(out, io.NewSectionReader(o, r.Offset, r.Length), buffer); err != nil {
			return err
		}
	}
	return nil
}

// run returns the end of the stored frames of the ranges that follow a range, stored until end,
// without a gap that is worth another request.
func (o *Object) run(end int64, following []Range) (int64, error) {
	for _, r := range following {
		start, next, err := o.stored(r)
		if err != nil {
			return 0, err
		}
		if start > end+maxGap {
			break
		}
		end = max(end, next)
	}
	return end, nil
}

// stored returns where the frames of a range begin and end in the compressed stream.
func (o *Object) stored(r Range) (start, end int64, err error) {
	if r.Offset < 0 || r.Length <= 0 || r.Offset > o.size-r.Length {
		return 0, 0, fmt.Errorf("read object %s: no bytes %d+%d of %d", o.name, r.Offset, r.Length, o.size)
	}
	first, found := o.table.EntryByDecompressedOffset(uint64(r.Offset))
	last, ended := o.table.EntryByDecompressedOffset(uint64(r.End() - 1))
	if !found || !ended {
		return 0, 0, fmt.Errorf("read object %s: %w: its seek table lacks bytes %d+%d", o.name, ErrCorrupt, r.Offset, r.Length)
	}
	return int64(first.CompressedOffset), int64(last.CompressedOffset) + int64(last.CompressedSize), nil
}
