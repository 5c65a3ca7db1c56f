package avrofile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// cursor reads values in Avro's binary encoding from a block.
type cursor struct {
	data   []byte
	at     int
	nested int // elements of arrays and maps that the current row may still have, each counted with its fields
}

// errShort is returned when a value ends after the data, or is not in Avro's encoding.
var errShort = errors.New("the data does not match the schema")

// flaw is a value that is well encoded and yet cannot be kept.
type flaw string

func (f flaw) Error() string { return string(f) }

func (c *cursor) left() int { return len(c.data) - c.at }

// take returns the next n bytes, which are valid until the next block is read.
func (c *cursor) take(n int64) ([]byte, error) {
	if n < 0 || n > int64(c.left()) {
		return nil, errShort
	}
	from := c.at
	c.at += int(n)
	return c.data[from:c.at], nil
}

// long reads a zigzag varint of at most 64 bits.
func (c *cursor) long() (int64, error) {
	v, n := binary.Varint(c.data[c.at:])
	if n <= 0 {
		return 0, errShort
	}
	c.at += n
	return v, nil
}

// int reads a zigzag varint of at most 32 bits.
func (c *cursor) int() (int32, error) {
	v, err := c.long()
	if err == nil && (v < math.MinInt32 || v > math.MaxInt32) {
		err = errShort
	}
	return int32(v), err
}

// bytes reads a length and as many bytes.
func (c *cursor) bytes() ([]byte, error) {
	n, err := c.long()
	if err != nil {
		return nil, err
	}
	return c.take(n)
}

// elements calls each for every element of an array or a map, whose elements take at least least bytes and have the
// given number of fields.
func (c *cursor) elements(least, fields int, each func() error) error {
	for {
		n, err := c.long()
		if err != nil || n == 0 {
			return err
		}
		if n < 0 { // the size of the block in bytes follows
			if _, err := c.long(); err != nil {
				return err
			}
			if n = -n; n < 0 {
				return errShort
			}
		}
		if least > 0 && n > int64(c.left()/least) {
			return errShort
		}
		if n > int64(c.nested/max(1, fields)) {
			return flaw(fmt.Sprintf("the row has more than %d nested values", maxNested))
		}
		c.nested -= int(n) * max(1, fields)
		for range n {
			if err := each(); err != nil {
				return err
			}
		}
	}
}
