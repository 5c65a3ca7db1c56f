package objects

import (
	"context"
	"fmt"
)

// Writer writes one object. The object appears when Close returns nil; before that, and after Abort
// or an error, the bucket does not show it. Every Writer must be closed or aborted, so defer Abort:
// it does nothing after Close. A Writer is not safe for concurrent use.
type Writer struct {
	upload *upload
	stream *compressor
	frame  *frame // being filled, or nil

	ended bool
	err   error // of Close
}

// Create starts an object. Its data is compressed and encrypted under the 32-byte data key while
// the caller continues, in constant memory of about 12 MiB. A data key may be used for several
// objects.
//
// A name is a path of elements separated by "/", at most 900 bytes long. An element has up to 200
// ASCII letters and digits, with ".", "_", "=" and "-" between them. If the name is taken, Close
// fails with [ErrExists]. Of two local writers that commit the same name at the same instant, the
// later may replace the earlier completely.
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
	stream, err := newCompressor(u.ctx, sealed)
	if err != nil {
		u.abort()
		return nil, fmt.Errorf("create object %s: %w", name, err)
	}
	return &Writer{upload: u, stream: stream}, nil
}

// Write appends p to the object. It may return the error of an earlier Write.
func (w *Writer) Write(p []byte) (n int, err error) {
	if w.ended {
		return 0, ErrClosed
	}
	for n < len(p) {
		if w.frame == nil {
			if w.frame, err = w.stream.next(); err != nil {
				return n, fmt.Errorf("write object %s: %w", w.upload.name, err)
			}
		}
		part := p[n:min(len(p), n+frameSize-len(w.frame.plain))]
		w.frame.plain = append(w.frame.plain, part...)
		n += len(part)
		if len(w.frame.plain) == frameSize {
			w.flush()
		}
	}
	return n, nil
}

func (w *Writer) flush() {
	if w.frame != nil {
		w.stream.put(w.frame)
		w.frame = nil
	}
}

// Close commits the object. When it returns nil, the object is visible and, on a local file system,
// synced to disk. After an error, nothing remains. Further calls return the same result.
func (w *Writer) Close() error {
	if w.ended {
		return w.err
	}
	w.ended = true
	w.flush()
	err := w.stream.finish()
	w.stream = nil // frees its memory: deferred Aborts keep writers reachable
	if err != nil {
		w.upload.abort()
		w.err = fmt.Errorf("write object %s: %w", w.upload.name, err)
		return w.err
	}
	w.err = w.upload.commit()
	return w.err
}

// Abort discards the object. It does nothing after Close or Abort.
func (w *Writer) Abort() {
	if w.ended {
		return
	}
	w.ended = true
	w.err = ErrClosed
	w.upload.cancel(nil)
	_ = w.stream.finish() // reports the cancellation
	w.stream, w.frame = nil, nil
	w.upload.abort()
}

// StoredBytes returns the size of the object as stored. It is valid after Close has returned nil.
func (w *Writer) StoredBytes() int64 { return w.upload.stored }

// StoredSHA256 returns the SHA-256 of the object as stored. It is valid after Close has returned
// nil.
func (w *Writer) StoredSHA256() []byte { return w.upload.sha256.Sum(nil) }
