package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	seekable "github.com/SaveTheRbtz/zstd-seekable-format-go/pkg"
	"github.com/klauspost/compress/zstd"
)

// maxFrameSize bounds what one frame may claim to take and to hold.
const maxFrameSize = 8 << 20

// decoder is shared by all objects: DecodeAll may be called concurrently.
var decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(0),
		zstd.WithDecoderMaxMemory(maxFrameSize))
})

// Object is the plaintext of one stored object. ReadAt may be called
// concurrently; Read, Seek, WriteTo and Close may not. Every byte it returns has
// been authenticated; what does not authenticate is [ErrCorrupt].
//
// It fits [net/http.ServeContent]. Ascending reads share one range request to a
// cloud store, whatever their size.
type Object struct {
	name   string
	sealed *unsealed
	frames *seekable.Reader
	size   int64
}

var (
	_ io.ReadSeekCloser = (*Object)(nil)
	_ io.ReaderAt       = (*Object)(nil)
	_ io.WriterTo       = (*Object)(nil)
)

// Open opens an object that [Bucket.Create] made, with the same data key. ctx
// governs all reads until Close. A missing object is [ErrNotFound].
func (b *Bucket) Open(ctx context.Context, name string, key []byte) (*Object, error) {
	stored, err := b.StoredBytes(ctx, name)
	if err != nil {
		return nil, err
	}
	fetch := func(offset int64) (io.ReadCloser, error) {
		r, err := b.blobs.NewRangeReader(ctx, name, offset, -1, nil)
		if err != nil {
			return nil, storeError(err)
		}
		return r, nil
	}
	sealed, err := unseal(fetch, stored, name, key)
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", name, err)
	}
	o, err := newObject(name, sealed)
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", name, errors.Join(err, sealed.Close()))
	}
	return o, nil
}

func newObject(name string, sealed *unsealed) (*Object, error) {
	dec, err := decoder()
	if err != nil {
		return nil, err
	}
	frames, err := seekable.NewReader(nil, dec, seekable.WithReaderEnvironment(frameSource{sealed}))
	if err != nil {
		return nil, err
	}
	table, err := frames.SeekTable()
	if err != nil {
		return nil, err
	}
	return &Object{name: name, sealed: sealed, frames: frames, size: int64(table.Size())}, nil
}

// Size returns the length of the plaintext in bytes.
func (o *Object) Size() int64 { return o.size }

// Read implements [io.Reader].
func (o *Object) Read(p []byte) (int, error) {
	n, err := o.frames.Read(p)
	return n, o.readError(err)
}

// ReadAt implements [io.ReaderAt].
func (o *Object) ReadAt(p []byte, offset int64) (int, error) {
	n, err := o.frames.ReadAt(p, offset)
	return n, o.readError(err)
}

// Seek implements [io.Seeker].
func (o *Object) Seek(offset int64, whence int) (int64, error) {
	position, err := o.frames.Seek(offset, whence)
	return position, o.readError(err)
}

// WriteTo implements [io.WriterTo], by which [io.Copy] decodes one frame while
// dst takes the one before. When dst fails, the position is undefined.
func (o *Object) WriteTo(dst io.Writer) (int64, error) {
	decoded, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := io.CopyBuffer(w, struct{ io.Reader }{o}, make([]byte, frameSize))
		w.CloseWithError(err)
	}()
	n, err := io.CopyBuffer(struct{ io.Writer }{dst}, decoded, make([]byte, frameSize))
	decoded.Close()
	<-done
	return n, err
}

// Close ends the request under way, if any.
func (o *Object) Close() error {
	return errors.Join(o.frames.Close(), o.sealed.Close())
}

func (o *Object) readError(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("read object %s: %w", o.name, err)
}

// frameSource hands the compressed stream to the seekable format's reader.
// The sizes in a seek table are authentic, and bounded here all the same.
type frameSource struct{ *unsealed }

// ReadFooter returns the end of the stream; the reader looks at its last bytes.
func (s frameSource) ReadFooter() ([]byte, error) { return s.tail, nil }

// ReadSkipFrame returns the last length bytes of the stream: the seek table.
func (s frameSource) ReadSkipFrame(length int64) ([]byte, error) {
	return s.read(s.size-length, length)
}

// GetFrameByIndex returns one compressed frame.
func (s frameSource) GetFrameByIndex(frame seekable.FrameOffsetEntry) ([]byte, error) {
	if size := max(frame.CompressedSize, frame.DecompressedSize); size > maxFrameSize {
		return nil, fmt.Errorf("%w: frame of %d bytes", ErrCorrupt, size)
	}
	return s.read(int64(frame.CompressedOffset), int64(frame.CompressedSize))
}

func (s frameSource) read(offset, length int64) ([]byte, error) {
	if offset < 0 || length < 0 || offset > s.size-length {
		return nil, fmt.Errorf("%w: bytes %d+%d of %d", ErrCorrupt, offset, length, s.size)
	}
	p := make([]byte, length)
	_, err := s.ReadAt(p, offset)
	return p, err
}
