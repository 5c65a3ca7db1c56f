// Package objects keeps the bytes of data sets: one bucket interface over a
// local directory and cloud object stores, with compression and encryption on
// the way. A function opens the bucket once, when it starts; requests then
// create, open and delete objects in it.
//
// An object is written once, under a name that is never used again, and is
// visible either whole or not at all. [Bucket.Create] and [Bucket.Open]
// compress and encrypt; [Bucket.Upload] and [Bucket.Download] move bytes that
// are already encrypted, as they are.
//
// # Stored form
//
// The plaintext is cut into frames of 1 MiB, each compressed on its own, in the
// Zstandard seekable format (zstd frames followed by a seek table in a
// skippable frame). That stream is encrypted in packages of 64 KiB by DARE 2.0
// (github.com/minio/sio) with AES-256-GCM. The key of the stream is derived by
// HKDF-SHA256 (RFC 5869) from the object's data key, the stream's random nonce
// and the object's name, so that a package moved within an object, or between
// objects, does not authenticate.
//
// # Cloud stores
//
// The scheme of the URL chooses the driver. The local one, file:///directory,
// is linked in; another is a blank import of gocloud.dev/blob/s3blob, gcsblob or
// azureblob in the program's main package.
package objects

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"
)

// KeySize is the length of an object's data key in bytes: AES-256.
const KeySize = 32

var (
	// ErrNotFound reports that the bucket has no object of that name.
	ErrNotFound = errors.New("object not found")

	// ErrExists reports that the name is taken: objects are never overwritten.
	ErrExists = errors.New("object already exists")

	// ErrCorrupt reports stored bytes that do not authenticate: damaged,
	// truncated, moved from another object, or read with the wrong key.
	ErrCorrupt = errors.New("object is corrupt or the key is wrong")

	// ErrName reports a name that does not follow [Bucket.Create].
	ErrName = errors.New("invalid object name")

	// ErrClosed reports the use of a Writer after Close or Abort.
	ErrClosed = errors.New("object writer is closed")
)

// Bucket is a namespace of objects. Its methods may be called concurrently.
type Bucket struct {
	blobs *blob.Bucket
	dir   string // root of a local bucket, empty in a cloud store
}

// Open opens the bucket at rawURL. For file:///directory the directory is made
// when it is missing, readable by its owner only.
func Open(ctx context.Context, rawURL string) (*Bucket, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("open bucket: %w", err)
	}
	if u.Scheme == fileblob.Scheme {
		b, err := openLocal(u)
		if err != nil {
			return nil, fmt.Errorf("open bucket %s: %w", u.Redacted(), err)
		}
		return b, nil
	}
	blobs, err := blob.OpenBucket(ctx, rawURL)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", u.Redacted(), err)
	}
	return &Bucket{blobs: blobs}, nil
}

// Close releases the bucket's connections. Writers and Objects end first.
func (b *Bucket) Close() error { return b.blobs.Close() }

// StoredBytes returns the size of an object as stored: compressed, encrypted.
// A missing object is [ErrNotFound].
func (b *Bucket) StoredBytes(ctx context.Context, name string) (int64, error) {
	if err := checkName(name); err != nil {
		return 0, err
	}
	attributes, err := b.blobs.Attributes(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("stat object %s: %w", name, storeError(err))
	}
	return attributes.Size, nil
}

// Delete removes an object. A missing one is no error. Readers that have the
// object open may fail from now on.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if err := b.blobs.Delete(ctx, name); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("delete object %s: %w", name, err)
	}
	if err := b.syncDirs(name); err != nil {
		return fmt.Errorf("delete object %s: %w", name, err)
	}
	return nil
}

const (
	maxNameLength    = 900 // S3 and GCS end at 1,024 bytes, bucket prefix included
	maxElementLength = 200 // file systems end at 255, the suffix of a temporary file included
)

func checkName(name string) error {
	if len(name) > maxNameLength {
		return fmt.Errorf("%w: %d bytes", ErrName, len(name))
	}
	for element := range strings.SplitSeq(name, "/") {
		if !validElement(element) {
			return fmt.Errorf("%w: %q", ErrName, name)
		}
	}
	// fileblob's own side files and temporary files.
	if strings.HasSuffix(name, ".attrs") || strings.HasSuffix(name, temporarySuffix) {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	return nil
}

// validElement wants a letter or digit at both ends: neither "..", nor a hidden
// file, nor what a driver would have to escape.
func validElement(element string) bool {
	if element == "" || len(element) > maxElementLength {
		return false
	}
	for i, c := range []byte(element) {
		switch {
		case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		case i > 0 && i < len(element)-1 && strings.IndexByte("._=-", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// storeError puts the package's sentinel in front of a driver's error.
func storeError(err error) error {
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case gcerrors.FailedPrecondition:
		return fmt.Errorf("%w: %w", ErrExists, err)
	default:
		return err
	}
}
