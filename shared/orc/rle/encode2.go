package rle

import (
	"encoding/binary"
	"io"
	"math"
	"math/bits"
)

// Limits of the runs of integers.
const (
	maxIntegers    = 512
	minRepeat      = 3
	maxShortRepeat = 10
	maxPatches     = 31
	maxGap         = 255
)

// IntegerEncoder encodes integers in version 2. For each run, it takes the encoding that is the shortest.
type IntegerEncoder struct {
	out     io.Writer
	signed  bool
	values  [maxIntegers]int64
	n       int
	space   [maxIntegers]uint64
	encoded []byte
}

// NewIntegerEncoder returns an encoder of integers, signed or not, that writes to out. Unsigned
// integers of 64 bits are given as negative ones.
func NewIntegerEncoder(out io.Writer, signed bool) *IntegerEncoder {
	return &IntegerEncoder{out: out, signed: signed}
}

// Append encodes an integer.
func (e *IntegerEncoder) Append(v int64) error {
	e.values[e.n] = v
	if e.n++; e.n < maxIntegers {
		return nil
	}
	return e.Flush()
}

// Flush writes everything. The encoder can be used again.
func (e *IntegerEncoder) Flush() error {
	if e.n == 0 {
		return nil
	}
	e.encoded = e.encoded[:0]
	e.encode(e.values[:e.n])
	e.n = 0
	_, err := e.out.Write(e.encoded)
	return err
}

// encode separates repeated values from others.
func (e *IntegerEncoder) encode(values []int64) {
	begin := 0 // of the values that are not encoded yet
	for i := 0; i < len(values); {
		end := i + 1
		for end < len(values) && values[end] == values[i] {
			end++
		}
		// A short run pays only if it does not cut a longer one.
		if n := end - i; n > maxShortRepeat || n >= minRepeat && i == begin && (end == len(values) || n >= 8) {
			e.literals(values[begin:i])
			e.repeat(values[i], n)
			begin = end
		}
		i = end
	}
	e.literals(values[begin:])
}

func zigzag(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) }

// plain returns the unsigned integer that represents v.
func (e *IntegerEncoder) plain(v int64) uint64 {
	if e.signed {
		return zigzag(v)
	}
	return uint64(v)
}

func (e *IntegerEncoder) repeat(v int64, n int) {
	if n > maxShortRepeat {
		e.header(3, 0, n)
		e.encoded = binary.AppendUvarint(e.encoded, e.plain(v))
		e.encoded = append(e.encoded, 0)
		return
	}
	u := e.plain(v)
	size := max(1, (bits.Len64(u)+7)/8)
	e.encoded = append(e.encoded, byte((size-1)<<3|(n-minRepeat)))
	e.bigEndian(u, size)
}

// header appends the two bytes that begin all runs but short repeats.
func (e *IntegerEncoder) header(kind, code, n int) {
	e.encoded = append(e.encoded, byte(kind<<6|code<<1|(n-1)>>8), byte(n-1))
}

func (e *IntegerEncoder) bigEndian(v uint64, size int) {
	for i := size - 1; i >= 0; i-- {
		e.encoded = append(e.encoded, byte(v>>(8*i)))
	}
}

// code returns the code of the least width that holds n bits.
func code(n int) int {
	for i, w := range widths {
		if w >= n {
			return i
		}
	}
	return len(widths) - 1
}

// literals encodes values that are not repeated.
func (e *IntegerEncoder) literals(values []int64) {
	if len(values) == 0 {
		return
	}
	all, least, most := uint64(0), values[0], values[0]
	for _, v := range values {
		all |= e.plain(v)
		least, most = min(least, v), max(most, v)
	}
	width := code(bits.Len64(all))
	size := 2 + packedSize(len(values), widths[width])
	// Differences must not overflow, and unsigned integers of 64 bits have no order here.
	if most >= 0 && least < math.MinInt64+most || !e.signed && least < 0 {
		e.direct(values, width)
		return
	}
	delta, deltaSize := e.planDelta(values)
	patched, patchedSize := planPatches(values, least, most)
	switch {
	case delta >= 0 && deltaSize < min(size, patchedSize):
		e.delta(values, delta)
	case patchedSize < size:
		e.patchedBase(values, least, patched)
	default:
		e.direct(values, width)
	}
}

func packedSize(n, width int) int { return (n*width + 7) / 8 }

func (e *IntegerEncoder) direct(values []int64, code int) {
	e.header(1, code, len(values))
	packed := e.space[:len(values)]
	for i, v := range values {
		packed[i] = e.plain(v)
	}
	e.pack(packed, widths[code])
}

// pack appends integers of width bits.
func (e *IntegerEncoder) pack(values []uint64, width int) {
	var word uint64
	free := 64
	for _, v := range values {
		if width < free {
			free -= width
			word |= v << free
			continue
		}
		over := width - free // the bits for the next word
		e.encoded = binary.BigEndian.AppendUint64(e.encoded, word|v>>over)
		free = 64 - over
		word = 0
		if over > 0 {
			word = v << free
		}
	}
	for ; free < 64; free += 8 {
		e.encoded = append(e.encoded, byte(word>>56))
		word <<= 8
	}
}

// planDelta returns the code of the width of the differences, 0 if all are equal, and the size of the
// run. The code is negative if the values do not rise or fall throughout.
func (e *IntegerEncoder) planDelta(values []int64) (int, int) {
	if len(values) < 2 {
		return -1, math.MaxInt
	}
	first, all, fixed := values[1]-values[0], uint64(0), true
	for i := 2; i < len(values); i++ {
		d := values[i] - values[i-1]
		fixed = fixed && d == first
		if first < 0 {
			d = -d
		}
		if d < 0 {
			return -1, math.MaxInt
		}
		all |= uint64(d)
	}
	size := 2 + varintSize(e.plain(values[0])) + varintSize(zigzag(first))
	if fixed {
		return 0, size
	}
	width := max(1, code(bits.Len64(all))) // the code 0 says that there are no differences
	return width, size + packedSize(len(values)-2, widths[width])
}

func varintSize(v uint64) int { return max(1, (bits.Len64(v)+6)/7) }

func (e *IntegerEncoder) delta(values []int64, code int) {
	e.header(3, code, len(values))
	e.encoded = binary.AppendUvarint(e.encoded, e.plain(values[0]))
	e.encoded = binary.AppendUvarint(e.encoded, zigzag(values[1]-values[0]))
	if code == 0 {
		return
	}
	packed := e.space[:len(values)-2]
	for i := range packed {
		d := values[i+2] - values[i+1]
		packed[i] = uint64(max(d, -d))
	}
	e.pack(packed, widths[code])
}
