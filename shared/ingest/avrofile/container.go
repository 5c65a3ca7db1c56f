package avrofile

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/twmb/avro/ocf"

	"function/shared/fault"
	"function/shared/ingest/invalid"
)

// Bounds of a file's parts.
const (
	maxHeader = 4 << 20
	maxBlock  = 32 << 20 // of a block as it is stored, and decompressed
	markSize  = 16
)

// container reads the blocks of an object container file
// (https://avro.apache.org/docs/1.12.0/specification/#object-container-files).
type container struct {
	in         *bufio.Reader
	schema     string
	decompress func([]byte) ([]byte, error)
	mark       [markSize]byte // follows the header and each block
	blocks     int64
	compressed bool
	read       int64  // bytes of the blocks so far, as stored
	expanded   int64  // the same, decompressed
	stored     []byte // the current block as stored; reused
	close      func() error
}

func damaged(format string, args ...any) error {
	return &invalid.Error{Detail: "The Avro file is truncated or damaged: " + fmt.Sprintf(format, args...) + "."}
}

// ended returns what a failed read says about the file, or the error of the disk.
func ended(err error, where string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return damaged("it ends within %s", where)
	}
	return fmt.Errorf("read the uploaded file: %w", err)
}

// open reads the header.
func open(r io.Reader) (*container, error) {
	c := &container{in: bufio.NewReaderSize(r, 1<<20), close: func() error { return nil }}
	magic := make([]byte, 4)
	if _, err := io.ReadFull(c.in, magic); err != nil {
		return nil, ended(err, "its header")
	}
	if string(magic) != Magic {
		return nil, damaged("it does not begin like an object container file")
	}
	metadata, err := c.metadata()
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(c.in, c.mark[:]); err != nil {
		return nil, ended(err, "its header")
	}
	schema, ok := metadata["avro.schema"]
	if !ok {
		return nil, damaged("its header has no schema")
	}
	c.schema = schema
	return c, c.choose(metadata["avro.codec"])
}

// metadata reads the map of the header.
func (c *container) metadata() (map[string]string, error) {
	found, left := map[string]string{}, int64(maxHeader)
	number := func() (int64, error) {
		v, err := binary.ReadVarint(c.in)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			err = damaged("its header has a number of more than 64 bits")
		}
		return v, err
	}
	text := func() (string, error) {
		n, err := number()
		if err != nil {
			return "", err
		}
		if left -= n + 1; n < 0 || left < 0 {
			return "", damaged("its header is larger than %d MiB", maxHeader>>20)
		}
		b := make([]byte, n)
		_, err = io.ReadFull(c.in, b)
		return string(b), err
	}
	read := func() error {
		for {
			n, err := number()
			if err != nil || n == 0 {
				return err
			}
			if n < 0 {
				if _, err := number(); err != nil {
					return err
				}
				n = -n
			}
			for ; n != 0; n-- {
				key, err := text()
				if err != nil {
					return err
				}
				if found[key], err = text(); err != nil {
					return err
				}
			}
		}
	}
	err := read()
	var known *invalid.Error
	if err != nil && !errors.As(err, &known) {
		err = ended(err, "its header")
	}
	return found, err
}

// choose sets how blocks are decompressed.
func (c *container) choose(name string) error {
	c.compressed = name != "" && name != "null"
	switch name {
	case "", "null":
		c.decompress = func(b []byte) ([]byte, error) { return b, nil }
	case "deflate":
		c.bounded(ocf.DeflateCodec(0))
	case "snappy":
		c.bounded(ocf.SnappyCodec())
	case "zstandard":
		codec, err := ocf.ZstdCodec(nil, nil)
		if err != nil {
			return fmt.Errorf("open zstd: %w", err)
		}
		c.bounded(codec)
	case "bzip2":
		c.decompress = func(b []byte) ([]byte, error) {
			out, err := io.ReadAll(io.LimitReader(bzip2.NewReader(bytes.NewReader(b)), maxBlock+1))
			if err == nil && len(out) > maxBlock {
				err = errTooLarge
			}
			return out, err
		}
	default:
		return &invalid.Error{Detail: fmt.Sprintf("The Avro file is compressed by %s: write it with zstandard, snappy, deflate, bzip2 or null.", fault.Excerpt(name))}
	}
	return nil
}

var errTooLarge = errors.New("too large")

func (c *container) bounded(codec ocf.Codec) {
	c.decompress = func(b []byte) ([]byte, error) { return codec.(ocf.BoundedDecompressor).DecompressBounded(b, maxBlock) }
	c.close = codec.Close
}

// next returns the number of rows of the next block and its data, which is valid until the next call. At the end of
// the file it returns io.EOF.
func (c *container) next() (rows int64, data []byte, err error) {
	if _, err := c.in.Peek(1); err != nil {
		if errors.Is(err, io.EOF) {
			return 0, nil, io.EOF
		}
		return 0, nil, ended(err, "a block")
	}
	c.blocks++
	where := fmt.Sprintf("block %d", c.blocks)
	rows, err = binary.ReadVarint(c.in)
	if err != nil {
		return 0, nil, damaged("%s has no valid number of rows", where)
	}
	size, err := binary.ReadVarint(c.in)
	if err != nil || size < 0 || rows < 0 {
		return 0, nil, damaged("%s has no valid size", where)
	}
	if size > maxBlock {
		return 0, nil, tooLarge(c.blocks)
	}
	if int64(cap(c.stored)) < size {
		c.stored = make([]byte, size)
	}
	c.stored = c.stored[:size]
	if _, err := io.ReadFull(c.in, c.stored); err != nil {
		return 0, nil, ended(err, where)
	}
	var mark [markSize]byte
	if _, err := io.ReadFull(c.in, mark[:]); err != nil {
		return 0, nil, ended(err, where)
	}
	if mark != c.mark {
		return 0, nil, damaged("%s does not end in the sync marker of the file", where)
	}
	data, err = c.decompress(c.stored)
	if err != nil && (errors.Is(err, errTooLarge) || strings.Contains(err.Error(), "exceeds")) {
		return 0, nil, tooLarge(c.blocks)
	}
	if err != nil {
		return 0, nil, damaged("%s cannot be decompressed", where)
	}
	c.read, c.expanded = c.read+size, c.expanded+int64(len(data))
	if c.compressed {
		if err := invalid.Expands(c.read, c.expanded); err != nil {
			return 0, nil, err
		}
	}
	return rows, data, nil
}

func tooLarge(block int64) error {
	return &invalid.Error{Detail: fmt.Sprintf("Block %d of the Avro file is larger than %d MiB: write the file with smaller blocks.", block, maxBlock>>20)}
}
