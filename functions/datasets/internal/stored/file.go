// Package stored reads files that are stored as one object or as several objects in a row.
package stored

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/objects"
	"function/shared/secret"
)

// Part is one object of a file.
type Part struct {
	ObjectName string
	SizeBytes  int64
	WrappedKey []byte
}

const selectParts = `
SELECT object_name, size_bytes, wrapped_key FROM version_files WHERE dataset_id = $1 AND version = $2 ORDER BY place`

// Parts lists the objects that hold the file of a version, in order.
func Parts(ctx context.Context, db database.Querier, dataset uuid.UUID, version int) ([]Part, error) {
	rows, _ := db.Query(ctx, selectParts, dataset, version)
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByName[Part])
	if err != nil {
		return nil, fmt.Errorf("list objects of version %d: %w", version, err)
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("file of version %d: %w", version, objects.ErrNotFound)
	}
	return parts, nil
}

// File is the content of a stored file. It holds one object open at a time and is not safe for
// concurrent use.
type File struct {
	ctx    context.Context
	bucket *objects.Bucket
	keys   *secret.Keeper
	parts  []Part
	ends   []int64 // position after each part

	offset int64
	part   int // the open one
	open   *objects.Object
}

var _ interface {
	io.ReadSeekCloser
	io.WriterTo
} = (*File)(nil)

// Open opens a file. ctx applies to all reads until Close. A missing object is objects.ErrNotFound,
// which for later parts is reported when they are read.
func Open(ctx context.Context, bucket *objects.Bucket, keys *secret.Keeper, parts []Part) (*File, error) {
	f := &File{ctx: ctx, bucket: bucket, keys: keys, parts: parts}
	var end int64
	for _, p := range parts {
		end += p.SizeBytes
		f.ends = append(f.ends, end)
	}
	if len(parts) == 0 {
		return f, nil
	}
	return f, f.use(0)
}

// Size returns the length of the file in bytes.
func (f *File) Size() int64 {
	if len(f.ends) == 0 {
		return 0
	}
	return f.ends[len(f.ends)-1]
}

// use opens a part in place of the open one.
func (f *File) use(part int) error {
	if f.open != nil && f.part == part {
		return nil
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("close part of file: %w", err)
	}
	p := f.parts[part]
	key, err := f.keys.Unwrap(f.ctx, p.WrappedKey)
	if err != nil {
		return err
	}
	object, err := f.bucket.Open(f.ctx, p.ObjectName, key)
	if err != nil {
		return err
	}
	if object.Size() != p.SizeBytes {
		return errors.Join(fmt.Errorf("%w: object %s has %d bytes, want %d", objects.ErrCorrupt, p.ObjectName, object.Size(), p.SizeBytes), object.Close())
	}
	f.open, f.part = object, part
	return nil
}

// seek opens the part at the offset, and positions it there. It returns io.EOF at the end.
func (f *File) seek() error {
	part := sort.Search(len(f.ends), func(i int) bool { return f.ends[i] > f.offset })
	if part == len(f.parts) {
		return io.EOF
	}
	if err := f.use(part); err != nil {
		return err
	}
	_, err := f.open.Seek(f.offset-(f.ends[part]-f.parts[part].SizeBytes), io.SeekStart)
	return err
}

// Read implements [io.Reader].
func (f *File) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := f.seek(); err != nil {
		return 0, err
	}
	n, err := f.open.Read(p)
	f.offset += int64(n)
	if err == io.EOF && f.offset < f.Size() {
		err = nil // the next part follows
	}
	return n, err
}

// WriteTo implements [io.WriterTo]. Each part decodes one frame while it writes the previous one.
func (f *File) WriteTo(w io.Writer) (written int64, err error) {
	for {
		if err := f.seek(); err == io.EOF {
			return written, nil
		} else if err != nil {
			return written, err
		}
		n, err := f.open.WriteTo(w)
		written, f.offset = written+n, f.offset+n
		if err != nil {
			return written, err
		}
	}
}

// Seek implements [io.Seeker].
func (f *File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.Size()
	}
	if offset < 0 {
		return f.offset, errors.New("seek before the start of the file")
	}
	f.offset = offset
	return offset, nil
}

// Close ends the request in progress, if any.
func (f *File) Close() error {
	if f.open == nil {
		return nil
	}
	err := f.open.Close()
	f.open = nil
	return err
}
