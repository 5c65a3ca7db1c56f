package download

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/format"
	"function/functions/datasets/internal/stored"
	"function/shared/ingest/reading"
)

type version struct {
	Name        string
	StorageType string
	Version     int
	Format      string
	Compression string
	Reading     reading.Options
	SHA256      []byte `db:"sha256"`
	FileVersion int    // the version whose file it is: of a restored version, the source
	UploadedAt  time.Time
	Archived    bool
	Blocked     *string // why its contract blocks it; nil: it does not
	Unchecked   bool    // against the contract, as yet
}

func (v version) file() format.File {
	return format.File{Format: v.Format, Compression: v.Compression, Reading: v.Reading}
}

func (f *Function) open(ctx context.Context, dataset uuid.UUID, v version) (*stored.File, string, error) {
	bucket, err := f.objects(ctx, v.StorageType)
	if err != nil {
		return nil, "", err
	}
	parts, err := stored.Parts(ctx, f.db, dataset, v.FileVersion)
	if err != nil {
		return nil, "", err
	}
	file, err := stored.Open(ctx, bucket, f.keys, parts)
	if err != nil {
		return nil, "", err
	}
	head := make([]byte, 16)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		file.Close()
		return nil, "", err
	}
	_, err = file.Seek(0, io.SeekStart)
	return file, v.file().MediaType(head[:n]), err
}
