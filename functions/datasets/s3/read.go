package s3

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	s3backend "github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"

	"function/functions/datasets/internal/written"
	"function/shared/audit"
	"function/shared/fault"
	"function/shared/policy"
)

func errNoKey(key string) error {
	return fault.New(fault.NotFound, "This bucket has no object %s that you may read: list its keys", fault.Excerpt(key))
}

// object finds what a request reads. bucket is nil for a bucket that is no data set.
func (b *backend) object(ctx context.Context, name, key, version string) (r *request, found *bucket, o *object, err error) {
	if r, err = b.of(ctx, policy.DatasetsRead); err != nil {
		return nil, nil, nil, err
	}
	if folder, ok := b.others[name]; ok {
		if o, err = other(r.ctx, r, folder, key); err == nil {
			return r, nil, o, nil
		}
		at, unwritten := b.place(r, name, key)
		if unwritten != nil {
			return r, nil, nil, err
		}
		files := at.bucket.written()
		file, err := files.Find(r.ctx, at.key)
		if errors.Is(err, written.ErrNoFile) {
			err = errNoKey(key)
		}
		if err != nil {
			return r, nil, nil, err
		}
		return r, nil, fileObject(files, file, key), nil
	}
	if found, err = b.bucket(r.ctx, r, name); err == nil {
		o, err = found.find(r.ctx, key)
	}
	if err == nil && version != "" && version != o.version {
		err = s3err.GetNoSuchVersionErr(key, version)
	}
	return r, found, o, err
}

// HeadObject implements backend.Backend.
func (b *backend) HeadObject(ctx context.Context, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	r, found, o, err := b.object(ctx, *in.Bucket, *in.Key, deref(in.VersionId))
	if err == nil && found == nil {
		err = closed(r.ctx, o)
	}
	if err != nil {
		return nil, errorOf(ctx, err)
	}
	if err := s3backend.EvaluatePreconditions(o.etag, o.modified, s3backend.PreConditions{
		IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch, IfModSince: in.IfModifiedSince, IfUnmodeSince: in.IfUnmodifiedSince,
	}); err != nil {
		return nil, err
	}
	start, length, partial, err := s3backend.ParseObjectRange(o.size, deref(in.Range))
	if err != nil {
		return nil, err
	}
	out := &s3.HeadObjectOutput{
		ContentLength: &length, ETag: quoted(o.etag), LastModified: &o.modified, ContentType: &o.contentType, AcceptRanges: text("bytes"),
		Metadata: o.metadata, StorageClass: types.StorageClassStandard, ContentRange: contentRange(start, length, o.size, partial),
	}
	if o.version != "" {
		out.VersionId = &o.version
	}
	return out, nil
}

func closed(ctx context.Context, o *object) error {
	content, err := o.open(ctx)
	if err != nil {
		return err
	}
	return content.Close()
}

func contentRange(start, length, size int64, partial bool) *string {
	if !partial {
		return nil
	}
	return text(fmt.Sprintf("bytes %d-%d/%d", start, start+length-1, size))
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// GetObject implements backend.Backend.
func (b *backend) GetObject(ctx context.Context, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	r, found, o, err := b.object(ctx, *in.Bucket, *in.Key, deref(in.VersionId))
	if err != nil {
		return nil, errorOf(ctx, err)
	}
	var start, length int64
	var partial bool
	err = s3backend.EvaluatePreconditions(o.etag, o.modified, s3backend.PreConditions{
		IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch, IfModSince: in.IfModifiedSince, IfUnmodeSince: in.IfUnmodifiedSince,
	})
	if err == nil {
		start, length, partial, err = s3backend.ParseObjectRange(o.size, deref(in.Range))
	}
	if err == nil && found != nil {
		err = b.record(r, found, o)
	}
	if err != nil {
		if found == nil {
			err = errors.Join(err, closed(r.ctx, o))
		}
		return nil, errorOf(r.ctx, err)
	}
	c, err := open(r.ctx, o, start, length)
	if err != nil {
		return nil, errorOf(r.ctx, err)
	}
	r.content <- c
	out := &s3.GetObjectOutput{
		ContentLength: &length, ETag: quoted(o.etag), LastModified: &o.modified, ContentType: &o.contentType, AcceptRanges: text("bytes"),
		Metadata: o.metadata, StorageClass: types.StorageClassStandard, ContentRange: contentRange(start, length, o.size, partial),
	}
	if o.version != "" {
		out.VersionId = &o.version
	}
	return out, nil
}

// content is a range of an object.
type content struct {
	*bufio.Reader
	io.Closer
	length int64
}

const readSize = 256 << 10

// open opens a range of an object. It reads its start, so that a damaged object is an error and not a response that breaks off.
func open(ctx context.Context, o *object, start, length int64) (*content, error) {
	file, err := o.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("open object: %w", err)
	}
	if start > 0 {
		_, err = file.Seek(start, io.SeekStart)
	}
	source := io.Reader(file)
	if start+length < o.size {
		source = io.LimitReader(file, length)
	}
	reader := bufio.NewReaderSize(source, int(min(length+1, readSize)))
	if err == nil && length > 0 {
		_, err = reader.Peek(1)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read object: %w", err), file.Close())
	}
	return &content{reader, file, length}, nil
}

// record audits that a session reads an object, once for all its ranges.
func (b *backend) record(r *request, found *bucket, o *object) error {
	once := read{r.holder.SessionID, found.DatasetID, o.key + o.etag}
	if b.audited.Contains(once) {
		return nil
	}
	entry := audit.Entry{Action: "datasets:download", ResourceID: found.DatasetID.String(), Detail: map[string]any{"object": o.key, "by": "s3"}}
	if version, err := strconv.Atoi(o.version); err == nil {
		entry.Detail["version"] = version
	}
	if err := audit.Record(r.ctx, b.uploads.DB, entry); err != nil {
		return err
	}
	b.audited.Add(once, struct{}{})
	return nil
}
