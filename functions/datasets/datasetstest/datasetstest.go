// Package datasetstest calls the functions of the datasets domain for the domain's tests.
package datasetstest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/create"
	"function/functions/datasets/get"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/profiling"
	"function/functions/datasets/profile"
	"function/functions/datasets/upload"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

// Lifecycle lists the functions that take a data set from creation to ready.
var Lifecycle = []function.Declaration{
	create.Service,
	upload.Service,
	get.Service,
	profile.Service,
}

// Create creates a data set with local storage.
func Create(t testing.TB, p *platformtest.Platform, token, name string) dataset.Dataset {
	t.Helper()
	answer := p.Do(token, http.MethodPost, "/v1/datasets", map[string]any{"name": name, "description": "a test", "storage_type": "local"})
	return platformtest.Decode[dataset.Dataset](t, answer.Want(t, http.StatusCreated))
}

// Form returns a multipart body with one file, and its content type.
func Form(t testing.TB, field, fileName, mediaType, content string) (body, contentType string) {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	header := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="%s"; filename="%s"`, field, fileName)}}
	if mediaType != "" {
		header.Set("Content-Type", mediaType)
	}
	part, err := w.CreatePart(header)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(part, content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return form.String(), w.FormDataContentType()
}

// Send posts a body to a data set's upload operation.
func Send(p *platformtest.Platform, token string, id uuid.UUID, body, contentType string) platformtest.Answer {
	return p.Do(token, http.MethodPost, "/v1/datasets/"+id.String()+"/upload", body, "Content-Type", contentType)
}

// Upload uploads a file.
func Upload(t testing.TB, p *platformtest.Platform, token string, id uuid.UUID, fileName, content string) platformtest.Answer {
	t.Helper()
	body, contentType := Form(t, "file", fileName, "", content)
	return Send(p, token, id, body, contentType)
}

// Profile delivers the n-th request to profile a version to datasets-profile.
func Profile(t testing.TB, p *platformtest.Platform, n int) {
	t.Helper()
	requested := platformtest.Published[events.ProfileRequested](p, n)
	platformtest.Deliver(p, profiling.Kind, requested[n-1]).Want(t, http.StatusNoContent)
}

// MakeJobsDue makes the unfinished jobs due and runs the rescuer.
func MakeJobsDue(t testing.TB, p *platformtest.Platform) {
	t.Helper()
	if _, err := p.DB(database.Datasets).Exec(context.Background(), `UPDATE jobs SET due_at = now() - interval '1 second' WHERE finished_at IS NULL`); err != nil {
		t.Fatal(err)
	}
	p.Wake("platform-outbox-relay").Want(t, http.StatusNoContent)
}

// Get returns a data set.
func Get(t testing.TB, p *platformtest.Platform, token string, id uuid.UUID) get.Detail {
	t.Helper()
	return platformtest.Decode[get.Detail](t, p.Do(token, http.MethodGet, "/v1/datasets/"+id.String(), nil).Want(t, http.StatusOK))
}

// Testdata returns the content of a file in the repository's testdata.
func Testdata(t testing.TB, name string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	content, err := os.ReadFile(filepath.Join(filepath.Dir(here), "../../../testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Count returns the single number that a query selects from the datasets database.
func Count(t testing.TB, p *platformtest.Platform, query string, args ...any) int {
	t.Helper()
	var n int
	if err := p.DB(database.Datasets).QueryRow(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Objects counts the files in the local bucket, including unfinished ones.
func Objects(t testing.TB, p *platformtest.Platform) int {
	t.Helper()
	var n int
	err := filepath.WalkDir(strings.TrimPrefix(p.Env.Config.StorageLocalURL, "file://"), func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// WaitFor waits until done reports true. The time limit only ends a broken test.
func WaitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

// WantNothingStored fails the test if an upload has left anything behind.
func WantNothingStored(t testing.TB, p *platformtest.Platform) {
	t.Helper()
	for _, table := range []string{"dataset_versions", "staged_objects"} {
		if n := Count(t, p, `SELECT count(*) FROM `+table); n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
	if n := Objects(t, p); n != 0 {
		t.Errorf("%d objects in the bucket", n)
	}
}

// WantRefusals fails the test unless the audit trail holds exactly want refusals of the action.
func WantRefusals(t testing.TB, p *platformtest.Platform, action string, want int) {
	t.Helper()
	if n := Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = $1 AND result = 'refused'`, action); n != want {
		t.Errorf("%d refusals of %s in the trail, want %d", n, action, want)
	}
}
