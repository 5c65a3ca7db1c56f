package s3

import (
	"context"
	"crypto/md5" // by which S3 identifies content
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3response"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/resumable"
	"function/functions/datasets/internal/version"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/policy"
)

// PutObject implements backend.Backend: the object becomes a version.
func (b *backend) PutObject(ctx context.Context, in s3response.PutObjectInput) (out s3response.PutObjectOutput, err error) {
	r, err := b.of(ctx, policy.DatasetsWrite)
	if err != nil {
		return out, errorOf(ctx, err)
	}
	at, err := b.place(r, *in.Bucket, *in.Key)
	if err != nil {
		return out, errorOf(r.ctx, err)
	}
	u, err := b.upload(r, at, *in.ContentType, in.Metadata)
	if err != nil {
		return out, errorOf(r.ctx, err)
	}
	body, err := checked(in.Body, map[utils.HashType]*string{
		utils.HashTypeCRC32: in.ChecksumCRC32, utils.HashTypeCRC32C: in.ChecksumCRC32C, utils.HashTypeCRC64NVME: in.ChecksumCRC64NVME,
		utils.HashTypeSha1: in.ChecksumSHA1, utils.HashTypeSha256: in.ChecksumSHA256, utils.HashTypeSha512: in.ChecksumSHA512, utils.HashTypeMd5: in.ChecksumMD5,
		utils.HashTypeXXHASH64: in.ChecksumXXHASH64, utils.HashTypeXXHASH3: in.ChecksumXXHASH3, utils.HashTypeXXHASH128: in.ChecksumXXHASH128,
	})
	if err != nil {
		return out, errorOf(r.ctx, err)
	}
	u.Kind, u.Length = resumable.Whole, in.ContentLength
	var sum []byte
	if at.ok {
		sum, err = b.putFile(r, u, at, body)
	} else {
		sum, err = b.receive(r, u, body)
	}
	if err != nil {
		return out, errorOf(r.ctx, err)
	}
	return s3response.PutObjectOutput{
		ETag: *quoted(hex.EncodeToString(sum)), VersionID: versionOf(u), Size: u.Length,
		ChecksumCRC32: in.ChecksumCRC32, ChecksumCRC32C: in.ChecksumCRC32C, ChecksumCRC64NVME: in.ChecksumCRC64NVME,
		ChecksumSHA1: in.ChecksumSHA1, ChecksumSHA256: in.ChecksumSHA256,
	}, nil
}

// versionOf returns the number of the version that an upload became, or nothing.
func versionOf(u *resumable.Upload) string {
	if u.Version == nil {
		return ""
	}
	return strconv.Itoa(*u.Version)
}

// checked returns a body that ends with an error if it has another checksum than one given.
func checked(body io.Reader, sums map[utils.HashType]*string) (io.Reader, error) {
	for kind, sum := range sums {
		if sum == nil || *sum == "" {
			continue
		}
		reader, err := utils.NewHashReader(body, *sum, kind)
		if err != nil {
			return nil, fmt.Errorf("check %s: %w", kind, err)
		}
		body = reader
	}
	return body, nil
}

// receive stores the bytes of an upload, which it creates. A failed one leaves nothing behind.
func (f *Function) receive(r *request, u *resumable.Upload, body io.Reader) (sum []byte, err error) {
	if err := f.uploads.Check(r.ctx, r.reader(), u); err != nil {
		return nil, err
	}
	err = f.uploads.DB.Transact(r.ctx, func(tx *outbox.Tx) error { return f.uploads.Create(r.ctx, tx, u) })
	if err != nil {
		return nil, fmt.Errorf("create upload: %w", err)
	}
	source := &source{Reader: body}
	hash := md5.New()
	err = f.uploads.Append(r.ctx, u, resumable.Incoming{Length: u.Length, Body: source, Checksum: hash, Verify: func(s []byte) error { sum = s; return nil }})
	if err == nil && !u.IsComplete() {
		err = fault.New(fault.Malformed, "The body is shorter than its Content-Length: nothing was stored, send it again")
	}
	if err != nil {
		return nil, errors.Join(source.err, err, f.uploads.Drop(context.WithoutCancel(r.ctx), u.ID))
	}
	return sum, nil
}

// source keeps the error with which a body ends.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

var errPlace = fault.New(fault.Forbidden, "Objects can be put to latest/{name} and branch/{branch}/{name} of a table, and become its next version, or to a folder append/{folder}/ or replace/{folder}/: versions and tags never change")

// upload returns the upload that an object becomes.
func (f *Function) upload(r *request, at place, contentType string, metadata map[string]string) (*resumable.Upload, error) {
	b := at.bucket
	if b.Kind != dataset.Table {
		return nil, fault.New(fault.Forbidden, "Objects of this data set cannot be put by S3: use PUT /v1/datasets/{id}/objects/{name}")
	}
	branch, file, ok := placeOf(at.key)
	switch {
	case at.ok:
		branch, file, metadata = at.folder.branch, path.Base(at.key), map[string]string{"operation": at.folder.operation, "message": metadata["message"]}
	case !ok:
		return nil, errPlace
	}
	target, err := targetOf(branch, metadata)
	if err != nil {
		return nil, err
	}
	target.FileName, target.FileType = file, contentType
	return &resumable.Upload{DatasetID: b.DatasetID, OrganizationID: r.holder.OrganizationID, CreatedBy: r.holder.UserID, Target: target}, nil
}

// placeOf returns the branch and the file name that a key names.
func placeOf(key string) (branch, file string, ok bool) {
	parts := strings.Split(key, "/")
	switch {
	case len(parts) == 2 && parts[0] == "latest":
		branch, file = version.Main, parts[1]
	case len(parts) == 3 && parts[0] == "branch":
		branch, file = parts[1], parts[2]
	}
	return branch, file, branch != "" && file != ""
}

// targetOf reads the metadata of an object (x-amz-meta-operation and so on), whose names are those of the body of
// POST /v1/datasets/{id}/direct-uploads. Clients add others, which mean nothing here.
func targetOf(branch string, metadata map[string]string) (t resumable.Target, err error) {
	o := resumable.Options{Branch: branch, Operation: version.Replace, Message: metadata["message"], SHA256: metadata["sha256"]}
	if operation, ok := metadata["operation"]; ok {
		o.Operation = operation
	}
	if !slices.Contains([]string{version.Replace, version.Append, version.Upsert, version.Delete}, o.Operation) {
		return t, fault.New(fault.Invalid, "x-amz-meta-operation must be replace, append, upsert or delete")
	}
	if len(o.Message) > 1000 || strings.ContainsRune(o.Message, 0) {
		return t, fault.New(fault.Invalid, "x-amz-meta-message is longer than 1000 characters")
	}
	if key, ok := metadata["key"]; ok {
		if !strings.HasPrefix(key, "[") {
			o.Key = strings.Split(key, ",")
		} else if json.Unmarshal([]byte(key), &o.Key) != nil {
			return t, fault.New(fault.Invalid, "x-amz-meta-key must be names of columns, separated by commas, or a JSON array of them")
		}
		if len(o.Key) > 16 {
			return t, fault.New(fault.Invalid, "x-amz-meta-key names more than 16 columns")
		}
	}
	if reading, ok := metadata["reading"]; ok && json.Unmarshal([]byte(reading), &o.Reading) != nil {
		return t, fault.New(fault.Invalid, "x-amz-meta-reading must be a JSON object with reading options")
	}
	return o.Target()
}
