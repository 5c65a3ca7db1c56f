package directupload_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"gocloud.dev/blob"

	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	directupload "function/functions/datasets/direct-upload"
	"function/functions/datasets/download"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/uploads"
	outboxrelay "function/functions/platform/outbox-relay"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/objects/objectstest"
	_ "function/shared/objects/s3"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) {
	platformtest.AtEnd(objectstest.Stop)
	platformtest.Run(m)
}

const (
	kind    = "datasets-direct-upload"
	content = "a,b\n1,2\n3,4\n"
)

var walk = append([]function.Declaration{directupload.Service, uploads.Service, download.Service, deletion.Service, outboxrelay.Service}, datasetstest.Lifecycle...)

// client uploads into one data set, which is stored in S3.
type client struct {
	*platformtest.Platform
	t     *testing.T
	s3    *objectstest.S3
	token string
	d     dataset.Dataset

	organization uuid.UUID
}

func newClient(t *testing.T) *client {
	t.Helper()
	s3 := objectstest.NewS3(t)
	return newClientOf(t, s3, s3.URL())
}

func newClientOf(t *testing.T, s3 *objectstest.S3, url string) *client {
	t.Helper()
	p := platformtest.NewWith(t, func(c *function.Config) { c.StorageS3URL, c.DirectUploads, c.MaxUploadBytes = url, true, 1<<30 }, walk...)
	caller := p.Login("owner")
	c := &client{Platform: p, t: t, s3: s3, token: caller.Token, organization: caller.OrganizationID}
	c.d = c.create("s3")
	return c
}

func (c *client) create(storageType string) dataset.Dataset {
	c.t.Helper()
	return platformtest.Decode[dataset.Dataset](c.t, c.Do(c.token, http.MethodPost, "/v1/datasets", map[string]any{"name": "direct_" + storageType, "storage_type": storageType}).Want(c.t, http.StatusCreated))
}

func (c *client) start(d uuid.UUID, body map[string]any) platformtest.Answer {
	return c.Do(c.token, http.MethodPost, "/v1/datasets/"+d.String()+"/uploads/direct", body)
}

// direct is a direct upload that was started.
type direct struct {
	UploadID   uuid.UUID         `json:"upload_id"`
	DatasetID  uuid.UUID         `json:"dataset_id"`
	Method     string            `json:"method"`
	URL        string            `json:"url"`
	Headers    map[string]string `json:"headers"`
	ExpiresAt  time.Time         `json:"expires_at"`
	CompleteBy time.Time         `json:"complete_by"`
}

func (d direct) path() string { return "/v1/uploads/" + d.UploadID.String() }

func (d direct) complete() string {
	return "/v1/datasets/" + d.DatasetID.String() + "/uploads/" + d.UploadID.String() + "/complete"
}

// begin starts an upload of a file.
func (c *client) begin(content string, more map[string]any) direct {
	c.t.Helper()
	body := map[string]any{"size": len(content)}
	for member, value := range more {
		body[member] = value
	}
	return platformtest.Decode[direct](c.t, c.start(c.d.ID, body).Want(c.t, http.StatusCreated))
}

// put sends the file to the bucket and returns the status.
func (c *client) put(d direct, content string) int {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), d.Method, d.URL, strings.NewReader(content))
	if err != nil {
		c.t.Fatal(err)
	}
	for field, value := range d.Headers {
		request.Header.Set(field, value)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// arrived starts an upload and puts its file.
func (c *client) arrived(content string, more map[string]any) direct {
	c.t.Helper()
	d := c.begin(content, more)
	if status := c.put(d, content); status != http.StatusOK {
		c.t.Fatalf("the bucket answers %d", status)
	}
	return d
}

func (c *client) complete(d direct) platformtest.Answer {
	return c.Do(c.token, http.MethodPost, d.complete(), nil)
}

// seal delivers the n-th request to seal a file.
func (c *client) seal(n int) {
	c.t.Helper()
	requested := platformtest.Published[events.SealRequested](c.Platform, n)[n-1]
	platformtest.Deliver(c.Platform, kind, requested).Want(c.t, http.StatusNoContent)
}

// failed delivers the n-th report of a failed job.
func (c *client) failed(n int) {
	c.t.Helper()
	failure := platformtest.Published[events.JobFailed](c.Platform, n)[n-1]
	platformtest.Deliver(c.Platform, kind, failure).Want(c.t, http.StatusNoContent)
}

// replace puts another file in the place of the only one, as the bucket's owner can.
func (c *client) replace(content string) {
	c.t.Helper()
	bucket, err := blob.OpenBucket(c.t.Context(), c.s3.URL())
	if err != nil {
		c.t.Fatal(err)
	}
	defer bucket.Close()
	name, err := filepath.Rel(c.s3.Dir, c.plain()[0])
	if err != nil {
		c.t.Fatal(err)
	}
	if err := bucket.WriteAll(c.t.Context(), name, []byte(content), nil); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) state(d direct) uploads.State {
	c.t.Helper()
	return platformtest.Decode[uploads.State](c.t, c.Do(c.token, http.MethodGet, d.path(), nil).Want(c.t, http.StatusOK))
}

func (c *client) wantFile(version int, content string) {
	c.t.Helper()
	file := c.Do(c.token, http.MethodGet, fmt.Sprintf("/v1/datasets/%s/download?version=%d", c.d.ID, version), nil).Want(c.t, http.StatusOK)
	if string(file.Body) != content {
		c.t.Errorf("version %d is %q", version, file.Body)
	}
}

// plain returns the files in the bucket that clients have put.
func (c *client) plain() (files []string) {
	c.t.Helper()
	err := filepath.WalkDir(filepath.Join(c.s3.Dir, "direct"), func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil && entry.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return files
}

func (c *client) wantPlain(n int) {
	c.t.Helper()
	if files := c.plain(); len(files) != n {
		c.t.Errorf("the bucket has %d files in plain text, want %d", len(files), n)
	}
}

func (c *client) exec(sql string, args ...any) {
	c.t.Helper()
	if _, err := c.DB(database.Datasets).Exec(c.t.Context(), sql, args...); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) sweep() { c.Wake("datasets-uploads").Want(c.t, http.StatusNoContent) }

func (c *client) recorded() int {
	c.t.Helper()
	return datasetstest.Count(c.t, c.Platform, `SELECT count(*) FROM direct_objects`)
}

func TestDirectUpload_File_BecomesAVersion(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	sum := sha256.Sum256([]byte(content))
	d := c.begin(content, map[string]any{"name": "a.csv", "sha256": hex.EncodeToString(sum[:]), "message": "new", "reading": map[string]any{"delimiter": ","}})
	if c.put(d, content+"5,6\n") < 300 {
		t.Error("the bucket took a file of another size")
	}
	if status := c.put(d, content); status != http.StatusOK {
		t.Fatalf("the bucket answers %d", status)
	}
	if c.put(d, strings.Replace(content, "1", "9", 1)) < 300 {
		t.Error("the file was replaced")
	}
	c.complete(d).Want(t, http.StatusAccepted)
	c.complete(d).Want(t, http.StatusAccepted)
	c.seal(1)
	if s := c.state(d); s.Kind != "direct" || s.Status != "complete" || s.Version == nil || *s.Version != 1 || s.Offset != int64(len(content)) {
		t.Errorf("state %+v", s)
	}
	c.wantFile(1, content)
	c.wantPlain(0)
	var again struct{ Version int }
	if again = platformtest.Decode[struct{ Version int }](t, c.complete(d).Want(t, http.StatusAccepted)); again.Version != 1 {
		t.Errorf("completed again, the version is %d", again.Version)
	}
	if n := datasetstest.Count(t, c.Platform, `SELECT count(*) FROM jobs WHERE kind = $1`, kind); n != 1 {
		t.Errorf("%d jobs", n)
	}
	datasetstest.Profile(t, c.Platform, 1)
	if s := datasetstest.Get(t, c.Platform, c.token, c.d.ID); s.Status != dataset.Ready {
		t.Errorf("the data set is %s", s.Status)
	}
}

func TestDirectUpload_Change_IsApplied(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for version, change := range []map[string]any{{}, {"operation": "append"}, {"operation": "upsert", "key": []string{"a"}}} {
		c.complete(c.arrived(content, change)).Want(t, http.StatusAccepted)
		c.seal(version + 1)
		datasetstest.Profile(t, c.Platform, version+1)
	}
	if n := datasetstest.Count(t, c.Platform, `SELECT count(*) FROM dataset_versions WHERE operation IN ('replace', 'append', 'upsert')`); n != 3 {
		t.Errorf("%d versions", n)
	}
}

func TestDirectUpload_LatePut_IsSwept(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	d := c.arrived(content, nil)
	c.complete(d).Want(t, http.StatusAccepted)
	c.sweep()
	c.wantPlain(1) // it is not sealed yet
	c.seal(1)
	if status := c.put(d, content); status != http.StatusOK {
		t.Fatalf("the bucket answers %d", status)
	}
	c.wantPlain(1)
	c.sweep()
	c.wantPlain(0)
	if c.recorded() != 1 {
		t.Error("the object is forgotten while it can still be put")
	}
	c.put(d, content)
	c.exec(`UPDATE direct_objects SET put_until = now() - interval '1 second'`)
	c.sweep()
	c.wantPlain(0)
	if c.recorded() != 0 {
		t.Error("the object is not forgotten")
	}
	c.wantFile(1, content)
}

func TestDirectUpload_Ended_LeavesNothing(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	for name, test := range map[string]struct {
		end    func(direct)
		status int // of its completion
	}{
		"expired": {func(direct) {
			c.exec(`UPDATE uploads SET expires_at = now() - interval '1 second'`)
			c.sweep()
		}, http.StatusGone},
		"forgotten": {func(direct) {
			c.exec(`UPDATE uploads SET expires_at = now() - interval '31 days'`)
			c.sweep()
		}, http.StatusNotFound},
		"deleted": {func(d direct) {
			c.Do(c.token, http.MethodDelete, d.path(), nil, "Tus-Resumable", "1.0.0").Want(t, http.StatusNoContent)
		}, http.StatusNotFound},
		"failed": {func(d direct) {
			c.exec(`UPDATE uploads SET failure = 'a test' WHERE id = $1`, d.UploadID)
			c.sweep()
		}, http.StatusGone},
	} {
		d := c.arrived(content, nil)
		test.end(d)
		if answer := c.complete(d); answer.Status != test.status {
			t.Errorf("%s: status %d, want %d", name, answer.Status, test.status)
		}
		c.wantPlain(0)
	}
	d := c.arrived(content, nil)
	c.Do(c.token, http.MethodDelete, "/v1/datasets/"+c.d.ID.String(), nil).Want(t, http.StatusNoContent)
	c.sweep()
	c.wantPlain(0)
	c.complete(d).Want(t, http.StatusNotFound)
}

func TestDirectUpload_StoreIsAway_OthersAreSwept(t *testing.T) {
	t.Parallel()
	away, there := objectstest.NewS3(t), objectstest.NewS3(t)
	for _, test := range []struct{ away, there string }{{"s3", "local"}, {"local", "s3"}} {
		urls := map[string]string{test.away: away.URL(), test.there: there.URL()}
		p := platformtest.NewWith(t, func(c *function.Config) {
			c.StorageS3URL, c.StorageLocalURL, c.DirectUploads = urls["s3"], urls["local"], true
		}, walk...)
		c := &client{Platform: p, t: t, s3: there, token: p.Login("owner").Token}
		c.d = c.create(test.away)
		c.arrived(content, nil)
		c.d = c.create(test.there)
		c.arrived(content, nil)
		c.wantPlain(1)
		c.exec(`UPDATE uploads SET expires_at = now() - interval '1 second'`)
		away.Stop()
		if answer := c.Wake("datasets-uploads"); answer.Status < 500 {
			t.Errorf("the sweep succeeds: %d", answer.Status)
		}
		c.wantPlain(0)
		away.Start(t)
		c.sweep()
	}
}

func TestDirectUpload_RefusedFile_HasASentence(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	n := 0
	for name, test := range map[string]struct {
		content, sentence string
		more              map[string]any
		change            func() // after the completion was requested
	}{
		"another hash": {content, "SHA-256", map[string]any{"sha256": strings.Repeat("0", 64)}, nil},
		"a page":       {"<!DOCTYPE html><title>Log in</title>", "HTML page", nil, nil},
		"truncated": {content, "instead of 12", nil, func() {
			if err := os.Truncate(c.plain()[0], 4); err != nil {
				t.Fatal(err)
			}
		}},
		"removed": {content, "no longer in the bucket", nil, func() {
			if err := os.Remove(c.plain()[0]); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		d := c.arrived(test.content, test.more)
		c.complete(d).Want(t, http.StatusAccepted)
		if test.change != nil {
			test.change()
		}
		n++
		c.seal(n)
		c.failed(n)
		if s := c.state(d); s.Status != "failed" || s.Failure == nil || !strings.Contains(*s.Failure, test.sentence) {
			t.Errorf("%s: state %+v, want %q", name, s, test.sentence)
			if s.Failure != nil {
				t.Log(*s.Failure)
			}
		}
		c.complete(d).Want(t, http.StatusGone)
		c.wantPlain(0)
	}
	if n := datasetstest.Count(t, c.Platform, `SELECT (SELECT count(*) FROM dataset_versions) + (SELECT count(*) FROM staged_objects)`); n != 0 {
		t.Errorf("%d versions and staged objects", n)
	}
}

func TestDirectUpload_StoreIsAway_IsRetried(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	d := c.arrived(content, nil)
	c.complete(d).Want(t, http.StatusAccepted)
	c.s3.Stop()
	c.seal(1)
	c.s3.Start(t)
	if s := c.state(d); s.Status != "receiving" {
		t.Fatalf("state %+v", s)
	}
	datasetstest.MakeJobsDue(t, c.Platform)
	c.seal(2)
	c.wantFile(1, content)
	c.wantPlain(0)
}

func TestDirectUpload_CompletedTooEarly_IsRefused(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	d := c.begin(content, nil)
	c.complete(d).Want(t, http.StatusConflict)
	c.put(d, content)
	if err := os.Truncate(c.plain()[0], 4); err != nil {
		t.Fatal(err)
	}
	if answer := c.complete(d).Want(t, http.StatusConflict); !strings.Contains(string(answer.Body), "4 bytes instead of 12") {
		t.Errorf("%s", answer.Body)
	}
	c.Do(c.token, http.MethodPatch, d.path(), content, "Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream").Want(t, http.StatusForbidden)
}

func TestDirectUpload_InvalidRequest_IsRefused(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	local := c.create("local")
	for name, test := range map[string]struct {
		dataset uuid.UUID
		body    map[string]any
		status  int
	}{
		"no size":           {c.d.ID, map[string]any{}, 422},
		"empty":             {c.d.ID, map[string]any{"size": 0}, 422},
		"too large":         {c.d.ID, map[string]any{"size": 1<<30 + 1}, 413},
		"wrong hash":        {c.d.ID, map[string]any{"size": 1, "sha256": "12"}, 422},
		"key missing":       {c.d.ID, map[string]any{"size": 1, "operation": "upsert"}, 422},
		"unknown branch":    {c.d.ID, map[string]any{"size": 1, "branch": "other"}, 404},
		"wrong reading":     {c.d.ID, map[string]any{"size": 1, "reading": map[string]any{"encoding": "klingon"}}, 422},
		"unknown data set":  {uuid.New(), map[string]any{"size": 1}, 404},
		"local storage":     {local.ID, map[string]any{"size": 1}, 409},
		"U+0000 in a name":  {c.d.ID, map[string]any{"size": 1, "name": "a\x00"}, 422},
		"size of 2^63":      {c.d.ID, map[string]any{"size": 1e19}, 422},
		"fraction of bytes": {c.d.ID, map[string]any{"size": 1.5}, 422},
	} {
		if answer := c.start(test.dataset, test.body); answer.Status != test.status {
			t.Errorf("%s: status %d, want %d: %s", name, answer.Status, test.status, answer.Body)
		}
	}
	if n := c.recorded() + datasetstest.Count(t, c.Platform, `SELECT count(*) FROM uploads`); n != 0 {
		t.Errorf("%d uploads and objects", n)
	}
	d := c.arrived(content, nil)
	other := d
	other.DatasetID = local.ID
	c.complete(other).Want(t, http.StatusNotFound)
	c.token = c.LoginTo(c.organization, "member").Token
	c.complete(d).Want(t, http.StatusNotFound)
}

func TestDirectUpload_NotAllowed_IsRefused(t *testing.T) {
	t.Parallel()
	s3 := objectstest.NewS3(t)
	p := platformtest.NewWith(t, func(c *function.Config) { c.StorageS3URL = s3.URL() }, walk...)
	c := &client{Platform: p, t: t, s3: s3, token: p.Login("owner").Token}
	answer := c.start(c.create("s3").ID, map[string]any{"size": 1}).Want(t, http.StatusConflict)
	if !strings.Contains(string(answer.Body), "/v1/uploads") {
		t.Errorf("%s", answer.Body)
	}
}
