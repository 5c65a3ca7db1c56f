package orc

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// decompressor decompresses the chunks of a file.
type decompressor struct {
	compressed bool
	blockSize  int64 // of a chunk when decompressed
	decompress func(chunk []byte) ([]byte, error)
	stored     []byte // the last chunk as stored; reused
}

var errChunk = errors.New("the chunk is larger than the compression block size")

// newDecompressor returns the decompressor for a compression kind of the specification.
func newDecompressor(kind int, blockSize int64) (decompressor, error) {
	if kind != 0 && (blockSize < 1 || blockSize > maxBlock) {
		return decompressor{}, damaged("its compression block size is not between 1 byte and %d MiB", maxBlock>>20)
	}
	d := decompressor{compressed: kind != 0, blockSize: blockSize}
	size := int(blockSize)
	switch kind {
	case 0:
	case 1:
		d.decompress = inflate(size)
	case 2:
		var plain []byte
		d.decompress = func(b []byte) ([]byte, error) {
			n, err := snappy.DecodedLen(b)
			if err != nil || n > size || n > 64*len(b) { // two bytes copy at most 64
				return nil, errChunk
			}
			plain, err = snappy.Decode(plain[:cap(plain)], b)
			return plain, err
		}
	case 4:
		var plain []byte
		d.decompress = func(b []byte) ([]byte, error) {
			if most := min(size, 256*len(b)); len(plain) < most { // each byte copies at most 255
				plain = make([]byte, most)
			}
			n, err := lz4.UncompressBlock(b, plain[:min(len(plain), size)])
			return plain[:max(n, 0)], err
		}
	case 5:
		decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock), zstd.WithDecoderMaxWindow(maxBlock), zstd.WithDecoderLowmem(true))
		if err != nil {
			return decompressor{}, fmt.Errorf("open zstd: %w", err)
		}
		var plain []byte
		d.decompress = func(b []byte) ([]byte, error) {
			plain, err = decoder.DecodeAll(b, plain[:0])
			return plain, err
		}
	case 3:
		return d, unsupported("LZO")
	case 6:
		return d, unsupported("Brotli")
	default:
		return d, unsupported(fmt.Sprintf("the unknown method %d", kind))
	}
	return d, nil
}

func unsupported(method string) error {
	return Error(fmt.Sprintf("The ORC file is compressed by %s: write it with zstd, snappy, LZ4, zlib or none.", method))
}

// inflate decompresses chunks in the format of RFC 1951, without the header of zlib.
func inflate(size int) func([]byte) ([]byte, error) {
	in, out := bytes.NewReader(nil), &bytes.Buffer{}
	r := flate.NewReader(in)
	return func(b []byte) ([]byte, error) {
		in.Reset(b)
		out.Reset()
		if err := r.(flate.Resetter).Reset(in, nil); err != nil {
			return nil, err
		}
		_, err := io.Copy(out, io.LimitReader(r, int64(size)+1))
		return out.Bytes(), err
	}
}

// chunk reads the chunk at offset, in a section that ends at end, and returns its content, which is
// valid until the next call, and the offset of the next chunk.
func (f *File) chunk(offset, end int64, where string) (content []byte, next int64, err error) {
	header := [3]byte{}
	if end-offset < 3 {
		return nil, 0, damaged("%s ends within the header of a chunk", where)
	}
	if _, err := f.in.ReadAt(header[:], offset); err != nil {
		return nil, 0, ended(err, where)
	}
	code := int64(header[0]) | int64(header[1])<<8 | int64(header[2])<<16
	length, original := code>>1, code&1 == 1
	if offset += 3; length > end-offset {
		return nil, 0, damaged("a chunk ends after %s", where)
	}
	if original && length > f.blockSize {
		return nil, 0, damaged("a chunk of %s is larger than the compression block size", where)
	}
	if int64(cap(f.stored)) < length {
		f.stored = make([]byte, length)
	}
	f.stored = f.stored[:length]
	if _, err := f.in.ReadAt(f.stored, offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, ended(err, where)
	}
	content = f.stored
	if !original {
		content, err = f.decompress(f.stored)
	}
	if err != nil || int64(len(content)) > f.blockSize {
		return nil, 0, damaged("a chunk of %s cannot be decompressed", where)
	}
	return content, offset + length, nil
}
