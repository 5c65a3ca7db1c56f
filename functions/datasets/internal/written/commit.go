package written

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/resumable"
	"function/shared/fault"
	"function/shared/ingest/packed"
	"function/shared/outbox"
)

// Commit makes one version of files, and deletes them. A single file is the file of the version; several are Parquet files of
// one table, and become a tar archive, of which only the headers are written; their names there lack the prefix. u, which was checked, says what becomes of them.
func (f Files) Commit(ctx context.Context, u *resumable.Upload, prefix string, files []File) error {
	if len(files) == 0 {
		return fault.New(fault.Conflict, "There are no files to commit: write them first")
	}
	if len(files) > packed.MaxMembers {
		return fault.New(fault.TooLarge, "A version is made of at most %d files: write fewer and larger ones", packed.MaxMembers)
	}
	var keys []string
	for _, file := range files {
		keys = append(keys, file.Key)
		if len(file.UploadIDs) == 0 {
			return fault.New(fault.Invalid, "File %s is empty", fault.Excerpt(file.Key))
		}
		if len(files) > 1 && path.Ext(file.Key) != ".parquet" {
			return fault.New(fault.Invalid, "File %s is not named .parquet: several files become a version together if they are Parquet files of one table", fault.Excerpt(file.Key))
		}
	}
	uploads := files[0].UploadIDs
	var headers []uuid.UUID
	if u.Target.FileName = path.Base(files[0].Key); len(files) > 1 {
		u.Target.FileName = "table.parquet.tar"
		var err error
		if uploads, headers, err = f.archive(ctx, *u, prefix, files); err != nil {
			return errors.Join(err, f.Uploads.Drop(context.WithoutCancel(ctx), headers...))
		}
	}
	u.Kind = resumable.Final
	if err := f.Uploads.Concatenate(ctx, u, uploads); err != nil {
		return errors.Join(err, f.Uploads.Drop(context.WithoutCancel(ctx), headers...))
	}
	return f.Delete(context.WithoutCancel(ctx), keys...)
}

// archive returns the uploads of which a tar archive of the files consists, and those that it has added.
func (f Files) archive(ctx context.Context, u resumable.Upload, prefix string, files []File) (all, added []uuid.UUID, err error) {
	var frame bytes.Buffer
	w := tar.NewWriter(&frame)
	flush := func() error {
		if frame.Len() == 0 {
			return nil
		}
		id, err := f.piece(ctx, u, frame.Bytes())
		if err != nil {
			return err
		}
		frame.Reset()
		all, added = append(all, id), append(added, id)
		return nil
	}
	for _, file := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(file.Key, prefix), Size: file.SizeBytes, Mode: 0o644, ModTime: file.CreatedAt.Truncate(time.Second)}
		if err := w.WriteHeader(h); err != nil {
			return nil, added, fault.New(fault.Invalid, "File %s has a name that an archive cannot hold", fault.Excerpt(file.Key)).Because(err)
		}
		if err := flush(); err != nil {
			return nil, added, err
		}
		all = append(all, file.UploadIDs...)
		// The content is not written here, so the padding to whole blocks is not the archive writer's either.
		frame.Write(make([]byte, (blockSize-file.SizeBytes%blockSize)%blockSize))
		w = tar.NewWriter(&frame)
	}
	frame.Write(make([]byte, 2*blockSize))
	return all, added, flush()
}

const blockSize = 512

// piece stores some bytes as a partial upload.
func (f Files) piece(ctx context.Context, u resumable.Upload, content []byte) (uuid.UUID, error) {
	length := int64(len(content))
	u.Kind, u.Length = resumable.Partial, &length
	err := f.Uploads.DB.Transact(ctx, func(tx *outbox.Tx) error { return f.Uploads.Create(ctx, tx, &u) })
	if err != nil {
		return uuid.Nil, fmt.Errorf("create upload: %w", err)
	}
	return u.ID, f.Uploads.Append(ctx, &u, resumable.Incoming{Length: u.Length, Body: bytes.NewReader(content)})
}
