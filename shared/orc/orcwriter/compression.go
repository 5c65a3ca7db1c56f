package orcwriter

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Compression is how the chunks of a file are compressed.
type Compression int

// The methods of compression.
const (
	Zstd Compression = iota
	Zlib
	Snappy
	LZ4
	None
)

// kind returns the number of the method in the specification.
func (c Compression) kind() uint64 {
	return map[Compression]uint64{None: 0, Zlib: 1, Snappy: 2, LZ4: 4, Zstd: 5}[c]
}

// blockSize is the length of a chunk that is not compressed.
const blockSize = 256 << 10

// compressor compresses chunks. The result of compress is nil if the chunk does not get smaller, and
// valid until the next call.
type compressor func(chunk []byte) ([]byte, error)

// newCompressor returns the compressor of a method, or nil for none.
func newCompressor(method Compression) (compressor, error) {
	var out []byte
	switch method {
	case None:
		return nil, nil
	case Zstd:
		encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(blockSize), zstd.WithEncoderCRC(false))
		return func(chunk []byte) ([]byte, error) {
			out = encoder.EncodeAll(chunk, out[:0])
			return out, nil
		}, err
	case Zlib:
		return deflate()
	case Snappy:
		return func(chunk []byte) ([]byte, error) {
			out = snappy.Encode(out[:cap(out)], chunk)
			return out, nil
		}, nil
	case LZ4:
		encoder := lz4.Compressor{}
		return func(chunk []byte) ([]byte, error) {
			if most := lz4.CompressBlockBound(len(chunk)); len(out) < most {
				out = make([]byte, most)
			}
			n, err := encoder.CompressBlock(chunk, out)
			return out[:n], err
		}, nil
	}
	return nil, fmt.Errorf("the compression %d is unknown", method)
}

// deflate compresses in the format of RFC 1951, without the header of zlib.
func deflate() (compressor, error) {
	var out bytes.Buffer
	encoder, err := flate.NewWriter(&out, flate.DefaultCompression)
	return func(chunk []byte) ([]byte, error) {
		out.Reset()
		encoder.Reset(&out)
		if _, err := encoder.Write(chunk); err != nil {
			return nil, err
		}
		err := encoder.Close()
		return out.Bytes(), err
	}, err
}

// stream buffers the bytes of a stream, compressed in chunks.
type stream struct {
	compress compressor
	chunk    []byte // not yet compressed
	chunks   []byte
	length   int64 // of the bytes before compression
}

// Write implements io.Writer.
func (s *stream) Write(p []byte) (int, error) {
	s.length += int64(len(p))
	for rest := p; len(rest) > 0; {
		n := min(len(rest), blockSize-len(s.chunk))
		s.chunk, rest = append(s.chunk, rest[:n]...), rest[n:]
		if len(s.chunk) == blockSize {
			if err := s.end(); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// WriteString implements io.StringWriter.
func (s *stream) WriteString(p string) (int, error) {
	if len(s.chunk)+len(p) < blockSize {
		s.length += int64(len(p))
		s.chunk = append(s.chunk, p...)
		return len(p), nil
	}
	return s.Write([]byte(p))
}

// end ends the current chunk.
func (s *stream) end() error {
	if len(s.chunk) == 0 {
		return nil
	}
	if s.compress == nil {
		s.chunks = append(s.chunks, s.chunk...)
		s.chunk = s.chunk[:0]
		return nil
	}
	stored, err := s.compress(s.chunk)
	if err != nil {
		return fmt.Errorf("compress a chunk: %w", err)
	}
	header := len(stored) << 1
	if len(stored) == 0 || len(stored) >= len(s.chunk) {
		stored, header = s.chunk, len(s.chunk)<<1|1
	}
	s.chunks = append(s.chunks, byte(header), byte(header>>8), byte(header>>16))
	s.chunks = append(s.chunks, stored...)
	s.chunk = s.chunk[:0]
	return nil
}

func (s *stream) reset() { s.chunk, s.chunks, s.length = s.chunk[:0], s.chunks[:0], 0 }
