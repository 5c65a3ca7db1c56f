package download_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/download"
	"function/functions/datasets/internal/dataset"
	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{download.Service}, datasetstest.Lifecycle...)

func path(d dataset.Dataset) string { return "/v1/datasets/" + d.ID.String() + "/download" }

// TestDownload_LargeUpload_ReturnsTheSameBytes sends and reads 64 MiB as a stream.
func TestDownload_LargeUpload_ReturnsTheSameBytes(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "large")
	const size = 64 << 20
	sent := sha256.New()
	body, send := io.Pipe()
	form := multipart.NewWriter(send)
	go func() {
		part, err := form.CreateFormFile("file", "large.csv")
		if err == nil {
			// The bytes are compressible, but not to nothing: text of random digits.
			random := rand.NewChaCha8([32]byte{1})
			_, err = io.CopyN(io.MultiWriter(part, sent), digits{random}, size)
		}
		if err == nil {
			err = form.Close()
		}
		send.CloseWithError(err)
	}()
	answer := p.Do(caller.Token, http.MethodPost, "/v1/datasets/"+d.ID.String()+"/upload", body, "Content-Type", form.FormDataContentType()).Want(t, http.StatusCreated)
	uploaded := platformtest.Decode[struct {
		SHA256 string `json:"sha256"`
	}](t, answer)
	if want := hex.EncodeToString(sent.Sum(nil)); uploaded.SHA256 != want {
		t.Errorf("sha256 %s of the upload, want %s", uploaded.SHA256, want)
	}

	got := p.Do(caller.Token, http.MethodGet, path(d), nil).Want(t, http.StatusOK)

	if sum := sha256.Sum256(got.Body); hex.EncodeToString(sum[:]) != uploaded.SHA256 || len(got.Body) != size {
		t.Errorf("%d bytes with sha256 %x come back, want %d with %s", len(got.Body), sum, size, uploaded.SHA256)
	}
}

type digits struct{ random io.Reader }

func (d digits) Read(p []byte) (int, error) {
	n, err := d.random.Read(p)
	for i := range p[:n] {
		p[i] = "0123456789,\n."[p[i]%13]
	}
	return n, err
}

func TestDownload_Headers_DescribeTheFile(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "described-1")
	for i, test := range []struct{ file, sent, content, mediaType, name string }{
		{"a.csv", "", "a\n1\n", "text/csv", "described-1-v1.csv"},
		{"a.csv", "text/csv; header=absent", "1\n", "text/csv; header=absent", "described-1-v2.csv"},
		{"a.json", "", `[{"a": 1}]`, "application/json", "described-1-v3.json"},
		{"a.jsonl", "", `{"a": 1}`, "application/x-ndjson", "described-1-v4.json"},
		{"a.parquet", "", "PAR1\x15\x04\x15\x00\x15\x04\x00PAR1", "application/vnd.apache.parquet", "described-1-v5.parquet"},
		{"a.csv.gz", "application/gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xffKT\xe22\xe4\x02\x00\x19\x00\xb4\x9e\x04\x00\x00\x00", "application/gzip", "described-1-v6.csv.gz"},
		{"a.avro", "", "Obj\x01\x04\x14avro.codec\x00", "application/avro", "described-1-v7.avro"},
		{"a.orc", "", "ORC\x08\x03\x00", "application/vnd.apache.orc", "described-1-v8.orc"},
	} {
		body, contentType := datasetstest.Form(t, "file", test.file, test.sent, test.content)
		datasetstest.Send(p, caller.Token, d.ID, body, contentType).Want(t, http.StatusCreated)

		got := p.Do(caller.Token, http.MethodGet, fmt.Sprintf("%s?version=%d", path(d), i+1), nil).Want(t, http.StatusOK)

		hash := sha256.Sum256([]byte(test.content))
		for header, want := range map[string]string{
			"Content-Type": test.mediaType, "ETag": `"` + hex.EncodeToString(hash[:]) + `"`,
			"Content-Disposition": `attachment; filename="` + test.name + `"`, "Accept-Ranges": "bytes",
			"X-Content-Type-Options": "nosniff", "Content-Length": fmt.Sprint(len(test.content)),
		} {
			if got.Header.Get(header) != want {
				t.Errorf("version %d: %s: %s, want %s", i+1, header, got.Header.Get(header), want)
			}
		}
		if modified, err := http.ParseTime(got.Header.Get("Last-Modified")); err != nil || time.Since(modified) > time.Hour {
			t.Errorf("version %d: last modified %s (%v)", i+1, got.Header.Get("Last-Modified"), err)
		}
		if string(got.Body) != test.content {
			t.Errorf("version %d: body %q, want %q", i+1, got.Body, test.content)
		}
	}
}

func TestDownload_RangesAndConditions(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "ranged")
	content := strings.Repeat("0123456789", 300_000) // several frames
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", content).Want(t, http.StatusCreated)
	whole := p.Do(caller.Token, http.MethodHead, path(d), nil).Want(t, http.StatusOK)
	tag := whole.Header.Get("ETag")
	if len(whole.Body) != 0 || whole.Header.Get("Content-Length") != fmt.Sprint(len(content)) {
		t.Errorf("HEAD returns %d bytes and the length %s", len(whole.Body), whole.Header.Get("Content-Length"))
	}
	for name, test := range map[string]struct {
		headers []string
		status  int
		body    string
	}{
		"first bytes":   {[]string{"Range", "bytes=0-3"}, 206, "0123"},
		"across frames": {[]string{"Range", "bytes=1048570-1048589"}, 206, content[1048570:1048590]},
		"last bytes":    {[]string{"Range", "bytes=-4"}, 206, "6789"},
		"to the end":    {[]string{"Range", fmt.Sprintf("bytes=%d-", len(content)-3)}, 206, "789"},
		"same version":  {[]string{"Range", "bytes=0-3", "If-Range", tag}, 206, "0123"},
		"other version": {[]string{"Range", "bytes=0-3", "If-Range", `"other"`}, 200, content},
		"known already": {[]string{"If-None-Match", tag}, 304, ""},
		"nonsense":      {[]string{"Range", "lines=1-2"}, 416, ""},
		"outside":       {[]string{"Range", "bytes=99999999-"}, 416, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := p.Do(caller.Token, http.MethodGet, path(d), nil, test.headers...).Want(t, test.status)
			if test.status < 400 && string(got.Body) != test.body {
				t.Errorf("%d bytes, want %d", len(got.Body), len(test.body))
			}
		})
	}
	if got := p.Do(caller.Token, http.MethodGet, path(d), nil, "Range", "bytes=99999999-"); got.Header.Get("Content-Range") != fmt.Sprintf("bytes */%d", len(content)) {
		t.Errorf("Content-Range %q does not give the size", got.Header.Get("Content-Range"))
	}
}

func TestDownload_NotFound(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller, other := p.Login("owner"), p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "mine")
	p.Do(caller.Token, http.MethodGet, path(d), nil).Want(t, http.StatusNotFound) // nothing uploaded
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)

	p.Do("", http.MethodGet, path(d), nil).Want(t, http.StatusUnauthorized)
	p.Do(other.Token, http.MethodGet, path(d), nil).Want(t, http.StatusNotFound)
	p.Do(caller.Token, http.MethodGet, path(dataset.Dataset{ID: uuid.New()}), nil).Want(t, http.StatusNotFound)
	for _, version := range []string{"0", "2", "nothing", "2020-01-01"} {
		p.Do(caller.Token, http.MethodGet, path(d)+"?version="+version, nil).Want(t, http.StatusNotFound)
	}
	for _, version := range []string{"-1", "One", "99999999999", "%00"} {
		p.Do(caller.Token, http.MethodGet, path(d)+"?version="+version, nil).Want(t, http.StatusUnprocessableEntity)
	}
}

func TestDownload_DamagedObject_ReturnsNoBytes(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	d := datasetstest.Create(t, p, caller.Token, "damaged")
	datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	var name string
	if err := p.DB(database.Datasets).QueryRow(t.Context(), `SELECT object_name FROM dataset_versions`).Scan(&name); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(strings.TrimPrefix(p.Env.Config.StorageLocalURL, "file://"), name)
	stored, err := os.ReadFile(file)
	if err != nil || bytes.Contains(stored, []byte("a\n1\n")) {
		t.Fatalf("the stored bytes are the plaintext (%v)", err)
	}
	stored[len(stored)-1] ^= 1
	if err := os.WriteFile(file, stored, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Do(caller.Token, http.MethodGet, path(d), nil).Want(t, http.StatusInternalServerError)
}
