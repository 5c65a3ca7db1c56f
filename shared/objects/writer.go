package objects

import (
	"context"
	"fmt"
	"io"
	"sync"

	seekable "github.com/SaveTheRbtz/zstd-seekable-format-go/pkg"
	"github.com/klauspost/compress/zstd"
)

const (
	frameSize = 1 << 20

	// Frames of one object under compression at a time. With the queue behind
	// them this bounds a Writer's memory.
	frameWorkers = 2
)

// encoder is shared by all writers: EncodeAll may be called concurrently, and
// borrows one of GOMAXPROCS compressors. The seek table carries a checksum of
// each frame, so frames need none of their own.
var encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(frameSize),
		zstd.WithEncoderCRC(false))
})

// Writer writes one object. The object appears when Close returns nil; until
// then, and after Abort or an error, the bucket shows nothing. A Writer must be
// ended by either, so defer Abort: after Close it does nothing. It is not for
// concurrent use.
type Writer struct {
	upload *upload
	frame  []byte // fills up to frameSize
	frames chan []byte

	stopped chan struct{} // closed when compression has ended, with failure set
	failure error

	ended bool
	err   error // of Close
}

// Create starts an object. What is written to it is compressed and encrypted
// under the 32-byte data key in constant memory, about 16 MiB at most,
// overlapping with the caller. Use a data key for one object only.
//
// A name is a path of elements of up to 200 ASCII letters, digits and inner
// ".", "_", "=", "-", separated by "/", 900 bytes at most. A name that is taken
// makes Close fail with [ErrExists]; of two local writers that commit one name
// at the same instant, the later may replace the earlier, whole.
//
// Cancelling ctx makes Write and Close fail.
func (b *Bucket) Create(ctx context.Context, name string, key []byte) (*Writer, error) {
	u, err := b.newUpload(ctx, name)
	if err != nil {
		return nil, err
	}
	sealed, err := seal(u, name, key)
	if err != nil {
		u.abort()
		return nil, fmt.Errorf("create object %s: %w", name, err)
	}
	w := &Writer{upload: u, frames: make(chan []byte), stopped: make(chan struct{})}
	go func() {
		defer close(w.stopped)
		w.failure = compress(u.ctx, sealed, w.frames)
	}()
	return w, nil
}

// compress turns frames, until the channel is closed, into a sealed stream.
func compress(ctx context.Context, sealed io.WriteCloser, frames <-chan []byte) error {
	enc, err := encoder()
	if err != nil {
		return err
	}
	z, err := seekable.NewWriter(sealed, enc)
	if err != nil {
		return err
	}
	next := func() ([]byte, error) {
		select {
		case frame := <-frames:
			return frame, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if err := z.WriteMany(ctx, next, seekable.WithConcurrency(frameWorkers)); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return sealed.Close()
}

// Write appends p to the object. An error may stem from an earlier Write.
func (w *Writer) Write(p []byte) (n int, err error) {
	if w.ended {
		return 0, ErrClosed
	}
	for n < len(p) {
		if w.frame == nil {
			w.frame = make([]byte, 0, frameSize)
		}
		part := p[n:min(len(p), n+frameSize-len(w.frame))]
		w.frame = append(w.frame, part...)
		n += len(part)
		if len(w.frame) == frameSize {
			if err := w.flush(); err != nil {
				return n, fmt.Errorf("write object %s: %w", w.upload.name, err)
			}
		}
	}
	return n, nil
}

func (w *Writer) flush() error {
	select {
	case w.frames <- w.frame:
		w.frame = nil
		return nil
	case <-w.stopped:
		return w.failure
	}
}

// Close commits the object: when it returns nil the object is visible and, on a
// local file system, synced to disk. On error nothing is left. Further calls
// return the same.
func (w *Writer) Close() error {
	if w.ended {
		return w.err
	}
	w.ended = true
	w.err = w.finish()
	return w.err
}

func (w *Writer) finish() error {
	if len(w.frame) > 0 {
		_ = w.flush() // the failure is looked at below
	}
	close(w.frames)
	<-w.stopped
	if w.failure != nil {
		w.upload.abort()
		return fmt.Errorf("write object %s: %w", w.upload.name, w.failure)
	}
	return w.upload.commit()
}

// Abort discards the object. After Close or Abort it does nothing.
func (w *Writer) Abort() {
	if w.ended {
		return
	}
	w.ended = true
	w.err = ErrClosed
	w.upload.cancel()
	<-w.stopped
	w.upload.abort()
}

// StoredBytes returns the size of the object as stored, once Close has returned.
func (w *Writer) StoredBytes() int64 { return w.upload.stored }
