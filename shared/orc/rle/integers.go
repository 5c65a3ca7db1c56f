package rle

import (
	"encoding/binary"
	"errors"
	"io"
)

// maxRun is the most values that a decoder holds: 512 of a run, and 31 patches of them.
const maxRun = 512 + 31

// Integers decodes integers.
type Integers struct {
	in     Source
	signed bool
	run    func() error // decodes the next run into values
	values []int64      // the current run
	at     int
	space  [maxRun]int64
	packed []byte // bit-packed values; reused
}

// NewIntegers returns a decoder of integers of version 2 or 1, signed or not.
func NewIntegers(in Source, signed, v2 bool) *Integers {
	d := &Integers{in: in, signed: signed}
	d.run = d.run1
	if v2 {
		d.run = d.run2
	}
	return d
}

// Next returns the next integer, or io.EOF after the last run. Unsigned integers of 64 bits come
// as negative ones.
func (d *Integers) Next() (int64, error) {
	if d.at == len(d.values) {
		d.values, d.at = d.space[:0], 0
		if err := d.run(); err != nil {
			d.values = d.space[:0]
			return 0, err
		}
	}
	v := d.values[d.at]
	d.at++
	return v, nil
}

// run1 decodes a run of version 1.
func (d *Integers) run1() error {
	control, err := d.in.ReadByte()
	if err != nil {
		return err
	}
	if control >= 0x80 {
		for range 0x100 - int(control) {
			v, err := d.varint()
			if err != nil {
				return err
			}
			d.values = append(d.values, v)
		}
		return nil
	}
	delta, err := d.in.ReadByte()
	if err != nil {
		return within(err)
	}
	v, err := d.varint()
	if err != nil {
		return err
	}
	for range int(control) + 3 {
		d.values = append(d.values, v)
		v += int64(int8(delta))
	}
	return nil
}

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

// varint reads a varint of at most 64 bits, which is zigzag-encoded if the integers are signed.
func (d *Integers) varint() (int64, error) {
	v, err := d.uvarint()
	if d.signed {
		return unzigzag(v), err
	}
	return int64(v), err
}

func (d *Integers) uvarint() (uint64, error) {
	v, err := binary.ReadUvarint(d.in)
	switch {
	case err == nil:
		return v, nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 0, io.ErrUnexpectedEOF
	case err.Error() == "binary: varint overflows a 64-bit integer":
		return 0, ErrInvalid
	}
	return 0, err
}

// bytes reads n bytes, which are valid until the next call.
func (d *Integers) bytes(n int) ([]byte, error) {
	if cap(d.packed) < n {
		d.packed = make([]byte, n)
	}
	b := d.packed[:n]
	_, err := io.ReadFull(d.in, b)
	return b, within(err)
}

// bigEndian reads an unsigned integer of n bytes.
func (d *Integers) bigEndian(n int) (v uint64, err error) {
	b, err := d.bytes(n)
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v, err
}

// unpack appends n integers of width bits to values, without the zigzag encoding.
func (d *Integers) unpack(n, width int) error {
	b, err := d.bytes((n*width + 7) / 8)
	if err != nil {
		return err
	}
	for bit := 0; n > 0; n-- {
		v, left := uint64(0), width
		for left > 0 {
			free := 8 - bit&7
			take := min(free, left)
			v = v<<take | uint64(b[bit>>3]>>(free-take))&(1<<take-1)
			bit, left = bit+take, left-take
		}
		d.values = append(d.values, int64(v))
	}
	return nil
}
