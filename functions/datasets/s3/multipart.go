package s3

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	s3backend "github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"function/functions/datasets/internal/icebergtable"
	"function/functions/datasets/internal/resumable"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/uuid7"
)

// multipart is an object that arrives in parts. Each part is a partial upload.
type multipart struct {
	ID        uuid.UUID
	DatasetID uuid.UUID
	Key       string
	Target    resumable.Target
	CreatedAt time.Time

	at place `db:"-"`
}

var errNoUpload = fault.New(fault.NotFound, "There is no multipart upload of yours with this identifier and key: it was completed or aborted, or it has expired")

const insertMultipart = `INSERT INTO s3_uploads (id, dataset_id, created_by, key, target) VALUES ($1, $2, $3, $4, $5)`

// CreateMultipartUpload implements backend.Backend.
func (b *backend) CreateMultipartUpload(ctx context.Context, in s3response.CreateMultipartUploadInput) (out s3response.InitiateMultipartUploadResult, err error) {
	r, err := b.of(ctx, policy.DatasetsWrite)
	if err != nil {
		return out, errorOf(ctx, err)
	}
	at, err := b.place(r, *in.Bucket, *in.Key)
	if err != nil {
		return out, errorOf(r.ctx, err)
	}
	u, err := b.upload(r, at, deref(in.ContentType), in.Metadata)
	if err == nil {
		err = b.uploads.Check(r.ctx, r.reader(), u)
	}
	if err != nil {
		return out, errorOf(r.ctx, err)
	}
	id := uuid7.New()
	if _, err := b.uploads.DB.Exec(r.ctx, insertMultipart, id, u.DatasetID, u.CreatedBy, at.key, u.Target); err != nil {
		return out, errorOf(r.ctx, fmt.Errorf("insert multipart upload: %w", err))
	}
	return s3response.InitiateMultipartUploadResult{Bucket: *in.Bucket, Key: *in.Key, UploadId: id.String()}, nil
}

const selectMultipart = `SELECT id, dataset_id, key, target, created_at FROM s3_uploads WHERE id = $1 AND dataset_id = $2 AND created_by = $3 AND key = $4`

// multipart finds a multipart upload of the caller.
func (b *backend) multipart(ctx context.Context, name, key, id string) (*request, *multipart, error) {
	r, err := b.of(ctx, policy.DatasetsWrite)
	if err != nil {
		return nil, nil, err
	}
	at, err := b.place(r, name, key)
	if err != nil {
		return r, nil, err
	}
	parsed, err := uuid.Parse(id)
	if err != nil {
		return r, nil, errNoUpload
	}
	m, err := database.One[multipart](r.ctx, b.uploads.DB, errNoUpload, selectMultipart, parsed, at.bucket.DatasetID, r.holder.UserID, at.key)
	m.at = at
	return r, &m, err
}

const (
	selectPart = `SELECT upload_id FROM s3_upload_parts WHERE s3_upload_id = $1 AND number = $2`
	upsertPart = `
INSERT INTO s3_upload_parts (s3_upload_id, number, upload_id, md5) VALUES ($1, $2, $3, $4)
ON CONFLICT (s3_upload_id, number) DO UPDATE SET upload_id = excluded.upload_id, md5 = excluded.md5, created_at = now()`
)

// UploadPart implements backend.Backend.
func (b *backend) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	r, m, err := b.multipart(ctx, *in.Bucket, *in.Key, *in.UploadId)
	if err != nil {
		return nil, errorOf(ctx, err)
	}
	body, err := checked(in.Body, map[utils.HashType]*string{
		utils.HashTypeCRC32: in.ChecksumCRC32, utils.HashTypeCRC32C: in.ChecksumCRC32C, utils.HashTypeCRC64NVME: in.ChecksumCRC64NVME,
		utils.HashTypeSha1: in.ChecksumSHA1, utils.HashTypeSha256: in.ChecksumSHA256, utils.HashTypeSha512: in.ChecksumSHA512, utils.HashTypeMd5: in.ChecksumMD5,
		utils.HashTypeXXHASH64: in.ChecksumXXHASH64, utils.HashTypeXXHASH3: in.ChecksumXXHASH3, utils.HashTypeXXHASH128: in.ChecksumXXHASH128,
	})
	if err != nil {
		return nil, errorOf(r.ctx, err)
	}
	u := &resumable.Upload{DatasetID: m.DatasetID, OrganizationID: r.holder.OrganizationID, CreatedBy: r.holder.UserID, Kind: resumable.Partial, Target: m.Target, Length: in.ContentLength}
	sum, err := b.receive(r, u, body)
	if err != nil {
		return nil, errorOf(r.ctx, err)
	}
	replaced, err := b.setPart(r, m, int(*in.PartNumber), u.ID, sum)
	if err != nil {
		return nil, errorOf(r.ctx, errors.Join(err, b.uploads.Drop(context.WithoutCancel(r.ctx), u.ID)))
	}
	if replaced != nil {
		if err := b.uploads.Drop(r.ctx, *replaced); err != nil {
			return nil, errorOf(r.ctx, err)
		}
	}
	return &s3.UploadPartOutput{
		ETag: quoted(hex.EncodeToString(sum)), ChecksumCRC32: in.ChecksumCRC32, ChecksumCRC32C: in.ChecksumCRC32C, ChecksumCRC64NVME: in.ChecksumCRC64NVME,
		ChecksumSHA1: in.ChecksumSHA1, ChecksumSHA256: in.ChecksumSHA256,
	}, nil
}

// setPart adds a part, and returns the one that it replaces.
func (b *backend) setPart(r *request, m *multipart, number int, upload uuid.UUID, sum []byte) (replaced *uuid.UUID, err error) {
	err = b.uploads.DB.Transact(r.ctx, func(tx *outbox.Tx) error {
		replaced = nil
		before, err := database.One[struct{ UploadID uuid.UUID }](r.ctx, tx, pgx.ErrNoRows, selectPart, m.ID, number)
		if err == nil {
			replaced = &before.UploadID
		} else if !database.IsNoRows(err) {
			return err
		}
		_, err = tx.Exec(r.ctx, upsertPart, m.ID, number, upload, sum)
		if database.Violates(err, "s3_upload_parts_s3_upload_id_fkey") {
			return errNoUpload // it has been completed or aborted
		}
		return err
	})
	return replaced, err
}

const selectUploadParts = `
SELECT p.number, p.upload_id, p.md5, u.received AS size, p.created_at FROM s3_upload_parts p JOIN uploads u ON u.id = p.upload_id
WHERE p.s3_upload_id = $1 ORDER BY p.number`

type part struct {
	Number    int
	UploadID  uuid.UUID
	MD5       []byte `db:"md5"`
	Size      int64
	CreatedAt time.Time
}

func (b *backend) partsOf(ctx context.Context, m *multipart) ([]part, error) {
	rows, _ := b.uploads.DB.Query(ctx, selectUploadParts, m.ID)
	parts, err := pgx.CollectRows(rows, pgx.RowToStructByName[part])
	if err != nil {
		return nil, fmt.Errorf("list parts: %w", err)
	}
	return parts, nil
}

// minPart is the least size of all parts but the last, as S3 has it.
const minPart = 5 << 20

const deleteMultipart = `DELETE FROM s3_uploads WHERE id = $1`

// CompleteMultipartUpload implements backend.Backend: the parts become the file of a version, without being copied.
func (b *backend) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (out s3response.CompleteMultipartUploadResult, number string, err error) {
	r, m, err := b.multipart(ctx, *in.Bucket, *in.Key, *in.UploadId)
	if err != nil {
		return out, "", errorOf(ctx, err)
	}
	stored, err := b.partsOf(r.ctx, m)
	if err != nil {
		return out, "", errorOf(r.ctx, err)
	}
	chosen, err := choose(stored, in)
	if err != nil {
		return out, "", errorOf(r.ctx, err)
	}
	etag, err := s3backend.ComputeMultipartETagFromPartETags(in.MultipartUpload.Parts)
	if err != nil {
		return out, "", errorOf(r.ctx, err)
	}
	u := &resumable.Upload{DatasetID: m.DatasetID, OrganizationID: r.holder.OrganizationID, CreatedBy: r.holder.UserID, Kind: resumable.Final, Target: m.Target}
	if err := b.uploads.Check(r.ctx, r.reader(), u); err != nil {
		return out, "", errorOf(r.ctx, err)
	}
	if m.at.ok {
		err = b.keepParts(r, m, stored, chosen, strings.Trim(etag, `"`))
	} else if err = b.uploads.Concatenate(r.ctx, u, chosen); err == nil {
		err = b.end(r, m)
	}
	if err != nil {
		return out, "", errorOf(r.ctx, err)
	}
	out = s3response.CompleteMultipartUploadResult{Bucket: in.Bucket, Key: in.Key, ETag: quoted(strings.Trim(etag, `"`))}
	return out, versionOf(u), nil
}

// choose returns the partial uploads of the parts that a request names.
func choose(stored []part, in *s3.CompleteMultipartUploadInput) (chosen []uuid.UUID, err error) {
	last := int32(0)
	named := in.MultipartUpload.Parts
	var size int64
	for i, p := range named {
		if p.PartNumber == nil || p.ETag == nil {
			return nil, s3err.GetAPIError(s3err.ErrMalformedXML)
		}
		if *p.PartNumber <= last {
			return nil, s3err.GetAPIError(s3err.ErrInvalidPartOrder)
		}
		last = *p.PartNumber
		at := slices.IndexFunc(stored, func(s part) bool { return s.Number == int(last) })
		sum, err := hex.DecodeString(strings.Trim(*p.ETag, `"`))
		if at < 0 || err != nil || !bytes.Equal(sum, stored[at].MD5) {
			return nil, s3err.GetInvalidPartErr(*in.UploadId, last, *p.ETag)
		}
		if i < len(named)-1 && stored[at].Size < minPart {
			return nil, s3err.GetEntityTooSmallErr(stored[at].Size, minPart)
		}
		size += stored[at].Size
		chosen = append(chosen, stored[at].UploadID)
	}
	if in.MpuObjectSize != nil && *in.MpuObjectSize != size {
		return nil, fault.New(fault.Malformed, "The parts have %d bytes together, not as many as x-amz-mp-object-size says", size)
	}
	return chosen, nil
}

// end deletes a multipart upload and the parts that it still has.
func (b *backend) end(r *request, m *multipart) error {
	left, err := b.partsOf(r.ctx, m)
	if err != nil {
		return err
	}
	for _, p := range left {
		if err := b.uploads.Drop(r.ctx, p.UploadID); err != nil {
			return err
		}
	}
	if _, err := b.uploads.DB.Exec(context.WithoutCancel(r.ctx), deleteMultipart, m.ID); err != nil {
		return fmt.Errorf("delete multipart upload: %w", err)
	}
	return nil
}

// AbortMultipartUpload implements backend.Backend.
func (b *backend) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput) error {
	r, m, err := b.multipart(ctx, *in.Bucket, *in.Key, *in.UploadId)
	if err != nil {
		return errorOf(ctx, err)
	}
	return errorOf(r.ctx, b.end(r, m))
}

// ListParts implements backend.Backend.
func (b *backend) ListParts(ctx context.Context, in *s3.ListPartsInput) (out s3response.ListPartsResult, err error) {
	r, m, err := b.multipart(ctx, *in.Bucket, *in.Key, *in.UploadId)
	if err != nil {
		return out, errorOf(ctx, err)
	}
	parts, err := b.partsOf(r.ctx, m)
	if err != nil {
		return out, errorOf(r.ctx, err)
	}
	marker, _ := strconv.Atoi(deref(in.PartNumberMarker))
	out = s3response.ListPartsResult{Bucket: *in.Bucket, Key: *in.Key, UploadID: *in.UploadId, StorageClass: types.StorageClassStandard, PartNumberMarker: marker, MaxParts: int(*in.MaxParts)}
	for _, p := range parts {
		if p.Number <= marker {
			continue
		}
		if len(out.Parts) == out.MaxParts {
			out.IsTruncated = true
			break
		}
		out.Parts = append(out.Parts, s3response.Part{PartNumber: p.Number, ETag: *quoted(hex.EncodeToString(p.MD5)), Size: p.Size, LastModified: p.CreatedAt})
		out.NextPartNumberMarker = p.Number
	}
	return out, nil
}

const selectMultiparts = `
SELECT id, dataset_id, key, target, created_at FROM s3_uploads
WHERE dataset_id = $1 AND created_by = $2 AND starts_with(key, $3) AND NOT starts_with(key, '` + icebergtable.Folder + `') AND (key, id::text) > ($4, $5) ORDER BY key, id::text LIMIT $6`

// ListMultipartUploads implements backend.Backend. It lists those of the caller.
func (b *backend) ListMultipartUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (out s3response.ListMultipartUploadsResult, err error) {
	r, err := b.of(ctx, policy.DatasetsWrite)
	if err != nil {
		return out, errorOf(ctx, err)
	}
	found, err := b.bucket(r.ctx, r, *in.Bucket)
	if err != nil {
		return out, errorOf(r.ctx, err)
	}
	most := int(*in.MaxUploads)
	rows, _ := b.uploads.DB.Query(r.ctx, selectMultiparts, found.DatasetID, r.holder.UserID, deref(in.Prefix), deref(in.KeyMarker), deref(in.UploadIdMarker), most+1)
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[multipart])
	if err != nil {
		return out, errorOf(r.ctx, fmt.Errorf("list multipart uploads: %w", err))
	}
	out = s3response.ListMultipartUploadsResult{Bucket: *in.Bucket, Prefix: deref(in.Prefix), KeyMarker: deref(in.KeyMarker), UploadIDMarker: deref(in.UploadIdMarker), MaxUploads: most}
	for i, m := range list {
		if i == most {
			out.IsTruncated = true
			break
		}
		out.Uploads = append(out.Uploads, s3response.Upload{Key: m.Key, UploadID: m.ID.String(), Initiated: m.CreatedAt, StorageClass: types.StorageClassStandard})
		out.NextKeyMarker, out.NextUploadIDMarker = m.Key, m.ID.String()
	}
	return out, nil
}
