package s3_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"function/functions/datasets/datasetstest"
	"function/shared/platformtest"
)

func put(t *testing.T, c *awss3.Client, key string, content string) (version string, err error) {
	t.Helper()
	out, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("sales"), Key: &key, Body: strings.NewReader(content)})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.VersionId), nil
}

func mustPut(t *testing.T, c *awss3.Client, key string, content string) (version string) {
	t.Helper()
	version, err := put(t, c, key, content)
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	return version
}

func remove(t *testing.T, c *awss3.Client, list ...string) *awss3.DeleteObjectsOutput {
	t.Helper()
	in := &awss3.DeleteObjectsInput{Bucket: aws.String("sales"), Delete: &types.Delete{}}
	for _, key := range list {
		in.Delete.Objects = append(in.Delete.Objects, types.ObjectIdentifier{Key: &key})
	}
	out, err := c.DeleteObjects(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// rows downloads the newest version.
func rows(t *testing.T, p *platformtest.Platform, token, id string) string {
	t.Helper()
	csv := p.Do(token, http.MethodGet, "/v1/datasets/"+id+"/download?format=csv", nil).Want(t, http.StatusOK).Body
	return strings.NewReplacer(`"`, "", "\r", "").Replace(string(csv))
}

// TestFolder_FilesOfACommittedWrite_AreOneVersion does what Spark's committer does: it writes to a temporary folder, renames,
// and writes _SUCCESS.
func TestFolder_FilesOfACommittedWrite_AreOneVersion(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mounted...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "sales")
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "id,region\n1,EU\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)
	c := temporary(t, p, caller.Token, nil)
	other := temporary(t, p, p.LoginTo(caller.OrganizationID, "owner").Token, nil)

	mustPut(t, c, "append/job/_temporary/0/", "")
	temporaryKeys := []string{"append/job/_temporary/0/task_0/part-0.parquet", "append/job/_temporary/0/task_1/part-1.parquet"}
	mustPut(t, c, temporaryKeys[0], datasetstest.Parquet(t, "SELECT 2::BIGINT AS id, 'US' AS region"))
	mustPut(t, c, temporaryKeys[1], datasetstest.Parquet(t, "SELECT 'EU' AS region, 3::BIGINT AS id"))
	for i, key := range temporaryKeys {
		to := []string{"append/job/part-0.parquet", "append/job/part-1.parquet"}[i]
		if _, err := c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: aws.String("sales"), Key: &to, CopySource: aws.String("sales/" + key)}); err != nil {
			t.Fatal(err)
		}
	}
	if out := remove(t, c, append(temporaryKeys, "append/job/_temporary/0/")...); len(out.Errors) > 0 || len(out.Deleted) != 3 {
		t.Fatalf("deleted %v, errors %v", out.Deleted, out.Errors)
	}
	written := []string{"append/job/part-0.parquet", "append/job/part-1.parquet"}
	if diff := cmp.Diff(written, keys(t, c, "sales", "append/job/", "")); diff != "" {
		t.Fatal(diff)
	}
	if diff := cmp.Diff([]string{"1/", "append/", "branch/", "latest/"}, keys(t, c, "sales", "", "/")); diff != "" {
		t.Error(diff)
	}
	if got, _ := get(t, c, "sales", written[0], "bytes=0-3"); got != "PAR1" {
		t.Errorf("read %q", got)
	}
	if theirs := keys(t, other, "sales", "append/", ""); len(theirs) > 0 {
		t.Errorf("another person sees %v", theirs)
	}
	if got := rows(t, p, caller.Token, d.ID.String()); got != "id,region\n1,EU\n" {
		t.Errorf("before the commit: %q", got)
	}

	if v := mustPut(t, c, "append/job/_SUCCESS", ""); v != "2" {
		t.Errorf("became version %s, want 2", v)
	}
	if v := mustPut(t, c, "append/job/_SUCCESS", ""); v != "2" {
		t.Errorf("repeated: became version %s, want 2", v)
	}
	datasetstest.Profile(t, p, 2)
	if got, want := rows(t, p, caller.Token, d.ID.String()), "id,region\n1,EU\n2,US\n3,EU\n"; got != want {
		t.Errorf("rows %q, want %q", got, want)
	}
	if diff := cmp.Diff([]string{"append/job/_SUCCESS"}, keys(t, c, "sales", "append/", "")); diff != "" {
		t.Error(diff)
	}

	mustPut(t, c, "replace/job/part-0.parquet", datasetstest.Parquet(t, "SELECT 9::BIGINT AS id, 'EU' AS region"))
	if v := mustPut(t, c, "replace/job/_SUCCESS", ""); v != "3" {
		t.Errorf("became version %s, want 3", v)
	}
	datasetstest.Profile(t, p, 3)
	if got, want := rows(t, p, caller.Token, d.ID.String()), "id,region\n9,EU\n"; got != want {
		t.Errorf("rows %q, want %q", got, want)
	}
	if n := datasetstest.Count(t, p, `SELECT (SELECT count(*) FROM upload_parts) + (SELECT count(*) FROM staged_objects)`); n != 0 {
		t.Errorf("%d parts or objects are left behind", n)
	}
}

func TestFolder_LargeFile_ArrivesInParts(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mounted...)
	caller := p.Login("owner")
	datasetstest.Create(t, p, caller.Token, "sales")
	c := temporary(t, p, caller.Token, nil)
	large := datasetstest.Parquet(t, "SELECT i AS id, md5(i::VARCHAR) AS hash FROM range(200000) t(i)")
	key := "append/big/part-0.parquet"
	begun, err := c.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: aws.String("sales"), Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	var parts []types.CompletedPart
	for i, content := range []string{large[:5<<20], large[5<<20:]} {
		number := aws.Int32(int32(i + 1))
		sent, err := c.UploadPart(t.Context(), &awss3.UploadPartInput{Bucket: aws.String("sales"), Key: &key, UploadId: begun.UploadId, PartNumber: number, Body: strings.NewReader(content)})
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, types.CompletedPart{ETag: sent.ETag, PartNumber: number})
	}
	if _, err := c.CompleteMultipartUpload(t.Context(), &awss3.CompleteMultipartUploadInput{Bucket: aws.String("sales"), Key: &key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}}); err != nil {
		t.Fatal(err)
	}
	if got, _ := get(t, c, "sales", key, ""); got != large {
		t.Fatalf("read %d bytes, want %d", len(got), len(large))
	}
	mustPut(t, c, "append/big/part-1.parquet", datasetstest.Parquet(t, "SELECT 200000::BIGINT AS id, 'x' AS hash"))
	mustPut(t, c, "append/big/_SUCCESS", "")
	datasetstest.Profile(t, p, 1)
	if n := datasetstest.Count(t, p, `SELECT row_count FROM dataset_versions WHERE version = 1`); n != 200001 {
		t.Errorf("%d rows, want 200001", n)
	}
}

func TestFolder_WhatCannotBeAVersion_IsRefusedAndStays(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mounted...)
	caller := p.Login("owner")
	datasetstest.Create(t, p, caller.Token, "sales")
	c := temporary(t, p, caller.Token, nil)
	_, err := put(t, c, "append/none/_SUCCESS", "")
	wantCode(t, err, "OperationAborted")
	mustPut(t, c, "append/csv/a.csv", "a\n1\n")
	mustPut(t, c, "append/csv/b.csv", "a\n2\n")
	_, err = put(t, c, "append/csv/_SUCCESS", "")
	wantCode(t, err, "InvalidRequest")
	if diff := cmp.Diff([]string{"append/csv/a.csv", "append/csv/b.csv"}, keys(t, c, "sales", "append/", "")); diff != "" {
		t.Error(diff)
	}
	remove(t, c, "append/csv/b.csv")
	if v := mustPut(t, c, "append/csv/_SUCCESS", ""); v != "1" {
		t.Errorf("one file became version %q, want 1", v)
	}

	readOnly := temporary(t, p, caller.Token, map[string]any{"read_only": true})
	_, err = put(t, readOnly, "append/x/a.parquet", "x")
	wantCode(t, err, "AccessDenied")
	for _, key := range []string{"append/a.parquet", "upsert/x/a.parquet", "branch/main/a/b/c.parquet", "3/append/x/a.parquet"} {
		_, err := put(t, c, key, "x")
		wantCode(t, err, "AccessDenied")
	}
	_, err = put(t, c, "branch/other/append/x/a.parquet", "x")
	wantCode(t, err, "NoSuchKey")
	for _, source := range []string{"sales/latest/part-00000.parquet", "other/append/x/a.parquet", "sales"} {
		_, err := c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: aws.String("sales"), Key: aws.String("append/x/a.parquet"), CopySource: &source})
		wantCode(t, err, "AccessDenied", "InvalidArgument")
	}
	missing := "sales/append/x/missing.parquet"
	_, err = c.CopyObject(t.Context(), &awss3.CopyObjectInput{Bucket: aws.String("sales"), Key: aws.String("append/x/a.parquet"), CopySource: &missing})
	wantCode(t, err, "NoSuchKey")
	if out := remove(t, c, "latest/part-00000.parquet", "append/x/none.parquet"); len(out.Errors) != 1 || aws.ToString(out.Errors[0].Code) != "AccessDenied" || len(out.Deleted) != 1 {
		t.Errorf("deleted %v, errors %v", out.Deleted, out.Errors)
	}
}
