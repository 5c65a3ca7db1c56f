package s3

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	gatewayauth "github.com/versity/versitygw/auth"
	s3backend "github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"function/shared/fault"
	"function/shared/policy"
)

// backend answers the gateway. What it does not implement is refused as not implemented.
type backend struct {
	s3backend.BackendUnsupported
	*Function
}

func (b *backend) String() string { return "data sets" }

// GetBucketAcl implements backend.Backend. The gateway asks for it before every operation on a bucket; rights are checked in
// the operation.
func (b *backend) GetBucketAcl(context.Context, *s3.GetBucketAclInput) ([]byte, error) {
	return json.Marshal(gatewayauth.ACL{})
}

// GetBucketPolicy implements backend.Backend. No bucket is public.
func (b *backend) GetBucketPolicy(context.Context, string) ([]byte, error) {
	return nil, s3err.GetAPIError(s3err.ErrNoSuchBucketPolicy)
}

// GetBucketCors implements backend.Backend.
func (b *backend) GetBucketCors(context.Context, string) ([]byte, error) {
	return nil, s3err.GetAPIError(s3err.ErrNoSuchCORSConfiguration)
}

// GetBucketVersioning implements backend.Backend: what is put never replaces anything.
func (b *backend) GetBucketVersioning(context.Context, string) (s3response.GetBucketVersioningOutput, error) {
	enabled := types.BucketVersioningStatusEnabled
	return s3response.GetBucketVersioningOutput{Status: &enabled}, nil
}

// GetObjectLockConfiguration implements backend.Backend.
func (b *backend) GetObjectLockConfiguration(context.Context, string) ([]byte, error) {
	return nil, s3err.GetAPIError(s3err.ErrObjectLockConfigurationNotFound)
}

// ListBuckets implements backend.Backend.
func (b *backend) ListBuckets(ctx context.Context, in s3response.ListBucketsInput) (out s3response.ListAllMyBucketsResult, err error) {
	r, err := b.of(ctx, policy.DatasetsRead)
	if err != nil {
		return out, errorOf(ctx, err)
	}
	list, err := b.buckets(r.ctx, r)
	if err != nil {
		return out, errorOf(r.ctx, err)
	}
	out.Owner.ID, out.Prefix = r.reader().Organization.String(), in.Prefix
	for _, one := range list {
		if one.Name <= in.ContinuationToken || !strings.HasPrefix(one.Name, in.Prefix) {
			continue
		}
		if len(out.Buckets.Bucket) == int(in.MaxBuckets) {
			out.ContinuationToken = out.Buckets.Bucket[len(out.Buckets.Bucket)-1].Name
			break
		}
		out.Buckets.Bucket = append(out.Buckets.Bucket, s3response.ListAllMyBucketsEntry{Name: one.Name, CreationDate: one.CreatedAt})
	}
	return out, nil
}

// HeadBucket implements backend.Backend.
func (b *backend) HeadBucket(ctx context.Context, in *s3.HeadBucketInput) (*s3.HeadBucketOutput, error) {
	r, err := b.of(ctx, policy.DatasetsRead)
	if err != nil {
		return nil, errorOf(ctx, err)
	}
	if _, ok := b.others[*in.Bucket]; !ok {
		_, err = b.bucket(r.ctx, r, *in.Bucket)
	}
	return &s3.HeadBucketOutput{}, errorOf(r.ctx, err)
}

// keys lists a page of a bucket.
func (b *backend) keys(ctx context.Context, bucket string, q listing) (*listed, error) {
	r, err := b.of(ctx, policy.DatasetsRead)
	if err != nil {
		return nil, errorOf(ctx, err)
	}
	if _, ok := b.others[bucket]; ok {
		return nil, errorOf(ctx, fault.New(fault.Forbidden, "This bucket cannot be listed: the catalogue of tables names its objects"))
	}
	found, err := b.bucket(r.ctx, r, bucket)
	if err != nil {
		return nil, errorOf(r.ctx, err)
	}
	l, err := found.list(r.ctx, q)
	return l, errorOf(r.ctx, err)
}

func (l *listed) contents() (list []s3response.Object, prefixes []types.CommonPrefix) {
	for _, o := range l.objects {
		etag := `"` + o.etag + `"`
		list = append(list, s3response.Object{Key: &o.key, Size: &o.size, ETag: &etag, LastModified: &o.modified, StorageClass: types.ObjectStorageClassStandard})
	}
	for _, p := range l.prefixes {
		prefixes = append(prefixes, types.CommonPrefix{Prefix: &p})
	}
	return list, prefixes
}

// ListObjects implements backend.Backend.
func (b *backend) ListObjects(ctx context.Context, in *s3.ListObjectsInput) (out s3response.ListObjectsResult, err error) {
	l, err := b.keys(ctx, *in.Bucket, listing{prefix: *in.Prefix, delimiter: *in.Delimiter, after: *in.Marker, max: int(*in.MaxKeys)})
	if err != nil {
		return out, err
	}
	out = s3response.ListObjectsResult{Name: in.Bucket, Prefix: in.Prefix, Marker: in.Marker, MaxKeys: in.MaxKeys, Delimiter: in.Delimiter, IsTruncated: &l.more}
	out.Contents, out.CommonPrefixes = l.contents()
	if l.more {
		out.NextMarker = &l.last
	}
	return out, nil
}

// ListObjectsV2 implements backend.Backend.
func (b *backend) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (out s3response.ListObjectsV2Result, err error) {
	l, err := b.keys(ctx, *in.Bucket, listing{prefix: *in.Prefix, delimiter: *in.Delimiter, after: max(*in.StartAfter, *in.ContinuationToken), max: int(*in.MaxKeys)})
	if err != nil {
		return out, err
	}
	count := int32(len(l.objects) + len(l.prefixes))
	out = s3response.ListObjectsV2Result{
		Name: in.Bucket, Prefix: in.Prefix, StartAfter: in.StartAfter, ContinuationToken: in.ContinuationToken, MaxKeys: in.MaxKeys, Delimiter: in.Delimiter,
		IsTruncated: &l.more, KeyCount: &count,
	}
	out.Contents, out.CommonPrefixes = l.contents()
	if l.more {
		out.NextContinuationToken = &l.last
	}
	return out, nil
}

// CreateBucket implements backend.Backend.
func (b *backend) CreateBucket(ctx context.Context, _ *s3.CreateBucketInput, _ []byte) error {
	return errorOf(ctx, fault.New(fault.Forbidden, "Buckets are data sets: create one with POST /v1/datasets"))
}

// DeleteBucket implements backend.Backend.
func (b *backend) DeleteBucket(ctx context.Context, _ string) error {
	return errorOf(ctx, fault.New(fault.Forbidden, "Buckets are data sets: delete one with DELETE /v1/datasets/{id}"))
}

func text(s string) *string { return &s }

func quoted(etag string) *string { return text(`"` + etag + `"`) }
