package objects

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/minio/sio"
)

// maxGap is the largest gap that is read through: a new range request costs more.
const maxGap = 1 << 20

// fetch requests length bytes of the ciphertext from offset, or with length -1 everything to its end.
type fetch func(offset, length int64) (io.ReadCloser, error)

// unsealed is the random-access plaintext of a sealed stream. It requests the end of the ciphertext
// when opened, and then makes one request per run of ascending reads of any length. A request covers
// everything to the end, or to the limit.
type unsealed struct {
	fetch  fetch
	spare  func(error) fetch // another store for reads that fail with this error, or nil; used once
	stored int64
	config sio.Config
	nonce  nonce

	size int64  // of the plaintext
	tail []byte // the end of the plaintext: its last one or two packages

	mu     sync.Mutex
	until  int64         // the limit of new requests, in the plaintext; zero: none
	body   io.ReadCloser // the request in progress, or nil
	plain  io.Reader     // the decrypted body
	offset int64         // position of plain in the plaintext
	end    int64         // the end of plain
}

// unseal verifies the end of a stream of the given size, and thereby the size: the final package
// only authenticates at its original position.
func unseal(fetch fetch, stored int64, name string, key []byte) (*unsealed, error) {
	size, err := sio.DecryptedSize(uint64(max(stored, 0)))
	if err != nil || size == 0 {
		return nil, fmt.Errorf("%w: %d bytes", ErrCorrupt, stored)
	}
	s := &unsealed{fetch: fetch, stored: stored, size: int64(size)}
	first := max(0, (stored-1)/packageSize-1)
	body, packages, header, err := s.request(first, stored)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	s.nonce = nonceOf(header)
	if s.config, err = streamConfig(name, key, s.nonce); err != nil {
		return nil, err
	}
	plain, err := s.decrypt(packages, first)
	if err != nil {
		return nil, err
	}
	s.tail = make([]byte, s.size-first*payloadSize)
	if _, err := io.ReadFull(plain, s.tail); err != nil {
		return nil, integrityError(err)
	}
	// Only the final package ends the stream.
	if _, err := io.ReadFull(plain, make([]byte, 1)); err != io.EOF {
		return nil, integrityError(err)
	}
	return s, nil
}

// request opens the ciphertext from package first to the byte before end, and peeks at its header.
func (s *unsealed) request(first, end int64) (body io.ReadCloser, packages io.Reader, header []byte, err error) {
	offset, length := first*packageSize, int64(-1)
	if end < s.stored {
		length = end - offset
	}
	body, err = s.fetch(offset, length)
	if err != nil {
		return nil, nil, nil, err
	}
	// The smallest buffer: reads of whole packages bypass it.
	buffered := bufio.NewReaderSize(io.LimitReader(transport{body}, min(end, s.stored)-offset), headerSize)
	header, err = buffered.Peek(headerSize)
	if err != nil {
		body.Close()
		return nil, nil, nil, integrityError(err)
	}
	return body, buffered, header, nil
}

func (s *unsealed) decrypt(packages io.Reader, first int64) (io.Reader, error) {
	config := s.config
	config.SequenceNumber = uint32(first)
	return sio.DecryptReader(packages, config)
}

// ReadAt implements [io.ReaderAt].
func (s *unsealed) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 || offset > s.size-int64(len(p)) {
		return 0, fmt.Errorf("%w: bytes %d+%d of %d", ErrCorrupt, offset, len(p), s.size)
	}
	if start := s.size - int64(len(s.tail)); offset >= start {
		return copy(p, s.tail[offset-start:]), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.readAt(p, offset)
	if err == nil || s.spare == nil {
		return n, err
	}
	fetch := s.spare(err)
	if fetch == nil {
		return n, err
	}
	s.fetch, s.spare = fetch, nil
	n, other := s.readAt(p, offset)
	if other != nil {
		return n, neither(err, other)
	}
	return n, nil
}

func (s *unsealed) readAt(p []byte, offset int64) (int, error) {
	if err := s.seek(offset, int64(len(p))); err != nil {
		s.drop()
		return 0, err
	}
	n, err := io.ReadFull(s.plain, p)
	s.offset += int64(n)
	if err != nil {
		s.drop()
		return n, integrityError(err)
	}
	return n, nil
}

// limit ends the requests of the following reads at a position of the plaintext. Zero removes the
// limit.
func (s *unsealed) limit(until int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = until
}

// seek moves to offset, from which length bytes will be read.
func (s *unsealed) seek(offset, length int64) error {
	if s.plain == nil || offset < s.offset || offset > s.offset+maxGap || offset+length > s.end {
		end := s.size
		if s.until > 0 {
			end = max(s.until, offset+length)
		}
		if err := s.restart(offset/payloadSize, (end-1)/payloadSize); err != nil {
			return err
		}
	}
	skipped, err := io.CopyN(io.Discard, s.plain, offset-s.offset)
	s.offset += skipped
	return integrityError(err)
}

// restart requests the ciphertext from package first to package last. The first header must have the
// stream's nonce, because sio compares later headers only with this one.
func (s *unsealed) restart(first, last int64) error {
	s.drop()
	body, packages, header, err := s.request(first, (last+1)*packageSize)
	if err != nil {
		return err
	}
	s.body = body
	if nonceOf(header) != s.nonce {
		return fmt.Errorf("%w: foreign package", ErrCorrupt)
	}
	s.plain, err = s.decrypt(packages, first)
	s.offset, s.end = first*payloadSize, min((last+1)*payloadSize, s.size)
	return err
}

// drop ends the request in progress.
func (s *unsealed) drop() error {
	if s.body == nil {
		return nil
	}
	err := s.body.Close()
	s.body, s.plain = nil, nil
	return err
}

func (s *unsealed) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drop()
}

// integrityError marks errors that only damaged ciphertext can cause with ErrCorrupt, and returns
// transport errors unchanged.
func integrityError(err error) error {
	if err == nil {
		return nil
	}
	var format sio.Error
	if errors.As(err, &format) || err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// transport wraps the errors of a request, so that an interrupted connection (by convention
// io.ErrUnexpectedEOF) is not mistaken for a truncated object.
type transport struct{ io.Reader }

func (t transport) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("read bucket: %w", err)
	}
	return n, err
}
