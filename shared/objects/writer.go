package objects

import (
	"context"
	"fmt"
)

// Writer writes one object. The object appears when Close returns nil; until
// then, and after Abort or an error, the bucket shows nothing. A Writer must be
// ended by either, so defer Abort: after Close it does nothing. It is not for
// concurrent use.
type Writer struct {
	upload *upload
	stream *compressor
	frame  *frame // the one that fills, or nil

	ended bool
	err   error // of Close
}

// Create starts an object. What is written to it is compressed and encrypted
// under the 32-byte data key in constant memory, about 12 MiB, overlapping with
// the caller. A data key may serve several objects.
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
	stream, err := newCompressor(u.ctx, sealed)
	if err != nil {
		u.abort()
		return nil, fmt.Errorf("create object %s: %w", name, err)
	}
	return &Writer{upload: u, stream: stream}, nil
}

// Write appends p to the object. An error may stem from an earlier Write.
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

// Close commits the object: when it returns nil the object is visible and, on a
// local file system, synced to disk. On error nothing is left. Further calls
// return the same.
func (w *Writer) Close() error {
	if w.ended {
		return w.err
	}
	w.ended = true
	w.flush()
	err := w.stream.finish()
	w.stream = nil // and its memory: deferred Aborts keep writers alive
	if err != nil {
		w.upload.abort()
		w.err = fmt.Errorf("write object %s: %w", w.upload.name, err)
		return w.err
	}
	w.err = w.upload.commit()
	return w.err
}

// Abort discards the object. After Close or Abort it does nothing.
func (w *Writer) Abort() {
	if w.ended {
		return
	}
	w.ended = true
	w.err = ErrClosed
	w.upload.cancel()
	_ = w.stream.finish() // reports the cancellation
	w.stream, w.frame = nil, nil
	w.upload.abort()
}

// StoredBytes returns the size of the object as stored, once Close has returned
// nil.
func (w *Writer) StoredBytes() int64 { return w.upload.stored }
