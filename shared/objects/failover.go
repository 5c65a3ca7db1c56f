package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"gocloud.dev/blob"
)

const (
	patience  = 10 * time.Second // without a byte, after which a store that has a backup counts as away
	awayAfter = 15 * time.Second // how long a store that was away is asked last
)

// errAway stands for the error of an earlier read.
var errAway = errors.New("the store failed moments ago")

// backup is the second store of a bucket.
type backup struct {
	bucket   *Bucket
	patience time.Duration
	report   func(ctx context.Context, name string, err error)
	away     atomic.Pointer[time.Time] // until when the bucket itself is asked last
}

// WithBackup returns a bucket that reads from the backup what it cannot read itself: because its
// store is away, does not answer, lacks the object or returns corrupt bytes. An [Object] that is
// being read continues in the backup at the same position. report is called each time, with the
// error. The bucket still writes and deletes only in its own store; [Bucket.Copy] fills the backup.
//
// A store that was away is asked only after the backup for some seconds. Close the two buckets, not
// the returned one.
func (b *Bucket) WithBackup(other *Bucket, report func(ctx context.Context, name string, err error)) *Bucket {
	return b.withBackup(other, patience, report)
}

func (b *Bucket) withBackup(other *Bucket, patience time.Duration, report func(context.Context, string, error)) *Bucket {
	return &Bucket{blobs: b.blobs, dir: b.dir, writeTimeout: b.writeTimeout, readTimeout: b.readTimeout, backup: &backup{bucket: other, patience: patience, report: report}}
}

// openEither opens an object in the first of the two stores that has it intact.
func (b *Bucket) openEither(ctx context.Context, name string, key []byte) (*Object, error) {
	own, spare := b.source(ctx, name), b.backup.bucket.source(ctx, name)
	own.patience, spare.patience = b.backup.patience, b.backup.patience
	if until := b.backup.away.Load(); until != nil && time.Now().Before(*until) {
		if o, err := spare.open(key); err == nil {
			b.backup.report(ctx, name, errAway)
			o.sealed.spare = func(error) fetch { return own.unlessDone() }
			return o, nil
		}
	}
	o, err := own.open(key)
	if err == nil {
		o.sealed.spare = func(err error) fetch {
			if ctx.Err() == nil {
				b.backup.failed(ctx, name, err)
			}
			return spare.unlessDone()
		}
		return o, nil
	}
	if errors.Is(err, ErrName) || ctx.Err() != nil {
		return nil, err
	}
	o, other := spare.open(key)
	if other != nil {
		return nil, neither(err, other)
	}
	b.backup.failed(ctx, name, err)
	return o, nil
}

// failed reports that the backup replaces the bucket's own store.
func (s *backup) failed(ctx context.Context, name string, err error) {
	if !isVerdict(err) {
		until := time.Now().Add(awayAfter)
		s.away.Store(&until)
	}
	s.report(ctx, name, err)
}

// isVerdict reports whether a store has answered that it does not have the object intact. Other
// errors may go away.
func isVerdict(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrCorrupt)
}

// neither returns the error of an object that neither store can return. It is a verdict only if the
// other store has none that may go away.
func neither(err, other error) error {
	if isVerdict(err) && !isVerdict(other) {
		return fmt.Errorf("backup: %w (primary store: %v)", other, err)
	}
	return fmt.Errorf("%w (backup: %v)", err, other)
}

// source is the ciphertext of one object in one store.
type source struct {
	bucket   *Bucket
	ctx      context.Context
	name     string
	patience time.Duration // limit for each answer of the store; zero: none
}

func (b *Bucket) source(ctx context.Context, name string) *source {
	return &source{bucket: b, ctx: ctx, name: name, patience: b.readTimeout}
}

// attributes returns what the store knows about the object.
func (s *source) attributes() (*blob.Attributes, error) {
	ctx, answered, cancel := s.watch()
	defer cancel(nil)
	attributes, err := s.bucket.blobs.Attributes(ctx, s.name)
	answered()
	if err != nil {
		return nil, fmt.Errorf("stat object %s: %w", s.name, stalled(ctx, storeError(err)))
	}
	return attributes, nil
}

// size returns the size of the ciphertext.
func (s *source) size() (int64, error) {
	if err := checkName(s.name); err != nil {
		return 0, err
	}
	attributes, err := s.attributes()
	if err != nil {
		return 0, err
	}
	return attributes.Size, nil
}

// open opens the plaintext.
func (s *source) open(key []byte) (*Object, error) {
	stored, err := s.size()
	if err != nil {
		return nil, err
	}
	sealed, err := unseal(s.fetch, stored, s.name, key)
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", s.name, err)
	}
	o, err := newObject(s.name, sealed)
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", s.name, errors.Join(err, sealed.Close()))
	}
	return o, nil
}

// unlessDone returns the source's fetch, or nil if the reader has given up.
func (s *source) unlessDone() fetch {
	if s.ctx.Err() != nil {
		return nil
	}
	return s.fetch
}

// fetch requests a part of the ciphertext.
func (s *source) fetch(offset, length int64) (io.ReadCloser, error) {
	body, err := s.read(offset, length)
	if err != nil {
		return nil, err
	}
	return body, nil
}

func (s *source) read(offset, length int64) (*body, error) {
	ctx, answered, cancel := s.watch()
	r, err := s.bucket.blobs.NewRangeReader(ctx, s.name, offset, length, nil)
	answered()
	if err != nil {
		err = stalled(ctx, storeError(err))
		cancel(nil)
		return nil, err
	}
	return &body{blob: r, ctx: ctx, cancel: cancel, patience: s.patience}, nil
}

// watch returns a context that is cancelled if answered is not called within the source's
// patience.
func (s *source) watch() (ctx context.Context, answered func(), cancel context.CancelCauseFunc) {
	ctx, cancel = context.WithCancelCause(s.ctx)
	return ctx, stopwatch(s.patience, cancel), cancel
}

func stopwatch(patience time.Duration, cancel context.CancelCauseFunc) (stop func()) {
	if patience == 0 {
		return func() {}
	}
	timer := time.AfterFunc(patience, func() { cancel(errStalled) })
	return func() { timer.Stop() }
}

// errStalled is the cause of a request's cancellation after a store has not answered.
var errStalled = fmt.Errorf("%w: it does not answer", ErrUnavailable)

// stalled replaces the error of a request that was cancelled because its store did not answer.
func stalled(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errStalled) {
		return fmt.Errorf("%w: %v", errStalled, err)
	}
	return err
}

// body is an answer, cancelled when a read takes longer than patience.
type body struct {
	blob     *blob.Reader
	ctx      context.Context
	cancel   context.CancelCauseFunc
	patience time.Duration
}

func (b *body) Read(p []byte) (int, error) {
	stop := stopwatch(b.patience, b.cancel)
	n, err := b.blob.Read(p)
	stop()
	if err != nil && err != io.EOF {
		err = stalled(b.ctx, err)
	}
	return n, err
}

func (b *body) Close() error {
	defer b.cancel(nil)
	return b.blob.Close()
}
