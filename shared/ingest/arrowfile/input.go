package arrowfile

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"function/shared/ingest/invalid"
)

// input is a sequence of record batches.
type input interface {
	schema() *arrow.Schema
	next() (arrow.RecordBatch, error) // valid until the next call; io.EOF after the last
	at() int64                        // bytes read so far
	close()
}

// Bounds of messages.
const (
	maxMetadata = 16 << 20
	maxBody     = 128 << 20
)

func open(f *os.File, limits *allocator) (input, error) {
	head := make([]byte, len(FileMagic))
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("read the beginning: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("find the uploaded file: %w", err)
	}
	options := []ipc.Option{ipc.WithAllocator(limits), ipc.WithMetadataSizeLimit(maxMetadata), ipc.WithBodySizeLimit(maxBody)}
	if isFile(head) {
		reader, err := ipc.NewFileReader(f, options...)
		if err != nil {
			return nil, err
		}
		return &file{reader: reader, size: info.Size()}, nil
	}
	s := &stream{f: f, size: info.Size()}
	messages := ipc.NewMessageReader(s, options...)
	if s.reader, err = ipc.NewReaderFromMessageReader(messages, options...); err != nil {
		return nil, err
	}
	return s, nil
}

// file is an Arrow file, which has a footer.
type file struct {
	reader *ipc.FileReader
	size   int64
	number int
}

func (f *file) schema() *arrow.Schema { return f.reader.Schema() }
func (f *file) close()                { _ = f.reader.Close() }

func (f *file) next() (arrow.RecordBatch, error) {
	if f.number == f.reader.NumRecords() {
		return nil, io.EOF
	}
	f.number++
	return f.reader.RecordBatch(f.number - 1)
}

func (f *file) at() int64 {
	return int64(float64(f.size) * float64(f.number) / float64(max(1, f.reader.NumRecords())))
}

// stream is a sequence of messages.
type stream struct {
	f      *os.File
	reader *ipc.Reader
	size   int64
	read   int64
}

func (s *stream) schema() *arrow.Schema { return s.reader.Schema() }
func (s *stream) at() int64             { return s.read }
func (s *stream) close()                { s.reader.Release() }

func (s *stream) Read(p []byte) (int, error) {
	n, err := s.f.Read(p)
	s.read += int64(n)
	return n, err
}

func (s *stream) next() (arrow.RecordBatch, error) {
	if s.reader.Next() {
		return s.reader.RecordBatch(), nil
	}
	if err := s.reader.Err(); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if s.read < s.size { // another stream, whose rows would be lost
		return nil, &invalid.Error{Detail: "The Arrow stream has more data after its end: send a single stream."}
	}
	return nil, io.EOF
}
