package objects

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Copy copies the stored bytes of an object to another bucket, under the same name, and reads the
// copy to verify it. want is the SHA-256 of the stored bytes, or nil if it is not known; an object
// with another hash is [ErrCorrupt] and leaves no copy. A copy that exists is verified, and
// replaced if it differs. Copy returns the SHA-256 of the stored bytes.
func (b *Bucket) Copy(ctx context.Context, name string, to *Bucket, want []byte) (sum []byte, err error) {
	for range 2 {
		sum, err = b.transfer(ctx, name, to, want)
		if errors.Is(err, ErrExists) {
			sum, err = b.sum(ctx, name, want)
		}
		if err != nil {
			return nil, fmt.Errorf("copy object: %w", err)
		}
		copied := sha256.New()
		if err = to.Download(ctx, name, copied); err != nil {
			return nil, fmt.Errorf("verify copy: %w", err)
		}
		if bytes.Equal(copied.Sum(nil), sum) {
			return sum, nil
		}
		err = fmt.Errorf("verify copy of object %s: %w: sha256 %x, want %x", name, ErrCorrupt, copied.Sum(nil), sum)
		if failed := to.Delete(ctx, name); failed != nil {
			return nil, errors.Join(err, failed)
		}
	}
	return nil, err
}

// transfer copies the bytes. The copy appears only if they have the wanted hash.
func (b *Bucket) transfer(ctx context.Context, name string, to *Bucket, want []byte) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	r, err := b.source(ctx, name).read(0, -1)
	if err != nil {
		return nil, fmt.Errorf("read object %s: %w", name, err)
	}
	defer r.Close()
	src := &verified{from: r, name: name, left: r.blob.Size(), hash: sha256.New(), want: want}
	if _, err := to.Upload(ctx, name, src); err != nil {
		return nil, err
	}
	return src.hash.Sum(nil), nil
}

// sum returns the hash of an object's stored bytes.
func (b *Bucket) sum(ctx context.Context, name string, want []byte) ([]byte, error) {
	if want != nil {
		return want, nil
	}
	sum := sha256.New()
	err := b.Download(ctx, name, sum)
	return sum.Sum(nil), err
}

// verified is a reader that fails at the end of bytes that are not the wanted ones.
type verified struct {
	from io.Reader
	name string
	left int64
	hash hash.Hash
	want []byte
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.from.Read(p)
	v.hash.Write(p[:n])
	v.left -= int64(n)
	if err != io.EOF {
		return n, err
	}
	if v.left != 0 || v.want != nil && !bytes.Equal(v.hash.Sum(nil), v.want) {
		return n, fmt.Errorf("%w: object %s has sha256 %x, want %x", ErrCorrupt, v.name, v.hash.Sum(nil), v.want)
	}
	return n, io.EOF
}
