package rewrapkeys_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/download"
	rewrapkeys "function/functions/datasets/rewrap-keys"
	"function/functions/datasets/uploads"
	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{rewrapkeys.Service, download.Service, uploads.Service}, datasetstest.Lifecycle...)

func keyURL(fill byte) string {
	return "base64key://" + base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32))
}

// with returns the same platform after a change of the keys.
func with(t *testing.T, p *platformtest.Platform, current, previous string) *platformtest.Platform {
	t.Helper()
	return platformtest.NewWith(t, func(c *function.Config) {
		sink := c.Sink
		*c = p.Env.Config
		c.Sink, c.KeyURL, c.PreviousKeyURL = sink, current, previous
	}, walk...)
}

const name = "datasets-rewrap-keys"

func left(t *testing.T, p *platformtest.Platform) int {
	t.Helper()
	return datasetstest.Count(t, p, `SELECT value::int FROM published.metrics WHERE name = 'keys_to_rewrap'`)
}

func read(t *testing.T, p *platformtest.Platform, token string, id uuid.UUID, version, status int) {
	t.Helper()
	path := fmt.Sprintf("/v1/datasets/%s/download?version=%d", id, version)
	answer := p.Do(token, http.MethodGet, path, nil).Want(t, status)
	if want := fmt.Sprintf("a\n%d\n", version); status == http.StatusOK && string(answer.Body) != want {
		t.Errorf("version %d is %q, want %q", version, answer.Body, want)
	}
	if status == http.StatusOK {
		p.Do(token, http.MethodGet, path+"&format=ndjson", nil).Want(t, status)
	}
}

// More versions than a batch, and an upload that has begun, are readable without the old key after
// it was rotated.
func TestRewrapKeys_OldKeyRemoved_EverythingIsReadable(t *testing.T) {
	t.Parallel()
	first := platformtest.New(t, walk...)
	token := first.Login("owner").Token
	id := datasetstest.Create(t, first, token, "d").ID
	upload := func(p *platformtest.Platform, n, requested int) {
		t.Helper()
		datasetstest.Upload(t, p, token, id, "a.csv", fmt.Sprintf("a\n%d\n", n)).Want(t, http.StatusCreated)
		datasetstest.Profile(t, p, requested)
	}
	upload(first, 1, 1)
	upload(first, 2, 2)
	metadata := "dataset_id " + base64.StdEncoding.EncodeToString([]byte(id.String())) + ",filename " + base64.StdEncoding.EncodeToString([]byte("a.csv"))
	begun := first.Do(token, http.MethodPost, "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "4", "Upload-Metadata", metadata).Want(t, http.StatusCreated)
	location := begun.Header.Get("Location")
	first.Wake(name).Want(t, http.StatusNoContent)
	if n := left(t, first); n != 0 {
		t.Errorf("%d keys are to be rewrapped before a rotation", n)
	}
	exec(t, first, `
INSERT INTO uploads (id, dataset_id, created_by, kind, hash_state, metadata, target, wrapped_key, expires_at)
SELECT gen_random_uuid(), dataset_id, created_by, kind, hash_state, metadata, target, wrapped_key, now() FROM uploads, generate_series(1, 120)`)
	old := first.Env.Config.KeyURL
	rows := datasetstest.Count(t, first, `SELECT count(*) FROM uploads`) + datasetstest.Count(t, first, `SELECT count(*) FROM dataset_versions`)

	both := with(t, first, keyURL(7), old)
	read(t, both, token, id, 1, http.StatusOK)
	exec(t, both, `INSERT INTO key_rotation (wrapped_by) VALUES ('x')`)
	if n := left(t, both); n != rows {
		t.Errorf("%d keys are to be rewrapped, want %d", n, rows)
	}
	upload(both, 3, 1)  // wrapped by the new key already
	upload(first, 4, 3) // by a pod that is not replaced yet
	for range 2 {       // the second finds nothing
		both.Wake(name).Want(t, http.StatusNoContent)
		if n := left(t, both); n != 0 {
			t.Errorf("%d keys are left", n)
		}
	}

	alone := with(t, first, keyURL(7), "")
	for version := 1; version <= 4; version++ {
		read(t, alone, token, id, version, http.StatusOK)
	}
	alone.Do(token, http.MethodPatch, location, "a\n5\n", "Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream").Want(t, http.StatusNoContent)
	datasetstest.Profile(t, alone, 1)
	if n := left(t, alone); n != 1 {
		t.Errorf("%d keys are not known to be wrapped by the current key, want 1, of the new version", n)
	}
	alone.Wake(name).Want(t, http.StatusNoContent)
	if n := left(t, alone); n != 0 {
		t.Errorf("%d keys are left", n)
	}
	read(t, alone, token, id, 5, http.StatusOK)
	read(t, with(t, first, old, ""), token, id, 1, http.StatusInternalServerError)
}

// The old key was removed too early: what it has wrapped is counted and kept.
func TestRewrapKeys_OldKeyMissing_IsCounted(t *testing.T) {
	t.Parallel()
	first := platformtest.New(t, walk...)
	token := first.Login("owner").Token
	id := datasetstest.Create(t, first, token, "d").ID
	datasetstest.Upload(t, first, token, id, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, first, 1)
	exec(t, first, `INSERT INTO key_rotation (wrapped_by) VALUES ('x')`)
	alone := with(t, first, keyURL(7), "")
	alone.Wake(name).Want(t, http.StatusInternalServerError)
	if n := left(t, alone); n != 1 {
		t.Errorf("%d keys are left, want 1", n)
	}
	again := with(t, first, keyURL(7), first.Env.Config.KeyURL)
	again.Wake(name).Want(t, http.StatusNoContent)
	if n := left(t, again); n != 0 {
		t.Errorf("%d keys are left", n)
	}
	read(t, with(t, first, keyURL(7), ""), token, id, 1, http.StatusOK)
}

func exec(t *testing.T, p *platformtest.Platform, sql string, args ...any) {
	t.Helper()
	if _, err := p.DB(database.Datasets).Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}
