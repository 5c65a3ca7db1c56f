package orc

import (
	"io"
)

// Stream reads the decompressed bytes of a stream. A stream that the stripe does not have is empty.
//
// It buffers a window of the current chunk. If the chunk is larger, it is decompressed again for each
// window, so that a stripe with thousands of streams does not need a buffer of a chunk for each.
type Stream struct {
	file   *File
	where  string
	next   int64 // offset of the next chunk
	end    int64 // offset behind the stream
	window int

	current int64  // offset of the current chunk
	size    int    // of the current chunk, decompressed
	from    int    // offset of the buffer in the current chunk
	buffer  []byte // the window
	at      int    // offset of the next byte in buffer
}

// fill loads the next window. At the end of the stream it returns io.EOF.
func (s *Stream) fill() error {
	if !s.file.compressed {
		return s.fillPlain()
	}
	s.at = 0
	if from := s.from + len(s.buffer); from < s.size {
		content, _, err := s.file.chunk(s.current, s.end, s.where)
		if err != nil {
			return err
		}
		s.keep(content, from)
		return nil
	}
	s.buffer, s.size, s.from = s.buffer[:0], 0, 0
	for s.next < s.end {
		content, next, err := s.file.chunk(s.next, s.end, s.where)
		if err != nil {
			return err
		}
		s.current, s.next, s.size = s.next, next, len(content)
		if len(content) > 0 {
			s.keep(content, 0)
			return nil
		}
	}
	return io.EOF
}

// keep copies the window of a chunk that begins at from.
func (s *Stream) keep(content []byte, from int) {
	s.from = from
	content = content[from:min(len(content), from+s.window)]
	if cap(s.buffer) < len(content) {
		s.buffer = make([]byte, len(content))
	}
	s.buffer = append(s.buffer[:0], content...)
}

func (s *Stream) fillPlain() error {
	n := min(s.end-s.next, int64(s.window))
	if n <= 0 {
		s.buffer, s.at = s.buffer[:0], 0
		return io.EOF
	}
	if int64(cap(s.buffer)) < n {
		s.buffer = make([]byte, n)
	}
	s.buffer, s.at = s.buffer[:n], 0
	if read, err := s.file.in.ReadAt(s.buffer, s.next); int64(read) < n {
		s.buffer = s.buffer[:0]
		return ended(err, s.where)
	}
	s.next += n
	return nil
}

// ReadByte implements io.ByteReader.
func (s *Stream) ReadByte() (byte, error) {
	for s.at == len(s.buffer) {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	b := s.buffer[s.at]
	s.at++
	return b, nil
}

// Read implements io.Reader.
func (s *Stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for s.at == len(s.buffer) {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.buffer[s.at:])
	s.at += n
	return n, nil
}

// Buffered reads the next n bytes if they are in the buffer, and returns nil otherwise. The result is
// valid until the next read.
func (s *Stream) Buffered(n int) []byte {
	if n > len(s.buffer)-s.at {
		return nil
	}
	s.at += n
	return s.buffer[s.at-n : s.at : s.at]
}
