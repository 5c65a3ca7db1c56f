package rle

import "io"

// Limits of the runs of bytes.
const (
	minByteRun   = 3
	maxByteRun   = 130
	maxLiterals  = 128
	outputBuffer = 4 << 10
)

// ByteEncoder encodes bytes.
type ByteEncoder struct {
	out      io.Writer
	literals [maxLiterals]byte
	n        int // literals, or the length of a run of literals[0]
	repeat   int // equal bytes at the end of the literals
	run      bool
	encoded  []byte
}

// NewByteEncoder returns an encoder of bytes that writes to out.
func NewByteEncoder(out io.Writer) *ByteEncoder { return &ByteEncoder{out: out} }

// Append encodes a byte.
func (e *ByteEncoder) Append(v byte) error {
	if e.run {
		if v == e.literals[0] {
			if e.n++; e.n == maxByteRun {
				return e.endRun()
			}
			return nil
		}
		if err := e.endRun(); err != nil {
			return err
		}
	}
	if e.n > 0 && v == e.literals[e.n-1] {
		e.repeat++
	} else {
		e.repeat = 1
	}
	e.literals[e.n] = v
	e.n++
	if e.repeat == minByteRun {
		if err := e.endLiterals(e.n - minByteRun); err != nil {
			return err
		}
		e.run, e.n, e.literals[0] = true, minByteRun, v
		return nil
	}
	if e.n == maxLiterals {
		return e.endLiterals(e.n)
	}
	return nil
}

func (e *ByteEncoder) endRun() error {
	e.encoded = append(e.encoded, byte(e.n-minByteRun), e.literals[0])
	e.run, e.n, e.repeat = false, 0, 0
	return e.write(outputBuffer)
}

func (e *ByteEncoder) endLiterals(n int) error {
	if n > 0 {
		e.encoded = append(e.encoded, byte(-n))
		e.encoded = append(e.encoded, e.literals[:n]...)
	}
	e.n, e.repeat = 0, 0
	return e.write(outputBuffer)
}

// write writes what is encoded, if it has at least the given length.
func (e *ByteEncoder) write(least int) error {
	if len(e.encoded) < least {
		return nil
	}
	_, err := e.out.Write(e.encoded)
	e.encoded = e.encoded[:0]
	return err
}

// Flush ends the run and writes everything. The encoder can be used again.
func (e *ByteEncoder) Flush() error {
	var err error
	if e.run {
		err = e.endRun()
	} else {
		err = e.endLiterals(e.n)
	}
	if err != nil {
		return err
	}
	return e.write(0)
}

// BooleanEncoder encodes booleans.
type BooleanEncoder struct {
	bytes *ByteEncoder
	bits  byte
	n     int // bits
}

// NewBooleanEncoder returns an encoder of booleans that writes to out.
func NewBooleanEncoder(out io.Writer) *BooleanEncoder {
	return &BooleanEncoder{bytes: NewByteEncoder(out)}
}

// Append encodes a boolean.
func (e *BooleanEncoder) Append(v bool) error {
	e.bits <<= 1
	if v {
		e.bits |= 1
	}
	if e.n++; e.n < 8 {
		return nil
	}
	bits := e.bits
	e.bits, e.n = 0, 0
	return e.bytes.Append(bits)
}

// FlushBytes writes all complete bytes, and returns how many bits the next byte has.
func (e *BooleanEncoder) FlushBytes() (int, error) { return e.n, e.bytes.Flush() }

// Flush fills the last byte with zeros and writes everything. The encoder can be used again.
func (e *BooleanEncoder) Flush() error {
	if e.n > 0 {
		if err := e.bytes.Append(e.bits << (8 - e.n)); err != nil {
			return err
		}
		e.bits, e.n = 0, 0
	}
	return e.bytes.Flush()
}
