package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"function/functions/datasets/internal/icebergtable"
	"function/functions/datasets/internal/stored"
	"function/shared/access"
)

// object is what a key names.
type object struct {
	key         string
	size        int64
	etag        string // without quotes
	modified    time.Time
	contentType string
	version     string            // of a table
	metadata    map[string]string // of a data set's object
	open        func(context.Context) (io.ReadSeekCloser, error)
}

// Folder is a bucket that is no data set.
type Folder interface {
	// Open opens the object with a key, if the reader may read it. A missing one is fault.NotFound.
	Open(ctx context.Context, r access.Reader, key string) (io.ReadSeekCloser, Entry, error)
}

// Entry describes an object of a [Folder].
type Entry struct {
	Size     int64
	Modified time.Time
	ETag     string // without quotes
}

// etagOf returns an ETag that does not look like an MD5 sum, which some clients would compare.
func etagOf(parts ...any) string {
	hash := sha256.Sum256([]byte(fmt.Sprint(parts...)))
	return hex.EncodeToString(hash[:16]) + "-1"
}

// read opens a file of several objects.
func (b *bucket) read(parts func(context.Context) ([]stored.Part, error)) func(context.Context) (io.ReadSeekCloser, error) {
	return func(ctx context.Context) (io.ReadSeekCloser, error) {
		list, err := parts(ctx)
		if err != nil {
			return nil, err
		}
		store, err := b.f.uploads.Area.Bucket(ctx, b.StorageType)
		if err != nil {
			return nil, err
		}
		return stored.Open(ctx, store, b.f.uploads.Keys, list)
	}
}

// find returns the object with a key.
func (b *bucket) find(ctx context.Context, key string) (*object, error) {
	// The list begins with the smallest key that begins with this one.
	found, err := b.list(ctx, listing{prefix: key, max: 1})
	if err != nil {
		return nil, err
	}
	if len(found.objects) == 0 || found.objects[0].key != key {
		return nil, errNoKey(key)
	}
	return found.objects[0], nil
}

// other returns the object of a bucket that is no data set.
func other(ctx context.Context, r *request, folder Folder, key string) (*object, error) {
	if id := r.holder.DatasetID; id != nil && !strings.HasPrefix(key, id.String()+"/") {
		return nil, errNoKey(key)
	}
	content, entry, err := folder.Open(ctx, r.reader(), key)
	if err != nil {
		return nil, err
	}
	o := &object{key: key, size: entry.Size, etag: strings.Trim(entry.ETag, `"`), modified: entry.Modified, contentType: "application/octet-stream"}
	o.open = func(context.Context) (io.ReadSeekCloser, error) { return content, nil }
	return o, nil
}

// icebergFolder holds the files of Iceberg tables, whose keys begin with the identifier of the data set.
type icebergFolder struct{ tables *icebergtable.Tables }

// Open implements [Folder].
func (f icebergFolder) Open(ctx context.Context, r access.Reader, key string) (io.ReadSeekCloser, Entry, error) {
	content, size, modified, etag, err := f.tables.Open(ctx, r, key)
	return content, Entry{Size: size, Modified: modified, ETag: etag}, err
}
