package download

import (
	"context"
	"errors"
	"io"
	"time"

	"function/functions/datasets/internal/format"
	"function/shared/ingest/reading"
	"function/shared/objects"
)

type version struct {
	Name        string
	StorageType string
	Version     int
	Format      string
	Compression string
	Reading     reading.Options
	SHA256      []byte `db:"sha256"`
	ObjectName  string
	WrappedKey  []byte
	UploadedAt  time.Time
}

func (v version) file() format.File {
	return format.File{Format: v.Format, Compression: v.Compression, Reading: v.Reading}
}

func (f *Function) open(ctx context.Context, v version) (*objects.Object, string, error) {
	bucket, err := f.objects(ctx, v.StorageType)
	if err != nil {
		return nil, "", err
	}
	key, err := f.keys.Unwrap(ctx, v.WrappedKey)
	if err != nil {
		return nil, "", err
	}
	object, err := bucket.Open(ctx, v.ObjectName, key)
	if err != nil {
		return nil, "", err
	}
	head := make([]byte, 16)
	n, err := object.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		object.Close()
		return nil, "", err
	}
	return object, v.file().MediaType(head[:n]), nil
}
