package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// ErrCannotSign is returned for a store that cannot sign URLs, or only with other credentials.
var ErrCannotSign = errors.New("the object store cannot sign URLs")

// SignedPut is permission to put one object into a store without other credentials.
type SignedPut struct {
	URL     string
	Header  http.Header // to be sent with the bytes
	Expires time.Time
}

// PutSigner signs a URL for one PUT. The driver's package has its own, because each store has its own
// means to refuse a body of another size and a second PUT. It returns ErrCannotSign if the store can never
// sign.
type PutSigner func(ctx context.Context, blobs *blob.Bucket, name string, size int64, expiry time.Duration) (string, http.Header, error)

var putSigners = map[string]PutSigner{}

// RegisterPutSigner sets the signer of the buckets whose URL has the given scheme. Packages call it from
// init.
func RegisterPutSigner(scheme string, signer PutSigner) { putSigners[scheme] = signer }

// SignPut signs a URL by which a client can put an object of the given size. The object is stored as the
// client sends it, in plain text: read it with [Bucket.OpenPlain].
func (b *Bucket) SignPut(ctx context.Context, name string, size int64, expiry time.Duration) (SignedPut, error) {
	if err := checkName(name); err != nil {
		return SignedPut{}, err
	}
	if b.signer == nil {
		return SignedPut{}, ErrCannotSign
	}
	expires := time.Now().Add(expiry)
	signed, header, err := b.signer(ctx, b.blobs, name, size, expiry)
	switch {
	case gcerrors.Code(err) == gcerrors.Unimplemented:
		return SignedPut{}, fmt.Errorf("%w: %w", ErrCannotSign, err)
	case err != nil && !errors.Is(err, ErrCannotSign):
		return SignedPut{}, fmt.Errorf("sign URL of object %s: %w", name, storeError(err))
	}
	return SignedPut{URL: signed, Header: header, Expires: expires}, err
}

// Plain is the content of an object that a client has put, from some offset on.
type Plain struct {
	io.ReadCloser
	Size  int64  // of the whole object
	State string // changes if the object is replaced
}

// OpenPlain opens an object that a client has put by a signed URL. It reads the bucket's own store and
// never the backup. A missing object is [ErrNotFound].
func (b *Bucket) OpenPlain(ctx context.Context, name string, offset int64) (*Plain, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	s := b.source(ctx, name)
	r, err := s.fetch(offset, -1)
	if err != nil {
		return nil, fmt.Errorf("open object %s: %w", name, err)
	}
	// After the opening: if the object was replaced before, this is the state of the new one.
	attributes, err := s.attributes()
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return &Plain{ReadCloser: r, Size: attributes.Size, State: attributes.ETag + " " + attributes.ModTime.UTC().Format(time.RFC3339Nano)}, nil
}
