package objects

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"gocloud.dev/blob"
)

// A cloud driver holds up to three parts per upload in memory: one being filled and two being sent.
// S3 allows 10,000 parts, which limits objects to 80 GB.
const (
	partSize  = 8 << 20
	partsSent = 2
)

// upload is an object being written: invisible before commit, durable after it, and removed
// completely by abort.
type upload struct {
	bucket *Bucket
	name   string
	ctx    context.Context
	cancel context.CancelCauseFunc // before blob.Close: discards the object
	blob   *blob.Writer
	file   *os.File // the temporary file of a local bucket, else nil
	stored int64
	sha256 hash.Hash // of the stored bytes
}

func (b *Bucket) newUpload(ctx context.Context, name string) (*upload, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	u := &upload{bucket: b, name: name, sha256: sha256.New()}
	u.ctx, u.cancel = context.WithCancelCause(ctx)
	w, err := b.blobs.NewWriter(u.ctx, name, &blob.WriterOptions{
		ContentType:    "application/octet-stream",
		IfNotExist:     true,
		BufferSize:     partSize,
		MaxConcurrency: partsSent,
		BeforeWrite: func(as func(any) bool) error {
			as(&u.file)
			return nil
		},
	})
	if err != nil {
		u.cancel(nil)
		return nil, fmt.Errorf("create object %s: %w", name, storeError(err))
	}
	u.blob = w
	return u, nil
}

func (u *upload) Write(p []byte) (int, error) {
	stop := stopwatch(u.bucket.writeTimeout, u.cancel)
	n, err := u.blob.Write(p)
	stop()
	u.stored += int64(n)
	u.sha256.Write(p[:n])
	if err != nil {
		err = stalled(u.ctx, storeError(err))
	}
	return n, err
}

// commit makes the object visible and durable. Data is synced before the rename and directories
// after it, so a power failure leaves either the whole object or none.
func (u *upload) commit() error {
	defer u.cancel(nil)
	if u.file != nil && u.ctx.Err() == nil {
		if err := u.file.Sync(); err != nil {
			u.abort()
			return fmt.Errorf("commit object %s: %w", u.name, storeError(err))
		}
	}
	stop := stopwatch(u.bucket.writeTimeout, u.cancel)
	err := u.blob.Close()
	stop()
	if err != nil {
		return fmt.Errorf("commit object %s: %w", u.name, stalled(u.ctx, storeError(err)))
	}
	if err := u.bucket.syncDirs(u.name); err != nil {
		undo := u.bucket.Delete(context.WithoutCancel(u.ctx), u.name)
		return fmt.Errorf("commit object %s: %w", u.name, errors.Join(err, undo))
	}
	return nil
}

func (u *upload) abort() {
	u.cancel(nil)
	_ = u.blob.Close() // always reports the cancellation
}

// Upload stores the bytes of src unchanged, neither compressed nor encrypted, for data that is
// already encrypted. It returns the number of bytes stored. The object exists if and only if the
// error is nil.
func (b *Bucket) Upload(ctx context.Context, name string, src io.Reader) (int64, error) {
	u, err := b.newUpload(ctx, name)
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(u, src); err != nil {
		u.abort()
		return 0, fmt.Errorf("upload object %s: %w", name, err)
	}
	if err := u.commit(); err != nil {
		return 0, err
	}
	return u.stored, nil
}

// Download writes the stored bytes of an object to dst unchanged, without verifying them.
func (b *Bucket) Download(ctx context.Context, name string, dst io.Writer) error {
	if err := checkName(name); err != nil {
		return err
	}
	r, err := b.source(ctx, name).read(0, -1)
	if err != nil {
		return fmt.Errorf("download object %s: %w", name, err)
	}
	defer r.Close()
	if _, err := io.Copy(dst, r); err != nil {
		return fmt.Errorf("download object %s: %w", name, storeError(err))
	}
	return nil
}
