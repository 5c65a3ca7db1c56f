package documents_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/branches"
	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/diff"
	directupload "function/functions/datasets/direct-upload"
	"function/functions/datasets/dispose"
	"function/functions/datasets/documents"
	"function/functions/datasets/download"
	eraseorganization "function/functions/datasets/erase-organization"
	"function/functions/datasets/hold"
	importing "function/functions/datasets/import"
	"function/functions/datasets/jobs"
	datasetlifecycle "function/functions/datasets/lifecycle"
	mergebranch "function/functions/datasets/merge-branch"
	"function/functions/datasets/proposals"
	"function/functions/datasets/protect"
	"function/functions/datasets/recall"
	restoreversion "function/functions/datasets/restore-version"
	"function/functions/datasets/retry"
	rewrapkeys "function/functions/datasets/rewrap-keys"
	"function/functions/datasets/tags"
	"function/functions/datasets/undelete"
	"function/functions/datasets/uploads"
	"function/functions/datasets/versions"
	"function/shared/database"
	stored "function/shared/documents"
	"function/shared/documents/mongodb"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/retention/retentiontest"
)

func exec(t *testing.T, p *platformtest.Platform, sql string, args ...any) {
	t.Helper()
	if _, err := p.DB(database.Datasets).Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// operations are all operations on documents; the second and third change content that is stored.
var operations = []struct{ method, path, body string }{
	{http.MethodPost, "", `{}`},
	{http.MethodPut, "/a", `{"new": 1}`},
	{http.MethodDelete, "/a", ``},
	{http.MethodPatch, "/a", `{"new": 1}`},
	{http.MethodGet, "/a", ``},
	{http.MethodPost, "/find", `{}`},
	{http.MethodPut, "/schema", `{}`},
	{http.MethodGet, "/schema", ``},
	{http.MethodPost, "/schema/check", `{}`},
	{http.MethodDelete, "/schema", ``},
}

func TestDocuments_OtherOrganization_SeesNothing(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token, stranger := p.Login("owner").Token, p.Login("owner").Token
	path := create(t, p, token, "d")
	insert(t, p, token, path, "a", `{"secret": 1}`)
	p.Do(token, http.MethodPut, path+"/schema", `{"type": "object"}`).Want(t, http.StatusNoContent)
	for _, o := range operations {
		if a := p.Do(stranger, o.method, path+o.path, o.body); a.Status != http.StatusNotFound || strings.Contains(string(a.Body), "secret") {
			t.Errorf("%s %s answers %d: %s", o.method, o.path, a.Status, a.Body)
		}
	}
	want(t, p.Do(token, http.MethodGet, path+"/a", nil), http.StatusOK, `{"secret":1}`)
}

func TestDocuments_Table_IsRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token := p.Login("owner").Token
	path := "/v1/datasets/" + datasetstest.Create(t, p, token, "d").ID.String() + "/documents"
	for _, o := range operations {
		if a := p.Do(token, o.method, path+o.path, o.body); a.Status != http.StatusConflict || !strings.Contains(string(a.Body), "is a table") {
			t.Errorf("%s %s answers %d, want 409 because of the kind: %s", o.method, o.path, a.Status, a.Body)
		}
	}
}

// Every operation on tables refuses documents.
func TestTableOperations_Documents_AreRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.NewWith(t, func(c *function.Config) { c.DirectUploads = true }, append([]function.Declaration{
		documents.Service, branches.Service, diff.Service, directupload.Service, download.Service, recall.Service, importing.Service, jobs.Service, datasetlifecycle.Service, mergebranch.Service,
		proposals.Service, protect.Service, restoreversion.Service, retry.Service, tags.Service, uploads.Service, versions.Service,
	}, datasetstest.Lifecycle...)...)
	token := p.Login("owner").Token
	path := strings.TrimSuffix(create(t, p, token, "d"), "/documents")
	id := strings.TrimPrefix(path, "/v1/datasets/")
	datasetstest.Upload(t, p, token, uuid.MustParse(id), "a.csv", "a\n1\n").Want(t, http.StatusConflict)
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	p.Do(token, http.MethodPost, "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "4",
		"Upload-Metadata", "dataset_id "+encode(id)+",filename "+encode("a.csv")).Want(t, http.StatusConflict)
	proposal := "/proposals/" + uuid.NewString()
	for _, o := range []struct{ method, path, body string }{
		{http.MethodPost, "/import", `{"url": "https://example.com/a.csv"}`},
		{http.MethodGet, "/download", ``}, {http.MethodGet, "/download?format=csv", ``},
		{http.MethodGet, "/versions", ``}, {http.MethodGet, "/versions/1", ``},
		{http.MethodPost, "/versions/1/restore", `{}`}, {http.MethodPost, "/versions/1/retry", ``},
		{http.MethodGet, "/tags", ``}, {http.MethodPut, "/tags/t", `{"version": 1}`}, {http.MethodDelete, "/tags/t", ``},
		{http.MethodGet, "/branches", ``}, {http.MethodPost, "/branches", `{"name": "b"}`}, {http.MethodDelete, "/branches/b", ``},
		{http.MethodPost, "/branches/b/merge", `{"key": ["a"]}`},
		{http.MethodGet, "/diff?from=1&to=2&key=a", ``}, {http.MethodGet, "/diff/page?from=1&to=2&key=a", ``},
		{http.MethodPost, "/uploads/direct", `{"size": 4}`}, {http.MethodPost, "/versions/1/recall", ``},
		{http.MethodGet, "/jobs", ``}, {http.MethodGet, "/jobs/watch", ``}, {http.MethodPost, "/jobs/1/cancel", ``},
		{http.MethodGet, "/lifecycle", ``}, {http.MethodPut, "/lifecycle", `{"keep_versions": 1}`}, {http.MethodDelete, "/lifecycle", ``}, {http.MethodGet, "/lifecycle/preview?keep_versions=1", ``},
		{http.MethodPut, "/protection", `{"protected": true}`},
		{http.MethodGet, "/proposals", ``}, {http.MethodPost, "/proposals", `{"branch": "b", "message": "m"}`}, {http.MethodGet, proposal, ``},
		{http.MethodPost, proposal + "/approve", `{}`}, {http.MethodPost, proposal + "/reject", `{}`}, {http.MethodDelete, proposal, ``},
	} {
		if a := p.Do(token, o.method, path+o.path, o.body); a.Status != http.StatusConflict || !strings.Contains(string(a.Body), "holds documents") {
			t.Errorf("%s %s answers %d, want 409 because of the kind: %s", o.method, o.path, a.Status, a.Body)
		}
	}
}

func TestDocuments_Held_AreNotRemoved(t *testing.T) {
	each(t, func(t *testing.T, p *platformtest.Platform) {
		token := p.Login("owner").Token
		path := create(t, p, token, "d")
		d := strings.TrimSuffix(path, "/documents")
		insert(t, p, token, path, "a", `{"a":1}`)
		p.Do(token, http.MethodPut, d+"/hold", `{"reason": "case 1"}`).Want(t, http.StatusOK)
		for _, o := range operations[1:4] {
			p.Do(token, o.method, path+o.path, o.body).Want(t, http.StatusConflict)
		}
		p.Do(token, http.MethodDelete, d, nil).Want(t, http.StatusConflict)
		insert(t, p, token, path, "b", `{"b":1}`)
		want(t, p.Do(token, http.MethodGet, path+"/a", nil), http.StatusOK, `{"a":1}`)
		p.Do(token, http.MethodDelete, d+"/hold", nil).Want(t, http.StatusNoContent)
		p.Do(token, http.MethodDelete, path+"/a", nil).Want(t, http.StatusNoContent)
	}, hold.Service, deletion.Service)
}

// bodies counts the stored contents, in both stores.
func bodies(t *testing.T, p *platformtest.Platform, ids []uuid.UUID, path string) int {
	t.Helper()
	n := datasetstest.Count(t, p, `SELECT count(*) FROM documents`)
	if p.Env.Config.MongoURL == "" {
		return n
	}
	store, err := mongodb.Open(p.Env.Config.MongoURL)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	found, err := store.GetAll(t.Context(), "dataset_"+strings.Split(path, "/")[3], ids)
	if err != nil {
		t.Fatal(err)
	}
	return n + len(found)
}

func contents(t *testing.T, p *platformtest.Platform) (ids []uuid.UUID) {
	t.Helper()
	if err := p.DB(database.Datasets).QueryRow(t.Context(), `SELECT array_agg(body ORDER BY sequence) FROM dataset_documents`).Scan(&ids); err != nil {
		t.Fatal(err)
	}
	return ids
}

// A deleted data set can be brought back with its documents; after the disposal nothing is left.
func TestDocuments_DataSetDisposedOf_LeaveNothing(t *testing.T) {
	each(t, func(t *testing.T, p *platformtest.Platform) {
		token := p.Login("owner").Token
		kept, path := create(t, p, token, "kept"), create(t, p, token, "d")
		insert(t, p, token, kept, "k", `{"k":1}`)
		before := contents(t, p)
		insert(t, p, token, path, "a", `{"a":1}`)
		insert(t, p, token, path, "b", `{"b":1}`)
		p.Do(token, http.MethodPut, path+"/a", `{"a":2}`).Want(t, http.StatusOK)
		all := contents(t, p)
		if n := bodies(t, p, all, path); n < 2 {
			t.Fatalf("%d contents before the disposal", n)
		}
		d := strings.TrimSuffix(path, "/documents")
		p.Do(token, http.MethodDelete, d, nil).Want(t, http.StatusNoContent)
		for _, o := range operations {
			p.Do(token, o.method, path+o.path, o.body).Want(t, http.StatusNotFound)
		}
		p.Do(token, http.MethodPost, d+"/undelete", nil).Want(t, http.StatusOK)
		want(t, p.Do(token, http.MethodGet, path+"/a", nil), http.StatusOK, `{"a":2}`)
		p.Do(token, http.MethodDelete, d, nil).Want(t, http.StatusNoContent)

		exec(t, p, `UPDATE datasets SET deleted_at = now() - interval '40 days' WHERE deleted_at IS NOT NULL`)
		retentiontest.Learn(t, p, "datasets-dispose", "datasets", map[uuid.UUID]int{uuid.Nil: 30})
		platformtest.Deliver(p, "datasets-dispose", retentiontest.Request("datasets", time.Now())).Want(t, http.StatusNoContent)

		for table, want := range map[string]int{"datasets": 1, "document_collections": 1, "dataset_documents": 1, "staged_documents": 0} {
			if n := datasetstest.Count(t, p, `SELECT count(*) FROM `+table); n != want {
				t.Errorf("%d rows in %s, want %d", n, table, want)
			}
		}
		leftover := 0
		if p.Env.Config.MongoURL == "" {
			leftover = 1 // of the other data set
		}
		if n := bodies(t, p, all, path); n != leftover {
			t.Errorf("%d contents are left, want %d", n, leftover)
		}
		if n := bodies(t, p, before, kept); n != 1 {
			t.Errorf("%d contents of the other data set", n)
		}
		want(t, p.Do(token, http.MethodGet, kept+"/k", nil), http.StatusOK, `{"k":1}`)
		if c := platformtest.Published[events.Disposed](p, 1)[0].Data.Organizations; len(c) != 1 || c[0].Items != 1 || c[0].Bytes != 14 {
			t.Errorf("disposed of %+v, want one data set of 14 bytes", c)
		}
	}, deletion.Service, undelete.Service, dispose.Service)
}

func TestDocuments_OrganizationErased_AreGone(t *testing.T) {
	each(t, func(t *testing.T, p *platformtest.Platform) {
		leaving := p.Login("owner")
		path := create(t, p, leaving.Token, "d")
		insert(t, p, leaving.Token, path, "a", `{"a":1}`)
		all := contents(t, p)
		platformtest.Deliver(p, "datasets-erase-organization", platformtest.Event(events.OrganizationDeleted{OrganizationID: leaving.OrganizationID, DeletedAt: time.Now()})).Want(t, http.StatusNoContent)
		p.Do(leaving.Token, http.MethodPost, path, `{}`).Want(t, http.StatusNotFound)
		retentiontest.Learn(t, p, "datasets-dispose", "datasets", map[uuid.UUID]int{uuid.Nil: 0})
		platformtest.Deliver(p, "datasets-dispose", retentiontest.Request("datasets", time.Now().Add(time.Hour))).Want(t, http.StatusNoContent)
		if n := datasetstest.Count(t, p, `SELECT count(*) FROM document_collections`) + bodies(t, p, all, path); n != 0 {
			t.Errorf("%d keys and contents are left", n)
		}
	}, eraseorganization.Service, dispose.Service)
}

// A write that was interrupted leaves a row, by which the sweep finds the content in MongoDB.
func TestDocuments_InterruptedWrite_IsSwept(t *testing.T) {
	t.Parallel()
	url := platformtest.MongoDB(t)
	p := platformtest.NewWith(t, func(c *function.Config) { c.MongoURL = url }, append([]function.Declaration{dispose.Service}, mount...)...)
	token := p.Login("owner").Token
	path := create(t, p, token, "d")
	insert(t, p, token, path, "a", `{"a":1}`)
	store, err := mongodb.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	stale, fresh := uuid.New(), uuid.New()
	collection := "dataset_" + strings.Split(path, "/")[3]
	for _, id := range []uuid.UUID{stale, fresh} {
		if err := store.Put(t.Context(), collection, id, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, p, `INSERT INTO staged_documents (id, collection, created_at) VALUES ($1, $3, now() - interval '2 hours'), ($2, $3, now())`, stale, fresh, collection)
	retentiontest.Learn(t, p, "datasets-dispose", "datasets", map[uuid.UUID]int{uuid.Nil: 30})
	platformtest.Deliver(p, "datasets-dispose", retentiontest.Request("datasets", time.Now())).Want(t, http.StatusNoContent)
	if found, err := store.GetAll(t.Context(), collection, []uuid.UUID{stale, fresh}); err != nil || found[stale] != nil || found[fresh] == nil {
		t.Errorf("after the sweep: %q, %v", found, err)
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM staged_documents`); n != 1 {
		t.Errorf("%d staged documents, want 1", n)
	}
	want(t, p.Do(token, http.MethodGet, path+"/a", nil), http.StatusOK, `{"a":1}`)
}

func TestDocuments_MongoDBUnreachable_AreUnavailable(t *testing.T) {
	t.Parallel()
	p := platformtest.NewWith(t, func(c *function.Config) {
		c.MongoURL = "mongodb://127.0.0.1:1/aic?serverSelectionTimeoutMS=100&connectTimeoutMS=100"
	}, mount...)
	token := p.Login("owner").Token
	path := create(t, p, token, "d")
	p.Do(token, http.MethodPost, path, `{}`).Want(t, http.StatusServiceUnavailable)
	p.Do(token, http.MethodGet, path+"/a", nil).Want(t, http.StatusNotFound)
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM dataset_documents`); n != 0 {
		t.Errorf("%d documents", n)
	}
}

// Documents that were stored before MongoDB was configured stay readable and can be changed.
func TestDocuments_MongoDBConfiguredLater_AreRead(t *testing.T) {
	t.Parallel()
	before := platformtest.New(t, mount...)
	token := before.Login("owner").Token
	path := create(t, before, token, "d")
	insert(t, before, token, path, "a", `{"a":1}`)
	url := platformtest.MongoDB(t)
	after := platformtest.NewWith(t, func(c *function.Config) {
		sink := c.Sink
		*c = before.Env.Config
		c.Sink, c.MongoURL = sink, url
	}, mount...)
	insert(t, after, token, path, "b", `{"b":1}`)
	if got := ids(find(t, after, token, path, `{}`)); got != "b a" {
		t.Errorf("found %q", got)
	}
	want(t, after.Do(token, http.MethodPatch, path+"/a", `{"c":1}`), http.StatusOK, `{"a":1,"c":1}`)
	if n := datasetstest.Count(t, after, `SELECT count(*) FROM documents`); n != 0 {
		t.Errorf("%d contents are left in PostgreSQL", n)
	}
}

func TestDocuments_AtRest_AreSealed(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token := p.Login("owner").Token
	insert(t, p, token, create(t, p, token, "d"), "a", `{"topsecretname":"topsecretvalue"}`)
	var body []byte
	if err := p.DB(database.Datasets).QueryRow(t.Context(), `SELECT body FROM documents`).Scan(&body); err != nil || len(body) == 0 || len(body) > stored.MaxSize || bytes.Contains(body, []byte("topsecret")) {
		t.Errorf("stored %q, %v", body, err)
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM dataset_documents d WHERE d::text LIKE '%topsecret%'`); n != 0 {
		t.Error("the content is in the clear")
	}
}

func TestDocuments_KeyRotated_AreReadableWithoutTheOldKey(t *testing.T) {
	t.Parallel()
	with := append([]function.Declaration{rewrapkeys.Service}, mount...)
	first := platformtest.New(t, with...)
	token := first.Login("owner").Token
	path := create(t, first, token, "d")
	insert(t, first, token, path, "a", `{"a":1}`)
	rotated := datasetstest.RotateKey(t, first, with...)
	want(t, rotated.Do(token, http.MethodGet, path+"/a", nil), http.StatusOK, `{"a":1}`)
}
