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

// maxFrameSize limits the claimed size of a frame, compressed or not.
const maxFrameSize = 8 << 20

// decoder is shared by all objects: DecodeAll may be called concurrently.
var decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(0),
		zstd.WithDecoderMaxMemory(maxFrameSize))
})

// Object is the plaintext of one stored object. ReadAt may be called concurrently; Read, Seek,
// WriteTo, CopyRanges and Close may not. Every returned byte has been authenticated; data that fails
// authentication is [ErrCorrupt].
//
// An Object can be passed to [net/http.ServeContent]. Ascending reads of any size share one range
// request to a cloud store.
type Object struct {
	name   string
	sealed *unsealed
	frames *seekable.Reader
	table  seekable.SeekTable
	size   int64
}

var (
	_ io.ReadSeekCloser = (*Object)(nil)
	_ io.ReaderAt       = (*Object)(nil)
	_ io.WriterTo       = (*Object)(nil)
)

// Open opens an object that [Bucket.Create] wrote with the same data key. ctx applies to all reads
// until Close. A missing object is [ErrNotFound].
func (b *Bucket) Open(ctx context.Context, name string, key []byte) (*Object, error) {
	if b.backup != nil {
		return b.openEither(ctx, name, key)
	}
	return b.source(ctx, name).open(key)
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
	return &Object{name: name, sealed: sealed, frames: frames, table: table, size: int64(table.Size())}, nil
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

// WriteTo implements [io.WriterTo], so that [io.Copy] decodes one frame while it writes the
// previous one to dst. If dst fails, the position is undefined.
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

// Close ends the request in progress, if any.
func (o *Object) Close() error {
	return errors.Join(o.frames.Close(), o.sealed.Close())
}

func (o *Object) readError(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("read object %s: %w", o.name, err)
}

// frameSource passes the compressed stream to the reader of the seekable format. The sizes in a
// seek table are authenticated; they are checked nevertheless.
type frameSource struct{ *unsealed }

// ReadFooter returns the end of the stream; the reader uses its last bytes.
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
