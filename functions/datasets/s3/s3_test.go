package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"function/functions/datasets/branches"
	"function/functions/datasets/datasetstest"
	"function/functions/datasets/download"
	"function/functions/datasets/objects"
	"function/functions/datasets/policies"
	"function/functions/datasets/s3"
	s3credentials "function/functions/datasets/s3-credentials"
	"function/functions/datasets/shares"
	"function/functions/datasets/tags"
	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var mounted = append([]function.Declaration{
	s3.Service, s3credentials.Service, download.Service, tags.Service, branches.Service, objects.Service, policies.Service, shares.Service,
}, datasetstest.Lifecycle...)

const credentialsPath = "/v1/datasets/s3/credentials"

type credentials struct {
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
	SessionToken    string `json:"session_token"`
}

// temporary returns a client with temporary credentials.
func temporary(t testing.TB, p *platformtest.Platform, token string, body any) *awss3.Client {
	t.Helper()
	return client(p, platformtest.Decode[credentials](t, p.Do(token, http.MethodPost, credentialsPath, body).Want(t, http.StatusCreated)))
}

func client(p *platformtest.Platform, c credentials) *awss3.Client {
	return awss3.New(awss3.Options{
		Region: "us-east-1", BaseEndpoint: &p.URL, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}, nil
		}),
	})
}

// wantCode checks the code of an error, and that it has a sentence.
func wantCode(t testing.TB, err error, codes ...string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("error %v, want %v", err, codes)
	}
	for _, code := range codes {
		if api.ErrorCode() == code {
			return
		}
	}
	t.Errorf("error %v, want %v", err, codes)
}

func keys(t testing.TB, c *awss3.Client, bucket, prefix, delimiter string) (list []string) {
	t.Helper()
	in := &awss3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix, MaxKeys: aws.Int32(2)}
	if delimiter != "" {
		in.Delimiter = &delimiter
	}
	for pages := awss3.NewListObjectsV2Paginator(c, in); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			list = append(list, *o.Key)
		}
		for _, o := range page.CommonPrefixes {
			list = append(list, *o.Prefix)
		}
	}
	return list
}

func get(t testing.TB, c *awss3.Client, bucket, key, bytes string) (string, *awss3.GetObjectOutput) {
	t.Helper()
	in := &awss3.GetObjectInput{Bucket: &bucket, Key: &key}
	if bytes != "" {
		in.Range = &bytes
	}
	out, err := c.GetObject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), out
}

// sales uploads two versions of a data set, and returns its path.
func sales(t testing.TB, p *platformtest.Platform, token string) string {
	t.Helper()
	d := datasetstest.Create(t, p, token, "Sales_2026")
	datasetstest.Upload(t, p, token, d.ID, "a.csv", "id,region,amount\n1,EU,10\n2,US,20\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 1)
	body, contentType := datasetstest.Form(t, "file", "b.csv", "", "id,region,amount\n3,EU,30\n")
	path := "/v1/datasets/" + d.ID.String()
	p.Do(token, http.MethodPost, path+"/upload?operation=append", strings.NewReader(body), "Content-Type", contentType).Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 2)
	return path
}

func TestList_VersionsTagsAndBranches(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mounted...)
	caller, other := p.Login("owner"), p.Login("owner")
	path := sales(t, p, caller.Token)
	p.Do(caller.Token, http.MethodPut, path+"/tags/first", map[string]any{"version": 1}).Want(t, http.StatusOK)
	c := temporary(t, p, caller.Token, nil)

	buckets, err := c.ListBuckets(t.Context(), nil)
	if err != nil || len(buckets.Buckets) != 1 || *buckets.Buckets[0].Name != "sales-2026" {
		t.Fatalf("buckets %v, %v", buckets, err)
	}
	for _, test := range []struct {
		prefix, delimiter string
		want              []string
	}{
		{"", "/", []string{"1/", "2/", "branch/", "latest/"}},
		{"2", "", []string{"2/_source/file.csv", "2/part-00000.parquet", "2/part-00001.parquet"}},
		{"2/", "/", []string{"2/part-00000.parquet", "2/_source/", "2/part-00001.parquet"}},
		{"latest/p", "", []string{"latest/part-00000.parquet", "latest/part-00001.parquet"}},
		{"branch/", "/", []string{"branch/main/"}},
		{"latest/part-00001.parquet", "", []string{"latest/part-00001.parquet"}},
		{"3", "", nil},
		{"nothing", "/", nil},
		{"", "t-", []string{"1/_source/file.csv", "1/part-", "2/_source/file.csv", "2/part-", "branch/main/_source/file.csv", "branch/main/part-", "latest/_source/file.csv", "latest/part-"}},
	} {
		got := keys(t, c, "sales-2026", test.prefix, test.delimiter)
		got = withoutTags(got)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("prefix %q, delimiter %q: %s", test.prefix, test.delimiter, diff)
		}
	}
	old, err := c.ListObjects(t.Context(), &awss3.ListObjectsInput{Bucket: aws.String("sales-2026"), Delimiter: aws.String("/"), MaxKeys: aws.Int32(1), Marker: aws.String("1/")})
	if err != nil || len(old.CommonPrefixes) != 1 || *old.CommonPrefixes[0].Prefix != "2/" || !*old.IsTruncated || *old.NextMarker != "2/" {
		t.Errorf("ListObjects: %+v, %v", old, err)
	}
	foreign := temporary(t, p, other.Token, nil)
	if buckets, err := foreign.ListBuckets(t.Context(), nil); err != nil || len(buckets.Buckets) != 0 {
		t.Errorf("another organization sees %v, %v", buckets, err)
	}
	id := strings.TrimPrefix(path, "/v1/datasets/")
	for _, bucket := range []string{"sales-2026", id} {
		if _, err := c.HeadBucket(t.Context(), &awss3.HeadBucketInput{Bucket: &bucket}); err != nil {
			t.Errorf("%s: %v", bucket, err)
		}
		_, err := foreign.HeadBucket(t.Context(), &awss3.HeadBucketInput{Bucket: &bucket})
		wantCode(t, err, "NotFound")
		_, err = foreign.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: &bucket, Key: aws.String("1/part-00000.parquet")})
		wantCode(t, err, "NoSuchBucket")
	}
}

func withoutTags(list []string) (left []string) {
	for _, key := range list {
		if !strings.HasPrefix(key, "tag/") {
			left = append(left, key)
		}
	}
	return left
}

func TestGet_RangesAndConditions(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mounted...)
	caller := p.Login("owner")
	path := sales(t, p, caller.Token)
	c := temporary(t, p, caller.Token, map[string]any{"read_only": true})
	uploaded := string(p.Do(caller.Token, http.MethodGet, path+"/download?version=1", nil).Want(t, http.StatusOK).Body)

	whole, out := get(t, c, "sales-2026", "1/_source/file.csv", "")
	if whole != uploaded || *out.VersionId != "1" {
		t.Errorf("file %q of version %s, want %q", whole, *out.VersionId, uploaded)
	}
	parquet, out := get(t, c, "sales-2026", "2/part-00000.parquet", "")
	if !strings.HasPrefix(parquet, "PAR1") || !strings.HasSuffix(parquet, "PAR1") || int64(len(parquet)) != *out.ContentLength {
		t.Errorf("part: %d bytes, %.4q", len(parquet), parquet)
	}
	end := len(parquet)
	for rng, want := range map[string]string{
		"bytes=0-3": "PAR1", "bytes=-4": "PAR1", "bytes=4-99": parquet[4:100],
		fmt.Sprintf("bytes=%d-", end-9): parquet[end-9:], fmt.Sprintf("bytes=%d-%d", end-1, end+9): "1",
	} {
		if got, _ := get(t, c, "sales-2026", "2/part-00000.parquet", rng); got != want {
			t.Errorf("%s: %q, want %q", rng, got, want)
		}
	}
	in := func() *awss3.GetObjectInput {
		return &awss3.GetObjectInput{Bucket: aws.String("sales-2026"), Key: aws.String("latest/part-00000.parquet")}
	}
	wrong := in()
	wrong.Range = aws.String("bytes=999999-")
	_, err := c.GetObject(t.Context(), wrong)
	wantCode(t, err, "InvalidRange")
	known := in()
	known.IfNoneMatch = out.ETag
	_, err = c.GetObject(t.Context(), known)
	wantCode(t, err, "NotModified")
	other := in()
	other.IfMatch = aws.String(`"other"`)
	_, err = c.GetObject(t.Context(), other)
	wantCode(t, err, "PreconditionFailed")
	head, err := c.HeadObject(t.Context(), &awss3.HeadObjectInput{Bucket: in().Bucket, Key: in().Key})
	if err != nil || *head.ContentLength != int64(end) || *head.ETag != *out.ETag {
		t.Errorf("head %+v, %v", head, err)
	}
	_, err = c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: in().Bucket, Key: aws.String("9/part-00000.parquet")})
	wantCode(t, err, "NoSuchKey")

	presigned, err := awss3.NewPresignClient(c).PresignGetObject(t.Context(), in())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get(presigned.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got, err := io.ReadAll(answer.Body); err != nil || string(got) != parquet {
		t.Errorf("presigned: %d, %d bytes, %v", answer.StatusCode, len(got), err)
	}
	var entries int
	if err := p.DB(database.Datasets).QueryRow(t.Context(), `SELECT count(*) FROM audit_entries WHERE action = 'datasets:download' AND detail ->> 'by' = 's3'`).Scan(&entries); err != nil || entries != 3 {
		t.Errorf("%d audit entries (%v), want one for each object", entries, err)
	}
}

func TestSignature_OfOthers_IsRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mounted...)
	caller := p.Login("owner")
	sales(t, p, caller.Token)
	issued := platformtest.Decode[credentials](t, p.Do(caller.Token, http.MethodPost, credentialsPath, nil).Want(t, http.StatusCreated))
	wrong, mixed, invented := issued, issued, issued
	wrong.SecretAccessKey = "wrong"
	mixed.SessionToken = platformtest.Decode[credentials](t, p.Do(caller.Token, http.MethodPost, credentialsPath, nil)).SessionToken
	invented.AccessKeyID, invented.SessionToken = "AKIAIOSFODNN7EXAMPLE", ""
	for want, c := range map[string]credentials{"SignatureDoesNotMatch": wrong, "InvalidToken": mixed, "InvalidAccessKeyId": invented} {
		_, err := client(p, c).ListBuckets(t.Context(), nil)
		wantCode(t, err, want)
	}
	// Signed with one's own credentials, but naming those of somebody else.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/sales-2026?X-Amz-Signature=0&X-Amz-Credential="+issued.AccessKeyID+"/20261130/us-east-1/s3/aws4_request", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x/20261130/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("signed twice: %d", answer.StatusCode)
	}
}

func TestCredentials_OfAPIKey_EndWithIt(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mounted...)
	caller := p.Login("owner")
	sales(t, p, caller.Token)
	program := p.ServiceAccount(caller.OrganizationID, "datasets:read")
	show := func() credentials {
		return platformtest.Decode[credentials](t, p.Do(program.Token, http.MethodGet, credentialsPath, nil).Want(t, http.StatusOK))
	}
	p.Do(caller.Token, http.MethodGet, credentialsPath, nil).Want(t, http.StatusUnprocessableEntity)
	c := client(p, show())
	if diff := cmp.Diff(show(), show()); diff != "" {
		t.Error(diff)
	}
	if got, _ := get(t, c, "sales-2026", "latest/_source/file.csv", ""); got == "" {
		t.Error("nothing was read")
	}
	_, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("sales-2026"), Key: aws.String("latest/a.csv"), Body: strings.NewReader("a\n1\n")})
	wantCode(t, err, "AccessDenied")
	narrow := temporary(t, p, program.Token, map[string]any{"duration_seconds": 60})
	if _, err := narrow.ListBuckets(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if _, err := p.DB(database.Users).Exec(t.Context(), `UPDATE api_keys SET revoked_at = now() WHERE id = $1`, program.SessionID); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*awss3.Client{c, narrow} {
		datasetstest.WaitFor(t, "the key to end", func() bool {
			_, err = c.ListBuckets(t.Context(), nil)
			return err != nil
		})
		wantCode(t, err, "InvalidAccessKeyId")
	}
}

func TestCredentials_Limits(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mounted...)
	caller := p.Login("owner")
	path := sales(t, p, caller.Token)
	datasetstest.Create(t, p, caller.Token, "secret-plans")
	c := temporary(t, p, caller.Token, map[string]any{"dataset_id": strings.TrimPrefix(path, "/v1/datasets/"), "read_only": true})
	buckets, err := c.ListBuckets(t.Context(), nil)
	if err != nil || len(buckets.Buckets) != 1 {
		t.Errorf("buckets %+v, %v", buckets, err)
	}
	_, err = c.ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: aws.String("secret-plans")})
	wantCode(t, err, "NoSuchBucket")
	_, err = c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("sales-2026"), Key: aws.String("latest/a.csv"), Body: strings.NewReader("a\n1\n")})
	wantCode(t, err, "AccessDenied")
	p.Do(caller.Token, http.MethodPost, credentialsPath, map[string]any{"dataset_id": "01900000-0000-7000-8000-000000000000"}).Want(t, http.StatusNotFound)
	p.Do(caller.Token, http.MethodPost, credentialsPath, map[string]any{"duration_seconds": 3601}).Want(t, http.StatusUnprocessableEntity)
}

func TestPut_MakesAVersion(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mounted...)
	caller := p.Login("owner")
	path := sales(t, p, caller.Token)
	c := temporary(t, p, caller.Token, nil)
	put := func(key, content string, metadata map[string]string) (*awss3.PutObjectOutput, error) {
		return c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("sales-2026"), Key: &key, Body: strings.NewReader(content), Metadata: metadata})
	}
	out, err := put("latest/more.csv", "id,region,amount\n3,EU,31\n4,US,40\n", map[string]string{"operation": "upsert", "key": "id", "message": "April", "mtime": "1"})
	if err != nil || *out.VersionId != "3" {
		t.Fatalf("%+v, %v", out, err)
	}
	datasetstest.Profile(t, p, 3)
	rows := string(p.Do(caller.Token, http.MethodGet, path+"/download?format=csv", nil).Want(t, http.StatusOK).Body)
	if strings.NewReplacer(`"`, "", "\r", "").Replace(rows) != "id,region,amount\n1,EU,10\n2,US,20\n3,EU,31\n4,US,40\n" {
		t.Errorf("rows %s", rows)
	}
	for key, test := range map[string]struct {
		content  string
		metadata map[string]string
		codes    []string
	}{
		"latest/a.csv":          {"a\n1\n", map[string]string{"operation": "remove"}, []string{"InvalidRequest"}},
		"latest/b.csv":          {"a\n1\n", map[string]string{"operation": "upsert"}, []string{"InvalidRequest"}},
		"latest/empty.csv":      {"", nil, []string{"InvalidRequest"}},
		"latest/x.parquet":      {"PAR1 that is cut off", nil, []string{"InvalidRequest"}},
		"latest/x.xlsx":         {"PK\x03\x04", nil, []string{"InvalidRequest"}},
		"1/a.csv":               {"a\n1\n", nil, []string{"AccessDenied"}},
		"tag/x/a.csv":           {"a\n1\n", nil, []string{"AccessDenied"}},
		"latest/deeper/a.csv":   {"a\n1\n", nil, []string{"AccessDenied"}},
		"branch/nothing/a.csv":  {"a\n1\n", nil, []string{"NoSuchKey"}},
		"objects/a.csv":         {"a\n1\n", nil, []string{"AccessDenied"}},
		"latest/operation.json": {`[{"a":1}]`, map[string]string{"reading": "{"}, []string{"InvalidRequest"}},
	} {
		_, err := put(key, test.content, test.metadata)
		wantCode(t, err, test.codes...)
	}
	_, err = c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("sales-2026"), Key: aws.String("latest/sum.csv"), Body: strings.NewReader("a\n1\n"), ChecksumSHA256: aws.String("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")})
	wantCode(t, err, "BadDigest", "XAmzContentChecksumMismatch", "InvalidRequest")
	if n := datasetstest.Count(t, p, `SELECT newest_version FROM datasets`); n != 3 {
		t.Errorf("newest version %d after refusals, want 3", n)
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM upload_parts`); n != 0 {
		t.Errorf("%d parts are left", n)
	}
}

func TestMultipart_MakesAVersion(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mounted...)
	caller := p.Login("owner")
	path := sales(t, p, caller.Token)
	c := temporary(t, p, caller.Token, nil)
	bucket, key := aws.String("sales-2026"), aws.String("latest/big.csv")
	var content bytes.Buffer
	content.WriteString("id,region,amount\n")
	for i := 0; content.Len() < 11<<20; i++ {
		fmt.Fprintf(&content, "%d,EU,%d\n", i, i*7)
	}
	began, err := c.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	part := func(number int32, body []byte) types.CompletedPart {
		out, err := c.UploadPart(t.Context(), &awss3.UploadPartInput{Bucket: bucket, Key: key, UploadId: began.UploadId, PartNumber: &number, Body: bytes.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		return types.CompletedPart{PartNumber: &number, ETag: out.ETag}
	}
	all := content.Bytes()
	last := part(3, all[10<<20:])
	replaced := part(1, []byte("wrong"))
	first := part(1, all[:5<<20])
	second := part(2, all[5<<20:10<<20])
	complete := func(parts ...types.CompletedPart) (*awss3.CompleteMultipartUploadOutput, error) {
		return c.CompleteMultipartUpload(t.Context(), &awss3.CompleteMultipartUploadInput{Bucket: bucket, Key: key, UploadId: began.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	}
	_, err = complete(replaced, second, last)
	wantCode(t, err, "InvalidPart")
	_, err = complete(second, first, last)
	wantCode(t, err, "InvalidPartOrder")
	listed, err := c.ListParts(t.Context(), &awss3.ListPartsInput{Bucket: bucket, Key: key, UploadId: began.UploadId})
	if err != nil || len(listed.Parts) != 3 || *listed.Parts[0].Size != 5<<20 {
		t.Fatalf("%+v, %v", listed, err)
	}
	running, err := c.ListMultipartUploads(t.Context(), &awss3.ListMultipartUploadsInput{Bucket: bucket})
	if err != nil || len(running.Uploads) != 1 {
		t.Errorf("%+v, %v", running, err)
	}
	out, err := complete(first, second, last)
	if err != nil || *out.VersionId != "3" || !strings.HasSuffix(*out.ETag, `-3"`) {
		t.Fatalf("%+v, %v", out, err)
	}
	_, err = complete(first, second, last)
	wantCode(t, err, "NoSuchUpload")
	datasetstest.Profile(t, p, 3)
	if got, _ := get(t, c, "sales-2026", "latest/_source/file.csv", ""); got != content.String() {
		t.Errorf("%d bytes are read, want %d", len(got), content.Len())
	}
	if got := p.Do(caller.Token, http.MethodGet, path+"/download", nil).Want(t, http.StatusOK); string(got.Body) != content.String() {
		t.Errorf("%d bytes are downloaded", len(got.Body))
	}

	began, err = c.CreateMultipartUpload(t.Context(), &awss3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	part(1, []byte("a\n1\n"))
	if _, err := c.AbortMultipartUpload(t.Context(), &awss3.AbortMultipartUploadInput{Bucket: bucket, Key: key, UploadId: began.UploadId}); err != nil {
		t.Fatal(err)
	}
	if n := datasetstest.Count(t, p, `SELECT (SELECT count(*) FROM s3_uploads) + (SELECT count(*) FROM upload_parts) + (SELECT count(*) FROM staged_objects)`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func TestPolicy_LimitsWhatIsRead(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mounted...)
	caller := p.Login("owner")
	path := sales(t, p, caller.Token)
	c := temporary(t, p, caller.Token, nil)
	whole, _ := get(t, c, "sales-2026", "1/part-00000.parquet", "")
	p.Do(caller.Token, http.MethodPut, path+"/policies/eu", map[string]any{"filter": "region = 'EU'", "masks": []any{map[string]any{"column": "amount", "with": "null"}}}).Want(t, http.StatusOK)

	if diff := cmp.Diff([]string{"latest/part-00000.parquet"}, keys(t, c, "sales-2026", "latest/", "")); diff != "" {
		t.Error(diff)
	}
	_, err := c.GetObject(t.Context(), &awss3.GetObjectInput{Bucket: aws.String("sales-2026"), Key: aws.String("1/_source/file.csv")})
	wantCode(t, err, "NoSuchKey")
	seen, out := get(t, c, "sales-2026", "1/part-00000.parquet", "")
	if seen == whole || !strings.HasPrefix(seen, "PAR1") || int64(len(seen)) != *out.ContentLength {
		t.Errorf("%d bytes, want the view", len(seen))
	}
	body, contentType := datasetstest.Form(t, "file", "seen.parquet", "", seen)
	copied := datasetstest.Create(t, p, caller.Token, "seen")
	datasetstest.Send(p, caller.Token, copied.ID, body, contentType).Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, 3)
	rows := string(p.Do(caller.Token, http.MethodGet, "/v1/datasets/"+copied.ID.String()+"/download?format=csv", nil).Want(t, http.StatusOK).Body)
	if strings.NewReplacer(`"`, "", "\r", "").Replace(rows) != "id,region,amount\n1,EU,\n" {
		t.Errorf("rows %q", rows)
	}
}

func TestObjects_AreReadByName(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mounted...)
	caller := p.Login("owner")
	d := platformtest.Decode[struct{ ID string }](t, p.Do(caller.Token, http.MethodPost, "/v1/datasets", map[string]any{"name": "pictures", "kind": "objects", "storage_type": "local"}).Want(t, http.StatusCreated))
	for _, name := range []string{"a/1.txt", "a/2.txt", "b.txt", "ü.txt"} {
		p.Do(caller.Token, http.MethodPut, "/v1/datasets/"+d.ID+"/objects/"+url.PathEscape(name), strings.NewReader("of "+name), "Content-Type", "text/plain").Want(t, http.StatusCreated)
	}
	c := temporary(t, p, caller.Token, nil)
	for _, test := range []struct {
		prefix, delimiter string
		want              []string
	}{
		{"", "/", []string{"objects/"}},
		{"objects/", "/", []string{"objects/a/", "objects/b.txt", "objects/ü.txt"}},
		{"", "", []string{"objects/a/1.txt", "objects/a/2.txt", "objects/b.txt", "objects/ü.txt"}},
		{"objects/a", "", []string{"objects/a/1.txt", "objects/a/2.txt"}},
		{"other", "", nil},
	} {
		got := keys(t, c, "pictures", test.prefix, test.delimiter)
		seen := map[string]bool{}
		for _, key := range got {
			seen[key] = true
		}
		if len(got) != len(test.want) {
			t.Errorf("prefix %q, delimiter %q: %v", test.prefix, test.delimiter, got)
		}
		for _, key := range test.want {
			if !seen[key] {
				t.Errorf("prefix %q, delimiter %q: %v lack %s", test.prefix, test.delimiter, got, key)
			}
		}
	}
	if got, out := get(t, c, "pictures", "objects/ü.txt", ""); got != "of ü.txt" || *out.ContentType != "text/plain" {
		t.Errorf("%q of type %s", got, *out.ContentType)
	}
	_, err := c.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: aws.String("pictures"), Key: aws.String("objects/x"), Body: strings.NewReader("x")})
	wantCode(t, err, "AccessDenied")
}

func TestChanges_ThatAreNotVersions_AreRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mounted...)
	caller := p.Login("owner")
	sales(t, p, caller.Token)
	c := temporary(t, p, caller.Token, nil)
	ctx, bucket, key := t.Context(), aws.String("sales-2026"), aws.String("1/part-00000.parquet")
	for what, do := range map[string]func() error{
		"delete": func() error {
			_, err := c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: bucket, Key: key})
			return err
		},
		"delete several": func() error {
			out, err := c.DeleteObjects(ctx, &awss3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: key}}}})
			if err == nil && len(out.Errors) == 1 {
				return &smithy.GenericAPIError{Code: *out.Errors[0].Code, Message: *out.Errors[0].Message}
			}
			return err
		},
		"create bucket": func() error {
			_, err := c.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: aws.String("new")})
			return err
		},
		"delete bucket": func() error { _, err := c.DeleteBucket(ctx, &awss3.DeleteBucketInput{Bucket: bucket}); return err },
		"copy": func() error {
			_, err := c.CopyObject(ctx, &awss3.CopyObjectInput{Bucket: bucket, Key: aws.String("latest/x"), CopySource: aws.String("sales-2026/1/part-00000.parquet")})
			return err
		},
		"tag": func() error {
			_, err := c.PutObjectTagging(ctx, &awss3.PutObjectTaggingInput{Bucket: bucket, Key: key, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}})
			return err
		},
		"policy": func() error {
			_, err := c.PutBucketPolicy(ctx, &awss3.PutBucketPolicyInput{Bucket: bucket, Policy: aws.String("{}")})
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			wantCode(t, do(), "AccessDenied", "NotImplemented", "MalformedPolicy", "MethodNotAllowed")
		})
	}
	if got, _ := get(t, c, "sales-2026", *key, ""); got == "" {
		t.Error("the object is gone")
	}
}
