// Package objects stores the bytes of data sets: one bucket interface for a local directory and for
// cloud object stores, with compression and encryption. A function opens the bucket once, when it
// starts; requests then create, open and delete objects in it.
//
// An object is written once, under a name that is never reused, and is visible either complete or
// not at all. [Bucket.Create] and [Bucket.Open] compress and encrypt; [Bucket.Upload] and
// [Bucket.Download] copy bytes that are already encrypted, unchanged.
//
// # Stored form
//
// The plaintext is split into frames of 1 MiB, each compressed separately, in the Zstandard
// seekable format (zstd frames followed by a seek table in a skippable frame). That stream is
// encrypted in packages of 64 KiB by DARE 2.0 (github.com/minio/sio) with AES-256-GCM. The stream's
// key is derived by HKDF-SHA256 (RFC 5869) from the object's data key, the stream's random nonce
// and the object's name, so a package that is moved within an object or to another object fails
// authentication.
//
// # Cloud stores
//
// The scheme of the URL selects the driver. The local driver, file:///directory, is built in.
// Others are linked by a blank import of shared/objects/s3, gcs or azure in the program's main package.
// A request that such a store does not answer within a minute fails with [ErrUnavailable], and so does
// a read of which no byte arrives for a minute; the parameters write_timeout and read_timeout of the
// URL set other limits.
package objects

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"
)

// KeySize is the length of an object's data key in bytes: AES-256.
const KeySize = 32

var (
	// ErrNotFound is returned when the bucket has no object with the given name.
	ErrNotFound = errors.New("object not found")

	// ErrExists is returned when the name is taken: objects are never overwritten.
	ErrExists = errors.New("object already exists")

	// ErrUnavailable is returned when the store cannot be reached, fails or is full: a retry may
	// succeed.
	ErrUnavailable = errors.New("object store is unavailable")

	// ErrCorrupt is returned for stored bytes that fail authentication: damaged, truncated, moved
	// from another object, or read with the wrong key.
	ErrCorrupt = errors.New("object is corrupt or the key is wrong")

	// ErrName is returned for a name that violates the rules of [Bucket.Create].
	ErrName = errors.New("invalid object name")

	// ErrClosed is returned when a Writer is used after Close or Abort.
	ErrClosed = errors.New("object writer is closed")
)

// Bucket is a namespace of objects. Its methods may be called concurrently.
type Bucket struct {
	blobs *blob.Bucket
	dir   string // root of a local bucket, empty in a cloud store

	writeTimeout time.Duration // for each answer to a write; zero: none
	readTimeout  time.Duration // for each answer to a read, and each part of it; zero: none

	signer PutSigner // nil: the store cannot sign URLs
	backup *backup   // where reads continue that fail here, or nil
}

// Open opens the bucket at rawURL. For file:///directory it creates a missing directory, accessible
// only to its owner.
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
	write, writeErr := takeTimeout(u, "write_timeout")
	read, readErr := takeTimeout(u, "read_timeout")
	if err := errors.Join(writeErr, readErr); err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", u.Redacted(), err)
	}
	blobs, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", u.Redacted(), err)
	}
	return &Bucket{blobs: blobs, writeTimeout: write, readTimeout: read, signer: putSigners[u.Scheme]}, nil
}

// defaultTimeout leaves a store of 4 Mbit/s the time for the parts that a driver holds.
const defaultTimeout = time.Minute

// takeTimeout removes a parameter from a URL and returns its value.
func takeTimeout(u *url.URL, name string) (time.Duration, error) {
	parameters := u.Query()
	value := parameters.Get(name)
	if value == "" {
		return defaultTimeout, nil
	}
	timeout, err := time.ParseDuration(value)
	if err != nil || timeout <= 0 {
		return 0, fmt.Errorf("%s=%s: want a duration such as 90s", name, value)
	}
	parameters.Del(name)
	u.RawQuery = parameters.Encode()
	return timeout, nil
}

// Close releases the bucket's connections. Close its Writers and Objects first.
func (b *Bucket) Close() error { return b.blobs.Close() }

// StoredBytes returns the size of an object as stored, compressed and encrypted. A missing object
// is [ErrNotFound].
func (b *Bucket) StoredBytes(ctx context.Context, name string) (int64, error) {
	return b.source(ctx, name).size()
}

// Delete removes an object. A missing object is no error. Readers that have the object open may
// fail afterwards.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	asked, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := stopwatch(b.writeTimeout, cancel)
	err := b.blobs.Delete(asked, name)
	stop()
	if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("delete object %s: %w", name, stalled(asked, storeError(err)))
	}
	if err := b.syncDirs(name); err != nil {
		return fmt.Errorf("delete object %s: %w", name, err)
	}
	return nil
}

const (
	maxNameLength    = 900 // S3 and GCS allow 1,024 bytes, including the bucket prefix
	maxElementLength = 200 // file systems allow 255, including the suffix of a temporary file
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
	// Suffixes of fileblob's attribute files and temporary files.
	if strings.HasSuffix(name, ".attrs") || strings.HasSuffix(name, temporarySuffix) {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	return nil
}

// validElement requires a letter or digit at both ends, which excludes "..", hidden files, and
// characters that a driver would have to escape.
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

// storeError wraps a driver's error in the package's sentinel error. Errors that a retry cannot
// remove, and those of a cancelled context, stay as they are. Drivers have no code for a store that
// cannot be reached.
func storeError(err error) error {
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case gcerrors.FailedPrecondition:
		return fmt.Errorf("%w: %w", ErrExists, err)
	case gcerrors.Unknown, gcerrors.Internal, gcerrors.ResourceExhausted:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		return err
	}
}
