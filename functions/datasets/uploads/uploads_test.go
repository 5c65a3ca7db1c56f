package uploads_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/download"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/uploads"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{uploads.Service, download.Service}, datasetstest.Lifecycle...)

// client is a client of the protocol for one data set.
type client struct {
	t     testing.TB
	p     *platformtest.Platform
	token string
	d     dataset.Dataset
}

func newClient(t testing.TB) *client {
	return newClientOf(t, platformtest.New(t, walk...))
}

func newClientOf(t testing.TB, p *platformtest.Platform) *client {
	caller := p.Login("owner")
	return &client{t, p, caller.Token, datasetstest.Create(t, p, caller.Token, "resumed")}
}

// send sends a request with the version of the protocol; headers may replace it.
func (c *client) send(method, path, body string, headers ...string) platformtest.Answer {
	c.t.Helper()
	return c.p.Do(c.token, method, path, body, append([]string{"Tus-Resumable", "1.0.0", "Content-Type", "application/offset+octet-stream"}, headers...)...)
}

// metadata returns Upload-Metadata for the data set.
func (c *client) metadata(pairs ...string) string {
	pairs = append([]string{"dataset_id", c.d.ID.String()}, pairs...)
	var encoded []string
	for i := 0; i+1 < len(pairs); i += 2 {
		encoded = append(encoded, pairs[i]+" "+base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
	}
	return strings.Join(encoded, ",")
}

// create starts an upload and returns its path.
func (c *client) create(length int, headers ...string) string {
	c.t.Helper()
	headers = append([]string{"Upload-Length", strconv.Itoa(length), "Upload-Metadata", c.metadata("filename", "a.csv")}, headers...)
	return c.send(http.MethodPost, "/v1/uploads", "", headers...).Want(c.t, http.StatusCreated).Header.Get("Location")
}

func (c *client) patch(path string, offset int, body string, headers ...string) platformtest.Answer {
	c.t.Helper()
	return c.send(http.MethodPatch, path, body, append([]string{"Upload-Offset", strconv.Itoa(offset)}, headers...)...)
}

// wantOffset fails the test unless HEAD tells the offset.
func (c *client) wantOffset(path string, want int) platformtest.Answer {
	c.t.Helper()
	head := c.send(http.MethodHead, path, "").Want(c.t, http.StatusOK)
	if got := head.Header.Get("Upload-Offset"); got != strconv.Itoa(want) {
		c.t.Fatalf("Upload-Offset %s, want %d", got, want)
	}
	return head
}

// wantVersion fails the test unless the response announces the version and its file is content.
func (c *client) wantVersion(a platformtest.Answer, version int, content string) {
	c.t.Helper()
	if got := a.Header.Get("Dataset-Version"); got != strconv.Itoa(version) {
		c.t.Fatalf("Dataset-Version %q, want %d", got, version)
	}
	file := c.p.Do(c.token, http.MethodGet, fmt.Sprintf("/v1/datasets/%s/download?version=%d", c.d.ID, version), nil).Want(c.t, http.StatusOK)
	sum := sha256.Sum256([]byte(content))
	if string(file.Body) != content || file.Header.Get("ETag") != `"`+hex.EncodeToString(sum[:])+`"` {
		c.t.Fatalf("version %d has %d bytes and the ETag %s, want %d bytes and %x", version, len(file.Body), file.Header.Get("ETag"), len(content), sum)
	}
}

func TestUploads_SeveralRequests_MakeAVersion(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	content := datasetstest.Testdata(t, "seattle-weather.csv")
	sum := sha256.Sum256([]byte(content))
	path := c.create(len(content), "Upload-Metadata", c.metadata("filename", "weather.csv", "message", "new", "sha256", hex.EncodeToString(sum[:])))

	c.wantOffset(path, 0)
	for _, part := range [][2]int{{0, 10}, {10, 11}, {11, 20000}} {
		answer := c.patch(path, part[0], content[part[0]:part[1]]).Want(t, http.StatusNoContent)
		if answer.Header.Get("Upload-Offset") != strconv.Itoa(part[1]) || answer.Header.Get("Dataset-Version") != "" {
			t.Fatalf("the answer to %v has the header %v", part, answer.Header)
		}
		c.wantOffset(path, part[1])
	}
	last := c.patch(path, 20000, content[20000:]).Want(t, http.StatusNoContent)

	c.wantVersion(last, 1, content)
	c.wantVersion(c.wantOffset(path, len(content)), 1, content)
	state := platformtest.Decode[uploads.State](t, c.send(http.MethodGet, path, "").Want(t, http.StatusOK))
	if state.Status != "complete" || state.Version == nil || *state.Version != 1 || state.Offset != int64(len(content)) {
		t.Errorf("state %+v", state)
	}
	if published := platformtest.Published[events.DatasetUploaded](c.p, 1)[0].Data; published.Version != 1 || published.Bytes != int64(len(content)) {
		t.Errorf("event %+v", published)
	}
	datasetstest.Profile(t, c.p, 1)
	if d := datasetstest.Get(t, c.p, c.token, c.d.ID); d.Status != dataset.Ready || *d.RowCount != 1461 {
		t.Errorf("the data set is %s with %v rows, want 1461", d.Status, d.RowCount)
	}
	for _, table := range []string{"staged_objects", "upload_parts"} {
		if n := datasetstest.Count(t, c.p, `SELECT count(*) FROM `+table); n != 0 {
			t.Errorf("%d rows in %s after the upload", n, table)
		}
	}
	ranged := c.p.Do(c.token, http.MethodGet, fmt.Sprintf("/v1/datasets/%s/download", c.d.ID), nil, "Range", "bytes=5-20009").Want(t, http.StatusPartialContent)
	if string(ranged.Body) != content[5:20010] {
		t.Errorf("a range over several parts has %d bytes and differs", len(ranged.Body))
	}
}

// TestProtocol checks the requirements of tus 1.0 that one request can check. Each name is the
// requirement.
func TestProtocol(t *testing.T) {
	t.Parallel()
	p := platformtest.NewWith(t, func(c *function.Config) { c.MaxUploadBytes = 1000 }, walk...)
	c := newClientOf(t, p)
	meta := c.metadata("filename", "a.csv")
	half := func() string { // an upload of 4 bytes, of which 2 have arrived
		path := c.create(4)
		c.patch(path, 0, "a\n").Want(t, http.StatusNoContent)
		return path
	}
	for _, test := range []struct {
		name         string
		method, path string
		body         string
		headers      []string
		status       int
		want         []string // header fields; an empty value: the field is absent
	}{
		{"OPTIONS tells version, extensions, size and algorithms", "OPTIONS", "/v1/uploads", "", []string{"Tus-Resumable", ""}, 204,
			[]string{"Tus-Resumable", "1.0.0", "Tus-Version", "1.0.0", "Tus-Max-Size", "1000", "Tus-Checksum-Algorithm", "md5,sha1,sha256,sha512",
				"Tus-Extension", "creation,creation-with-upload,creation-defer-length,checksum,expiration,concatenation,termination"}},
		{"OPTIONS of an upload tells the same", "OPTIONS", "/v1/uploads/" + uuid.NewString(), "", []string{"Tus-Resumable", "7.0"}, 204, []string{"Tus-Version", "1.0.0"}},
		{"a request of another version is refused and not processed", "POST", "/v1/uploads", "", []string{"Tus-Resumable", "0.2.2", "Upload-Length", "4", "Upload-Metadata", meta}, 412, []string{"Tus-Version", "1.0.0", "Tus-Resumable", "1.0.0", "Location", ""}},
		{"a request without a version is refused", "POST", "/v1/uploads", "", []string{"Tus-Resumable", "", "Upload-Length", "4", "Upload-Metadata", meta}, 412, []string{"Tus-Version", "1.0.0"}},
		{"PATCH of another version is refused", "PATCH", half(), "1\n", []string{"Tus-Resumable", "2.0.0", "Upload-Offset", "2"}, 412, []string{"Tus-Version", "1.0.0"}},
		{"HEAD of another version is refused", "HEAD", half(), "", []string{"Tus-Resumable", "2.0.0"}, 412, []string{"Tus-Version", "1.0.0"}},
		{"DELETE of another version is refused", "DELETE", half(), "", []string{"Tus-Resumable", "2.0.0"}, 412, []string{"Tus-Version", "1.0.0"}},
		{"refusals tell the version", "HEAD", half(), "", []string{"Authorization", "Bearer none"}, 401, []string{"Tus-Resumable", "1.0.0"}},

		{"HEAD tells the offset, the length and the metadata, and is not cached", "HEAD", half(), "", nil, 200, []string{"Upload-Offset", "2", "Upload-Length", "4", "Upload-Metadata", meta, "Cache-Control", "no-store", "Upload-Defer-Length", ""}},
		{"HEAD of an unknown upload has no offset", "HEAD", "/v1/uploads/" + uuid.NewString(), "", nil, 404, []string{"Upload-Offset", "", "Cache-Control", "no-store"}},
		{"PATCH of an unknown upload", "PATCH", "/v1/uploads/" + uuid.NewString(), "a", []string{"Upload-Offset", "0"}, 404, nil},
		{"PATCH with another Content-Type", "PATCH", half(), "1\n", []string{"Content-Type", "text/csv", "Upload-Offset", "2"}, 415, nil},
		{"PATCH with an offset before the upload's", "PATCH", half(), "1\n", []string{"Upload-Offset", "0"}, 409, nil},
		{"PATCH with an offset after the upload's", "PATCH", half(), "1\n", []string{"Upload-Offset", "3"}, 409, nil},
		{"PATCH without an offset", "PATCH", half(), "1\n", nil, 400, nil},
		{"PATCH with a negative offset", "PATCH", half(), "1\n", []string{"Upload-Offset", "-2"}, 400, nil},
		{"PATCH with an offset that is no integer", "PATCH", half(), "1\n", []string{"Upload-Offset", "2.0"}, 400, nil},
		{"PATCH tells the new offset", "PATCH", half(), "1", []string{"Upload-Offset", "2"}, 204, []string{"Upload-Offset", "3", "Tus-Resumable", "1.0.0"}},
		{"PATCH with more bytes than the length", "PATCH", half(), "1\n2", []string{"Upload-Offset", "2"}, 413, nil},
		{"POST in place of PATCH", "POST", half(), "1", []string{"X-HTTP-Method-Override", "PATCH", "Upload-Offset", "2"}, 204, []string{"Upload-Offset", "3"}},
		{"POST in place of HEAD", "POST", half(), "", []string{"X-HTTP-Method-Override", "HEAD"}, 200, []string{"Upload-Offset", "2"}},
		{"POST in place of DELETE", "POST", half(), "", []string{"X-HTTP-Method-Override", "DELETE"}, 204, nil},
		{"POST in place of nothing", "POST", half(), "", nil, 400, nil},

		{"creation: 201 with Location and Upload-Expires", "POST", "/v1/uploads", "", []string{"Upload-Length", "4", "Upload-Metadata", meta}, 201, []string{"Upload-Offset", "0"}},
		{"creation: a length over Tus-Max-Size", "POST", "/v1/uploads", "", []string{"Upload-Length", "1001", "Upload-Metadata", meta}, 413, []string{"Location", ""}},
		{"creation: no length", "POST", "/v1/uploads", "", []string{"Upload-Metadata", meta}, 400, nil},
		{"creation: a negative length", "POST", "/v1/uploads", "", []string{"Upload-Length", "-1", "Upload-Metadata", meta}, 400, nil},
		{"creation: an empty file", "POST", "/v1/uploads", "", []string{"Upload-Length", "0", "Upload-Metadata", meta}, 422, nil},
		{"creation: a length that does not fit", "POST", "/v1/uploads", "", []string{"Upload-Length", "99999999999999999999", "Upload-Metadata", meta}, 400, nil},
		{"creation: no metadata", "POST", "/v1/uploads", "", []string{"Upload-Length", "4"}, 422, nil},
		{"creation: metadata that is not Base64", "POST", "/v1/uploads", "", []string{"Upload-Length", "4", "Upload-Metadata", meta + ",message ?"}, 400, nil},
		{"creation: metadata with a repeated key", "POST", "/v1/uploads", "", []string{"Upload-Length", "4", "Upload-Metadata", meta + "," + meta}, 400, nil},
		{"creation: metadata with an empty key", "POST", "/v1/uploads", "", []string{"Upload-Length", "4", "Upload-Metadata", meta + ","}, 400, nil},
		{"creation: metadata with a value that is empty", "POST", "/v1/uploads", "", []string{"Upload-Length", "4", "Upload-Metadata", meta + ",message"}, 201, nil},
		{"creation: metadata with an unknown key", "POST", "/v1/uploads", "", []string{"Upload-Length", "4", "Upload-Metadata", c.metadata("brnach", "main")}, 422, nil},
		{"creation: an unknown data set", "POST", "/v1/uploads", "", []string{"Upload-Length", "4", "Upload-Metadata", strings.ReplaceAll(meta, c.metadata(), "dataset_id "+base64.StdEncoding.EncodeToString([]byte(uuid.NewString())))}, 404, nil},
		{"creation: an unknown branch", "POST", "/v1/uploads", "", []string{"Upload-Length", "4", "Upload-Metadata", c.metadata("branch", "other")}, 404, nil},
		{"creation: a branch with a bad name", "POST", "/v1/uploads", "", []string{"Upload-Length", "4", "Upload-Metadata", c.metadata("branch", "../x")}, 422, nil},
		{"creation: an unknown operation", "POST", "/v1/uploads", "", []string{"Upload-Length", "4", "Upload-Metadata", c.metadata("operation", "restore")}, 422, nil},
		{"creation: an upsert without a key", "POST", "/v1/uploads", "", []string{"Upload-Length", "4", "Upload-Metadata", c.metadata("operation", "upsert")}, 422, nil},
		{"creation: wrong reading options", "POST", "/v1/uploads", "", []string{"Upload-Length", "4", "Upload-Metadata", c.metadata("reading", `{"delimeter": ";"}`)}, 422, nil},
		{"creation: an invalid SHA-256", "POST", "/v1/uploads", "", []string{"Upload-Length", "4", "Upload-Metadata", c.metadata("sha256", "abc")}, 422, nil},
		{"creation: a message that cannot be stored", "POST", "/v1/uploads", "", []string{"Upload-Length", "4", "Upload-Metadata", c.metadata("message", "a\x00b")}, 422, nil},
		{"creation-with-upload: the first bytes", "POST", "/v1/uploads", "a\n", []string{"Upload-Length", "4", "Upload-Metadata", meta}, 201, []string{"Upload-Offset", "2"}},
		{"creation-with-upload: the whole file", "POST", "/v1/uploads", "a\n1\n", []string{"Upload-Length", "4", "Upload-Metadata", meta}, 201, []string{"Upload-Offset", "4", "Dataset-Version", "1", "Upload-Expires", ""}},
		{"creation-with-upload: more than the length", "POST", "/v1/uploads", "a\n1\n2", []string{"Upload-Length", "4", "Upload-Metadata", meta}, 413, []string{"Location", ""}},
		{"creation-defer-length: only 1", "POST", "/v1/uploads", "", []string{"Upload-Defer-Length", "2", "Upload-Metadata", meta}, 400, nil},
		{"creation-defer-length: not with a length", "POST", "/v1/uploads", "", []string{"Upload-Defer-Length", "1", "Upload-Length", "4", "Upload-Metadata", meta}, 400, nil},

		{"expiration: PATCH tells when", "PATCH", half(), "1", []string{"Upload-Offset", "2"}, 204, []string{"Upload-Offset", "3"}},
		{"checksum: an unknown algorithm", "PATCH", half(), "1\n", []string{"Upload-Offset", "2", "Upload-Checksum", "crc32 AAAA"}, 400, nil},
		{"checksum: not Base64", "PATCH", half(), "1\n", []string{"Upload-Offset", "2", "Upload-Checksum", "sha1 ?"}, 400, nil},
		{"concatenation: neither partial nor final", "POST", "/v1/uploads", "", []string{"Upload-Concat", "half", "Upload-Length", "4", "Upload-Metadata", meta}, 400, nil},
		{"concatenation: a final upload of nothing", "POST", "/v1/uploads", "", []string{"Upload-Concat", "final;", "Upload-Metadata", meta}, 400, nil},
		{"concatenation: a final upload with a length", "POST", "/v1/uploads", "", []string{"Upload-Concat", "final;" + half(), "Upload-Length", "4", "Upload-Metadata", meta}, 400, nil},
		{"concatenation: of something else", "POST", "/v1/uploads", "", []string{"Upload-Concat", "final;/v1/datasets", "Upload-Metadata", meta}, 400, nil},
		{"concatenation: of an upload that is not partial", "POST", "/v1/uploads", "", []string{"Upload-Concat", "final;" + half(), "Upload-Metadata", meta}, 409, nil},
		{"termination: 204", "DELETE", half(), "", nil, 204, []string{"Tus-Resumable", "1.0.0"}},
		{"termination: of an unknown upload", "DELETE", "/v1/uploads/" + uuid.NewString(), "", nil, 404, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &client{t, p, c.token, c.d}
			answer := c.send(test.method, test.path, test.body, test.headers...)
			if answer.Status != test.status {
				t.Fatalf("status %d, want %d\n%s", answer.Status, test.status, answer.Body)
			}
			for i := 0; i < len(test.want); i += 2 {
				if got := answer.Header.Get(test.want[i]); got != test.want[i+1] {
					t.Errorf("%s: %q, want %q", test.want[i], got, test.want[i+1])
				}
			}
			if location := answer.Header.Get("Location"); (test.status == http.StatusCreated) != strings.HasPrefix(location, "/v1/uploads/") {
				t.Errorf("Location %q", location)
			}
		})
	}
}

func TestUploads_DeferredLength_IsSetOnce(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	path := c.send(http.MethodPost, "/v1/uploads", "", "Upload-Defer-Length", "1", "Upload-Metadata", c.metadata("filename", "a.csv")).Want(t, http.StatusCreated).Header.Get("Location")
	c.patch(path, 0, "a\n").Want(t, http.StatusNoContent)
	head := c.wantOffset(path, 2)
	if head.Header.Get("Upload-Defer-Length") != "1" || head.Header.Get("Upload-Length") != "" {
		t.Errorf("header %v of an upload without a length", head.Header)
	}

	c.patch(path, 2, "1", "Upload-Length", "1").Want(t, http.StatusUnprocessableEntity)
	c.patch(path, 2, "1", "Upload-Length", "4").Want(t, http.StatusNoContent)
	c.patch(path, 3, "\n", "Upload-Length", "5").Want(t, http.StatusUnprocessableEntity)

	if head := c.wantOffset(path, 3); head.Header.Get("Upload-Length") != "4" || head.Header.Get("Upload-Defer-Length") != "" {
		t.Errorf("header %v of an upload whose length is known", head.Header)
	}
	c.wantVersion(c.patch(path, 3, "\n").Want(t, http.StatusNoContent), 1, "a\n1\n")

	// The length may also come when all bytes have arrived.
	path = c.send(http.MethodPost, "/v1/uploads", "a\n2\n", "Upload-Defer-Length", "1", "Upload-Metadata", c.metadata("filename", "a.csv")).Want(t, http.StatusCreated).Header.Get("Location")
	c.wantVersion(c.patch(path, 4, "", "Upload-Length", "4").Want(t, http.StatusNoContent), 2, "a\n2\n")
}

func TestUploads_Checksum_DecidesWhetherBytesAreStored(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	const content = "a,b\n1,2\n"
	sums := map[string][]byte{}
	for name, sum := range map[string]func([]byte) []byte{
		"sha1":   func(b []byte) []byte { s := sha1.Sum(b); return s[:] },
		"md5":    func(b []byte) []byte { s := md5.Sum(b); return s[:] },
		"sha256": func(b []byte) []byte { s := sha256.Sum256(b); return s[:] },
	} {
		sums[name] = sum([]byte(content[4:]))
	}
	version := 0
	for name, sum := range sums {
		path := c.create(len(content))
		c.patch(path, 0, content[:4]).Want(t, http.StatusNoContent)
		stored := datasetstest.Objects(t, c.p)
		right := name + " " + base64.StdEncoding.EncodeToString(sum)

		c.patch(path, 4, "9,9\n", "Upload-Checksum", right).Want(t, 460)

		c.wantOffset(path, 4)
		if n := datasetstest.Objects(t, c.p); n != stored {
			t.Errorf("%d objects after a wrong checksum, want %d", n, stored)
		}
		version++
		c.wantVersion(c.patch(path, 4, content[4:], "Upload-Checksum", right).Want(t, http.StatusNoContent), version, content)
	}
}

func TestUploads_RefusedFile_FailsWithASentence(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for name, test := range map[string]struct {
		content string
		pairs   []string
		status  int
	}{
		"another hash":      {"a\n1\n", []string{"sha256", strings.Repeat("0", 64)}, 422},
		"an Excel workbook": {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00", nil, 415},
		"a cut Parquet":     {"PAR1\x15\x04\x15\x00\x15\x04\x00PAR", []string{"filename", "a.parquet"}, 422},
		"other options":     {`[{"a": 1}]`, []string{"reading", `{"delimiter": ";"}`, "filename", "a.json"}, 422},
	} {
		t.Run(name, func(t *testing.T) {
			c := &client{t, c.p, c.token, c.d}
			path := c.create(len(test.content), "Upload-Metadata", c.metadata(test.pairs...))
			c.patch(path, 0, test.content[:2]).Want(t, http.StatusNoContent)

			c.patch(path, 2, test.content[2:]).Want(t, test.status)

			state := platformtest.Decode[uploads.State](t, c.send(http.MethodGet, path, "").Want(t, http.StatusOK))
			if state.Status != "failed" || state.Failure == nil || *state.Failure == "" {
				t.Errorf("state %+v", state)
			}
			if head := c.send(http.MethodHead, path, ""); head.Status != http.StatusGone || head.Header.Get("Upload-Offset") != "" {
				t.Errorf("HEAD: status %d", head.Status)
			}
			c.patch(path, 2, test.content[2:]).Want(t, http.StatusGone)
		})
	}
	datasetstest.WantNothingStored(t, c.p)
}

func TestUploads_Expired_IsGoneAndSwept(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	path, kept := c.create(4), c.create(4)
	answer := c.patch(path, 0, "a\n").Want(t, http.StatusNoContent)
	c.patch(kept, 0, "a\n").Want(t, http.StatusNoContent)
	if expires, err := http.ParseTime(answer.Header.Get("Upload-Expires")); err != nil || !expires.After(time.Now()) {
		t.Errorf("Upload-Expires %q: %v", answer.Header.Get("Upload-Expires"), err)
	}
	c.exec(`UPDATE uploads SET expires_at = now() - interval '1 second' WHERE '/v1/uploads/' || id = $1`, path)

	if head := c.send(http.MethodHead, path, ""); head.Status != http.StatusGone {
		t.Errorf("HEAD: status %d", head.Status)
	}
	c.patch(path, 2, "1\n").Want(t, http.StatusGone)
	c.p.Wake("datasets-uploads").Want(t, http.StatusNoContent)

	if n := datasetstest.Objects(t, c.p); n != 1 {
		t.Errorf("%d objects after the sweep, want that of the other upload", n)
	}
	c.patch(path, 2, "1\n").Want(t, http.StatusGone) // the row is kept for a while
	c.exec(`UPDATE uploads SET expires_at = now() - interval '31 days' WHERE '/v1/uploads/' || id = $1`, path)
	c.p.Wake("datasets-uploads").Want(t, http.StatusNoContent)
	c.patch(path, 2, "1\n").Want(t, http.StatusNotFound)
	c.wantVersion(c.patch(kept, 2, "1\n").Want(t, http.StatusNoContent), 1, "a\n1\n")
}

func TestUploads_Terminated_LeavesNothing(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	path := c.create(4)
	c.patch(path, 0, "a\n").Want(t, http.StatusNoContent)

	c.send(http.MethodDelete, path, "").Want(t, http.StatusNoContent)

	c.send(http.MethodDelete, path, "").Want(t, http.StatusNotFound)
	c.patch(path, 2, "1\n").Want(t, http.StatusNotFound)
	datasetstest.WantNothingStored(t, c.p)
}

func TestUploads_OfSomebodyElse_AreNotFound(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	path := c.create(4)
	owner := c.token
	var organization uuid.UUID
	if err := c.p.DB(database.Datasets).QueryRow(t.Context(), `SELECT organization_id FROM datasets`).Scan(&organization); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{c.p.Login("owner").Token, c.p.LoginTo(organization, "owner").Token} {
		c.token = other
		c.patch(path, 0, "a\n1\n").Want(t, http.StatusNotFound)
		c.send(http.MethodDelete, path, "").Want(t, http.StatusNotFound)
		c.send(http.MethodGet, path, "").Want(t, http.StatusNotFound)
		if head := c.send(http.MethodHead, path, ""); head.Status != http.StatusNotFound {
			t.Errorf("HEAD: status %d", head.Status)
		}
	}
	c.token = owner
	c.wantVersion(c.patch(path, 0, "a\n1\n").Want(t, http.StatusNoContent), 1, "a\n1\n")
}

func TestUploads_LostLastResponse_CanBeAskedFor(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	path := c.create(4)
	c.patch(path, 0, "a\n1\n").Want(t, http.StatusNoContent)

	c.wantVersion(c.wantOffset(path, 4), 1, "a\n1\n")
	c.wantVersion(c.patch(path, 4, "").Want(t, http.StatusNoContent), 1, "a\n1\n")
	c.patch(path, 0, "a\n1\n").Want(t, http.StatusConflict)
	c.patch(path, 4, "2").Want(t, http.StatusRequestEntityTooLarge)
	if n := datasetstest.Count(t, c.p, `SELECT count(*) FROM dataset_versions`); n != 1 {
		t.Errorf("%d versions, want 1", n)
	}
}

func TestUploads_Concatenation_MakesOneVersionOfPartialUploads(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	contents := []string{"a,b\n", "1,2\n3,4\n", "5,6\n"}
	var paths []string
	for i, content := range contents {
		path := c.create(len(content), "Upload-Concat", "partial", "Upload-Metadata", c.metadata())
		c.patch(path, 0, content[:2]).Want(t, http.StatusNoContent)
		if i == 2 { // not complete yet
			c.send(http.MethodPost, "/v1/uploads", "", "Upload-Concat", "final;"+strings.Join(append(slices.Clone(paths), path), " "), "Upload-Metadata", c.metadata()).Want(t, http.StatusConflict)
		}
		if answer := c.patch(path, 2, content[2:]).Want(t, http.StatusNoContent); answer.Header.Get("Dataset-Version") != "" {
			t.Fatal("a partial upload became a version")
		}
		if head := c.wantOffset(path, len(content)); head.Header.Get("Upload-Concat") != "partial" {
			t.Errorf("Upload-Concat %q", head.Header.Get("Upload-Concat"))
		}
		paths = append(paths, path)
	}
	concat := "final;" + strings.Join([]string{c.p.URL + paths[0], paths[1], paths[2]}, " ")
	c.send(http.MethodPost, "/v1/uploads", "", "Upload-Concat", "final;"+paths[0]+" "+paths[0], "Upload-Metadata", c.metadata()).Want(t, http.StatusConflict)

	final := c.send(http.MethodPost, "/v1/uploads", "", "Upload-Concat", concat, "Upload-Metadata", c.metadata("filename", "a.csv")).Want(t, http.StatusCreated)

	whole := strings.Join(contents, "")
	c.wantVersion(final, 1, whole)
	head := c.wantOffset(final.Header.Get("Location"), len(whole))
	if head.Header.Get("Upload-Concat") != concat || head.Header.Get("Upload-Length") != strconv.Itoa(len(whole)) {
		t.Errorf("header %v of the final upload", head.Header)
	}
	c.patch(final.Header.Get("Location"), len(whole), "7,8\n").Want(t, http.StatusForbidden)
	c.send(http.MethodPost, "/v1/uploads", "", "Upload-Concat", concat, "Upload-Metadata", c.metadata()).Want(t, http.StatusConflict)
	datasetstest.Profile(t, c.p, 1)
	if d := datasetstest.Get(t, c.p, c.token, c.d.ID); d.Status != dataset.Ready || *d.RowCount != 3 {
		t.Errorf("the data set is %s with %v rows, want 3", d.Status, d.RowCount)
	}
}

func (c *client) exec(sql string, args ...any) {
	c.t.Helper()
	if _, err := c.p.DB(database.Datasets).Exec(c.t.Context(), sql, args...); err != nil {
		c.t.Fatal(err)
	}
}
