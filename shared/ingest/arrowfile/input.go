package arrowfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"function/shared/ingest/invalid"
)

// Bounds of messages.
const (
	maxMetadata = 16 << 20
	maxBody     = 128 << 20
)

// input is a sequence of record batches. A file is a stream between its magic number and its footer.
type input struct {
	*ipc.Reader
	messages *messages
}

func open(f *os.File, limits *allocator) (*input, error) {
	m := &messages{f: f, limits: limits}
	head := make([]byte, len(FileMagic)+2)
	if _, err := f.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("read the beginning: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("find the uploaded file: %w", err)
	}
	m.size = info.Size()
	if string(head[:len(FileMagic)]) == FileMagic {
		tail := make([]byte, len(FileMagic))
		if _, err := f.ReadAt(tail, m.size-int64(len(tail))); err != nil || string(tail) != FileMagic {
			return nil, errDamaged
		}
		m.isFile, m.at = true, int64(len(head))
	}
	reader, err := ipc.NewReaderFromMessageReader(m, ipc.WithAllocator(limits))
	if err != nil {
		return nil, errors.Join(err, m.err)
	}
	return &input{reader, m}, nil
}

// next returns the next batch, which is valid until the next call, or io.EOF.
func (in *input) next() (arrow.RecordBatch, error) {
	if in.Next() {
		return in.RecordBatch(), nil
	}
	if err := errors.Join(in.messages.err, in.Err()); err != nil {
		return nil, err
	}
	return nil, in.messages.ended()
}

// messages reads the messages of a stream and checks what arrow-go takes on trust.
type messages struct {
	f      *os.File
	limits *allocator
	isFile bool
	size   int64
	at     int64
	last   *ipc.Message
	shape  shape
	err    error
}

func (m *messages) Retain() {}

func (m *messages) Release() {
	if m.last != nil {
		m.last.Release()
		m.last = nil
	}
}

func (m *messages) Message() (*ipc.Message, error) {
	m.Release()
	message, err := m.read()
	if err != nil && !errors.Is(err, io.EOF) {
		m.err = err
	}
	m.last = message
	return message, err
}

func (m *messages) read() (*ipc.Message, error) {
	if m.at == m.size && !m.isFile { // a stream may end without a marker
		return nil, io.EOF
	}
	prefix, err := m.bytes(8)
	if err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(prefix[4:]))
	switch {
	case string(prefix[:4]) != StreamMagic:
		return nil, errDamaged
	case length == 0:
		return nil, io.EOF
	case length > maxMetadata:
		return nil, errDamaged
	}
	metadata, err := m.bytes(length)
	if err != nil {
		return nil, err
	}
	checked, err := check(metadata, &m.shape)
	switch {
	case err != nil:
		return nil, err
	case checked.body < 0 || checked.body > m.size-m.at:
		return nil, errDamaged
	case checked.body > maxBody:
		return nil, tooLargeBatch()
	}
	body := memory.NewResizableBuffer(m.limits)
	defer body.Release()
	body.Resize(int(checked.body))
	if _, err := m.f.ReadAt(body.Bytes(), m.at); err != nil {
		return nil, fmt.Errorf("read the uploaded file: %w", err)
	}
	m.at += checked.body
	if err := checked.buffers(body.Bytes()); err != nil {
		return nil, err
	}
	return ipc.NewMessage(memory.NewBufferBytes(metadata), body), nil
}

func (m *messages) bytes(n int64) ([]byte, error) {
	if n > m.size-m.at {
		return nil, errDamaged
	}
	b := make([]byte, n)
	if _, err := m.f.ReadAt(b, m.at); err != nil {
		return nil, fmt.Errorf("read the uploaded file: %w", err)
	}
	m.at += n
	return b, nil
}

// ended returns io.EOF, unless another stream follows, whose rows would be lost.
func (m *messages) ended() error {
	if m.at < m.size && !m.isFile {
		return &invalid.Error{Detail: "The Arrow stream has more data after its end: send a single stream."}
	}
	return io.EOF
}
