package s3

import (
	"context"
	"crypto/md5" // by which S3 identifies content
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/uuid"
	"github.com/versity/versitygw/s3response"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/icebergtable"
	"function/functions/datasets/internal/resumable"
	"function/functions/datasets/internal/version"
	"function/functions/datasets/internal/written"
	"function/shared/fault"
	"function/shared/ingest/packed"
	"function/shared/policy"
)

// writing is a folder where a client writes files, which become a version when it puts the file _SUCCESS, as Spark and Hadoop do.
type writing struct {
	branch    string
	operation string
	prefix    string // of the keys of its files
}

const success = "_SUCCESS"

// folderOf returns the folder that a key is in: append/{name}/ or replace/{name}/, for a branch after branch/{branch}/.
func folderOf(key string) (f writing, ok bool) {
	f.branch = version.Main
	at, rest := "", key
	if after, ok := strings.CutPrefix(key, "branch/"); ok {
		f.branch, rest, _ = strings.Cut(after, "/")
		at = "branch/" + f.branch + "/"
	}
	var name string
	f.operation, rest, _ = strings.Cut(rest, "/")
	name, _, ok = strings.Cut(rest, "/")
	f.prefix = at + f.operation + "/" + name + "/"
	return f, ok && name != "" && f.branch != "" && (f.operation == version.Append || f.operation == version.Replace)
}

// place is where an object is written.
type place struct {
	name   string // of the bucket of the data set
	key    string // in that bucket
	folder writing
	ok     bool // whether it is in a folder
	bucket *bucket
}

// locate finds where an object is written, without its bucket. The objects of Iceberg tables are files of the data sets that their
// keys name; only a commit to the table makes a version of them.
func (f *Function) locate(name, key string) (p place, err error) {
	if _, ok := f.others[name]; !ok {
		p.name, p.key = name, key
		p.folder, p.ok = folderOf(key)
		return p, nil
	}
	id, key, ok := icebergtable.Written(key)
	if !ok {
		return p, errIcebergKey
	}
	return place{name: id.String(), key: key, ok: true, folder: writing{branch: version.Main, operation: version.Append, prefix: icebergtable.Folder}}, nil
}

// place finds where an object is written.
func (f *Function) place(r *request, name, key string) (p place, err error) {
	if p, err = f.locate(name, key); err == nil {
		p.bucket, err = f.bucket(r.ctx, r, p.name)
	}
	return p, err
}

var errIcebergKey = fault.New(fault.Forbidden, "In this bucket, objects can be put to {data set}/data/ and {data set}/metadata/, with names that no version has: write below the location of the table")

// mayNameFolder reports whether keys in folders can begin with a prefix.
func mayNameFolder(prefix string) bool {
	if _, ok := folderOf(prefix); ok {
		return true
	}
	parts := strings.Split(prefix, "/")
	if parts[0] == "branch" && len(parts) > 1 {
		parts = parts[2:]
	}
	return len(parts) == 0 || len(parts) <= 2 && (strings.HasPrefix(version.Append, parts[0]) || strings.HasPrefix(version.Replace, parts[0]) || strings.HasPrefix("branch", parts[0]))
}

// written are the files that the caller has written to the data set.
func (b *bucket) written() written.Files {
	return written.Files{Uploads: b.f.uploads, Dataset: b.DatasetID, StorageType: b.StorageType, Person: b.request.holder.UserID}
}

// putFile puts a file into a folder. The file _SUCCESS makes a version of the others.
func (b *backend) putFile(r *request, u *resumable.Upload, at place, body io.Reader) (sum []byte, err error) {
	files := at.bucket.written()
	file := written.File{Key: at.key}
	if *u.Length > 0 {
		u.Kind = resumable.Partial
		if sum, err = b.receive(r, u, body); err != nil {
			return nil, err
		}
		file.UploadIDs, file.SizeBytes = []uuid.UUID{u.ID}, *u.Length
	} else {
		empty := md5.Sum(nil)
		sum, u.Length = empty[:], nil
		if err := b.uploads.Check(r.ctx, r.reader(), u); err != nil {
			return nil, err
		}
	}
	file.ETag = hex.EncodeToString(sum)
	if at.key == at.folder.prefix+success {
		if file.Version, err = b.commit(r, u, at.folder, files); err != nil {
			return nil, errors.Join(err, b.uploads.Drop(context.WithoutCancel(r.ctx), file.UploadIDs...))
		}
	}
	return sum, files.Put(r.ctx, file)
}

// commit makes a version of the files in a folder. If an earlier request has done so, it returns that version.
func (b *backend) commit(r *request, u *resumable.Upload, at writing, files written.Files) (*int, error) {
	list, err := files.List(r.ctx, at.prefix, "", maxListed+1)
	if err != nil {
		return nil, err
	}
	if len(list) > maxListed {
		return nil, fault.New(fault.TooLarge, "The folder has more than %d files, with those that are no part of the table: delete them, or write fewer and larger ones", maxListed)
	}
	var before *int
	list = slices.DeleteFunc(list, func(f written.File) bool {
		if f.Key == at.prefix+success {
			before = f.Version
		}
		name := strings.TrimPrefix(f.Key, at.prefix)
		return strings.HasSuffix(name, "/") || packed.Hidden(name)
	})
	if len(list) == 0 && before != nil {
		u.Version = before
		return before, nil
	}
	final := &resumable.Upload{DatasetID: u.DatasetID, OrganizationID: u.OrganizationID, CreatedBy: u.CreatedBy, Target: u.Target}
	if err := b.uploads.Check(r.ctx, r.reader(), final); err != nil {
		return nil, err
	}
	if err := files.Commit(r.ctx, final, at.prefix, list); err != nil {
		return nil, err
	}
	u.Version = final.Version
	return final.Version, nil
}

// maxListed is more than the files of a version.
const maxListed = 5000

// keepParts makes the chosen parts of a multipart upload a file in a folder.
func (b *backend) keepParts(r *request, m *multipart, stored []part, chosen []uuid.UUID, etag string) error {
	file := written.File{Key: m.Key, UploadIDs: chosen, ETag: etag}
	for _, p := range stored {
		if slices.Contains(chosen, p.UploadID) {
			file.SizeBytes += p.Size
		}
	}
	if err := m.at.bucket.written().Put(r.ctx, file); err != nil {
		return err
	}
	if _, err := b.uploads.DB.Exec(context.WithoutCancel(r.ctx), deleteMultipart, m.ID); err != nil {
		return fmt.Errorf("delete multipart upload: %w", err)
	}
	for _, p := range stored {
		if !slices.Contains(chosen, p.UploadID) {
			if err := b.uploads.Drop(context.WithoutCancel(r.ctx), p.UploadID); err != nil {
				return err
			}
		}
	}
	return nil
}

// listFiles lists the caller's files in folders. It skips what a common prefix stands for.
func (b *bucket) listFiles(ctx context.Context, q listing, l *listed) error {
	files := b.written()
	after := q.after
	for {
		batch, err := files.List(ctx, q.prefix, after, min(q.max+1, batchSize))
		if err != nil {
			return err
		}
		for _, f := range batch {
			if after = f.Key; strings.HasPrefix(f.Key, icebergtable.Folder) {
				continue // is in the bucket of Iceberg tables
			}
			o := fileObject(files, f, f.Key)
			if !q.add(l, o.key, o) {
				return nil
			}
			if common, grouped := q.group(o.key); grouped {
				after = common + highest
				break
			}
		}
		if len(batch) == 0 {
			return nil
		}
	}
}

// fileObject is a file that the caller has written.
func fileObject(files written.Files, f written.File, key string) *object {
	o := &object{key: key, size: f.SizeBytes, etag: f.ETag, modified: f.CreatedAt, contentType: "application/octet-stream"}
	o.open = func(ctx context.Context) (io.ReadSeekCloser, error) { return files.Open(ctx, f) }
	return o
}

var errCopy = fault.New(fault.Forbidden, "Only files in folders append/{folder}/ and replace/{folder}/ can be copied, and only to such folders of the same data set: read other objects and put them where you need them")

// CopyObject implements backend.Backend: writers such as Spark's copy files within a folder.
func (b *backend) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (out s3response.CopyObjectOutput, err error) {
	r, err := b.of(ctx, policy.DatasetsWrite)
	if err != nil {
		return out, errorOf(ctx, err)
	}
	to, err := b.place(r, *in.Bucket, *in.Key)
	if err == nil {
		err = dataset.CheckKind(to.bucket.Kind, dataset.Table)
	}
	if err != nil {
		return out, errorOf(r.ctx, err)
	}
	source, from, _ := strings.Cut(strings.TrimPrefix(*in.CopySource, "/"), "/")
	from, _, _ = strings.Cut(from, "?versionId=")
	_, fromFolder := folderOf(from)
	if _, toFolder := folderOf(*in.Key); source != *in.Bucket || !fromFolder || !toFolder || path.Base(*in.Key) == success {
		return out, errorOf(r.ctx, errCopy)
	}
	file, err := to.bucket.written().Copy(r.ctx, from, *in.Key)
	if err != nil {
		return out, errorOf(r.ctx, err)
	}
	out.CopyObjectResult = &s3response.CopyObjectResult{ETag: quoted(file.ETag), LastModified: &file.CreatedAt}
	return out, nil
}

var errDelete = fault.New(fault.Forbidden, "Versions are kept and cannot be deleted by S3: delete the data set, or set a lifecycle for its versions (PUT /v1/datasets/{id}/lifecycle)")

// deletable reports whether the object is in a folder, or its key names a folder, which is no object.
func (p place) deletable() bool {
	_, named := folderOf(p.key + "/x/")
	return p.ok || named || strings.HasSuffix(p.key, "/")
}

// filesOf returns the caller's files of the data set that a bucket is.
func (f *Function) filesOf(r *request, bucket string) (written.Files, error) {
	found, err := f.bucket(r.ctx, r, bucket)
	if err == nil {
		err = dataset.CheckKind(found.Kind, dataset.Table)
	}
	if err != nil {
		return written.Files{}, err
	}
	return found.written(), nil
}

// DeleteObject implements backend.Backend. A file in a folder is deleted.
func (b *backend) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	r, err := b.of(ctx, policy.DatasetsWrite)
	if err != nil {
		return nil, errorOf(ctx, err)
	}
	p, err := b.locate(*in.Bucket, *in.Key)
	if err != nil {
		return nil, errorOf(r.ctx, err)
	}
	files, err := b.filesOf(r, p.name)
	switch {
	case err != nil:
	case !p.deletable():
		err = errDelete
	default:
		err = files.Delete(r.ctx, p.key)
	}
	return &s3.DeleteObjectOutput{}, errorOf(r.ctx, err)
}

// DeleteObjects implements backend.Backend.
func (b *backend) DeleteObjects(ctx context.Context, in *s3.DeleteObjectsInput) (out s3response.DeleteResult, err error) {
	r, err := b.of(ctx, policy.DatasetsWrite)
	if err != nil {
		return out, errorOf(ctx, err)
	}
	doomed := map[string][]string{} // keys by bucket
	for _, o := range in.Delete.Objects {
		p, err := b.locate(*in.Bucket, deref(o.Key))
		if err == nil {
			keys := doomed[p.name]
			if p.deletable() {
				keys = append(keys, p.key)
				out.Deleted = append(out.Deleted, types.DeletedObject{Key: o.Key})
			} else {
				err = errDelete
			}
			doomed[p.name] = keys // a bucket that does not exist is an error also if nothing in it may be deleted
		}
		if err != nil {
			refused := errorOf(r.ctx, err).BaseError()
			out.Error = append(out.Error, types.Error{Key: o.Key, Code: text(refused.Code), Message: text(refused.Description)})
		}
	}
	for bucket, keys := range doomed {
		files, err := b.filesOf(r, bucket)
		if err == nil {
			err = files.Delete(r.ctx, keys...)
		}
		if err != nil {
			return s3response.DeleteResult{}, errorOf(r.ctx, err)
		}
	}
	return out, nil
}
