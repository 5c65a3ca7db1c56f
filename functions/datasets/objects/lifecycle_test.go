package objects_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/dispose"
	"function/functions/datasets/documents"
	"function/functions/datasets/download"
	eraseorganization "function/functions/datasets/erase-organization"
	"function/functions/datasets/hold"
	"function/functions/datasets/replicate"
	rewrapkeys "function/functions/datasets/rewrap-keys"
	"function/functions/datasets/undelete"
	"function/functions/datasets/versions"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/objects/objectstest"
	_ "function/shared/objects/s3"
	"function/shared/platformtest"
	"function/shared/retention/retentiontest"
)

func with(more ...function.Declaration) []function.Declaration { return append(more, mount...) }

func exec(t *testing.T, p *platformtest.Platform, sql string, args ...any) {
	t.Helper()
	if _, err := p.DB(database.Datasets).Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// operations are all operations on objects; those after the first concern one object.
var operations = []struct{ method, path, body string }{
	{http.MethodGet, "", ``},
	{http.MethodGet, "/a", ``},
	{http.MethodGet, "/a/metadata", ``},
	{http.MethodPut, "/a/metadata", `{"metadata":{"new":"1"}}`},
	{http.MethodDelete, "/a", ``},
}

func disposeOf(t *testing.T, p *platformtest.Platform, days int) {
	t.Helper()
	retentiontest.Learn(t, p, "datasets-dispose", "datasets", map[uuid.UUID]int{uuid.Nil: days})
	platformtest.Deliver(p, "datasets-dispose", retentiontest.Request("datasets", time.Now().Add(time.Hour))).Want(t, http.StatusNoContent)
}

func TestObjects_OtherOrganization_SeesNothing(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, mount...)
	token, stranger := p.Login("owner").Token, p.Login("owner").Token
	path := create(t, p, token, "d")
	put(t, p, token, path+"/a", "secret", http.StatusCreated)
	for _, o := range append(operations, struct{ method, path, body string }{http.MethodPut, "/a", "x"}) {
		p.Do(stranger, o.method, path+o.path, o.body).Want(t, http.StatusNotFound)
	}
	wantContent(t, p, token, path+"/a", "secret")
}

func TestObjects_OtherKind_IsRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, with(documents.Service, versions.Service, download.Service)...)
	token := p.Login("owner").Token
	table := "/v1/datasets/" + datasetstest.Create(t, p, token, "t").ID.String()
	for _, o := range append(operations, struct{ method, path, body string }{http.MethodPut, "/a", "x"}) {
		p.Do(token, o.method, table+"/objects"+o.path, o.body).Want(t, http.StatusConflict)
	}
	d := strings.TrimSuffix(create(t, p, token, "d"), "/objects")
	datasetstest.Upload(t, p, token, uuid.MustParse(strings.TrimPrefix(d, "/v1/datasets/")), "a.csv", "a\n1\n").Want(t, http.StatusConflict)
	p.Do(token, http.MethodPut, d+"/documents/a", `{}`).Want(t, http.StatusConflict)
	p.Do(token, http.MethodPut, d+"/documents/schema", `{}`).Want(t, http.StatusConflict)
	p.Do(token, http.MethodGet, d+"/versions", nil).Want(t, http.StatusConflict)
	p.Do(token, http.MethodGet, d+"/download", nil).Want(t, http.StatusConflict)
	datasetstest.WantNothingStored(t, p)
}

func TestObjects_Held_AreNotRemoved(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, with(hold.Service, deletion.Service)...)
	token := p.Login("owner").Token
	path := create(t, p, token, "d")
	d := strings.TrimSuffix(path, "/objects")
	put(t, p, token, path+"/a", "1", http.StatusCreated)
	p.Do(token, http.MethodPut, d+"/hold", `{"reason": "case 1"}`).Want(t, http.StatusOK)
	p.Do(token, http.MethodPut, path+"/a", "2").Want(t, http.StatusConflict)
	for _, o := range operations[3:] {
		p.Do(token, o.method, path+o.path, o.body).Want(t, http.StatusConflict)
	}
	p.Do(token, http.MethodDelete, d, nil).Want(t, http.StatusConflict)
	put(t, p, token, path+"/a", "1", http.StatusOK) // the same again
	put(t, p, token, path+"/b", "new", http.StatusCreated)
	wantContent(t, p, token, path+"/a", "1")
	if n := datasetstest.Objects(t, p); n != 2 {
		t.Errorf("%d objects are stored, want 2", n)
	}
	p.Do(token, http.MethodDelete, d+"/hold", nil).Want(t, http.StatusNoContent)
	p.Do(token, http.MethodDelete, path+"/a", nil).Want(t, http.StatusNoContent)
}

// A reader that has begun ends well although the object is replaced; the sweep deletes the bytes later.
func TestObject_Replaced_ReaderEndsWellAndBytesAreSwept(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, with(dispose.Service)...)
	token := p.Login("owner").Token
	path := create(t, p, token, "d") + "/a"
	content := strings.Repeat("0123456789abcdef", 1<<20)
	put(t, p, token, path, content, http.StatusCreated)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	put(t, p, token, path, "2", http.StatusOK)
	disposeOf(t, p, 30)
	got, err := io.ReadAll(answer.Body)
	if err != nil || string(got) != content {
		t.Errorf("the reader got %d of %d bytes: %v", len(got), len(content), err)
	}
	wantContent(t, p, token, path, "2")
	exec(t, p, `UPDATE staged_objects SET created_at = now() - interval '2 days'`)
	disposeOf(t, p, 30)
	if n := datasetstest.Objects(t, p); n != 1 {
		t.Errorf("%d objects are stored, want 1", n)
	}
	wantContent(t, p, token, path, "2")
}

func TestObjects_DataSetDisposedOf_LeaveNothing(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, with(deletion.Service, undelete.Service, dispose.Service)...)
	token := p.Login("owner").Token
	kept, path := create(t, p, token, "kept"), create(t, p, token, "d")
	d := strings.TrimSuffix(path, "/objects")
	for _, at := range []string{kept + "/k", path + "/a", path + "/b"} {
		put(t, p, token, at, at, http.StatusCreated)
	}
	p.Do(token, http.MethodDelete, d, nil).Want(t, http.StatusNoContent)
	for _, o := range operations {
		p.Do(token, o.method, path+o.path, o.body).Want(t, http.StatusNotFound)
	}
	p.Do(token, http.MethodPut, path+"/c", "x").Want(t, http.StatusNotFound)
	p.Do(token, http.MethodPost, d+"/undelete", nil).Want(t, http.StatusOK)
	wantContent(t, p, token, path+"/a", path+"/a")
	p.Do(token, http.MethodDelete, d, nil).Want(t, http.StatusNoContent)
	bytes := datasetstest.Count(t, p, `SELECT sum(stored_bytes)::int FROM dataset_objects WHERE name <> 'k'`)

	disposeOf(t, p, 0)

	if n := datasetstest.Count(t, p, `SELECT count(*) FROM dataset_objects`); n != 1 || datasetstest.Objects(t, p) != 1 {
		t.Errorf("%d rows and %d objects are left, want 1", n, datasetstest.Objects(t, p))
	}
	wantContent(t, p, token, kept+"/k", kept+"/k")
	if c := platformtest.Published[events.Disposed](p, 1)[0].Data.Organizations; len(c) != 1 || c[0].Items != 1 || c[0].Bytes != int64(bytes) {
		t.Errorf("disposed of %+v, want one data set of %d bytes", c, bytes)
	}
}

func TestObjects_OrganizationErased_AreGone(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, with(eraseorganization.Service, dispose.Service)...)
	leaving := p.Login("owner")
	path := create(t, p, leaving.Token, "d")
	put(t, p, leaving.Token, path+"/a", "1", http.StatusCreated)
	platformtest.Deliver(p, "datasets-erase-organization", platformtest.Event(events.OrganizationDeleted{OrganizationID: leaving.OrganizationID, DeletedAt: time.Now()})).Want(t, http.StatusNoContent)
	p.Do(leaving.Token, http.MethodPut, path+"/a", "2").Want(t, http.StatusNotFound)
	disposeOf(t, p, 0)
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM dataset_objects`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	datasetstest.WantNothingStored(t, p)
}

func TestObjects_KeyRotated_AreReadableWithoutTheOldKey(t *testing.T) {
	t.Parallel()
	all := with(rewrapkeys.Service)
	first := platformtest.New(t, all...)
	token := first.Login("owner").Token
	path := create(t, first, token, "d") + "/a"
	put(t, first, token, path, "1", http.StatusCreated)
	rotated := datasetstest.RotateKey(t, first, all...)
	wantContent(t, rotated, token, path, "1")
}

// Objects are copied to the backup, read from it while the primary store is away, and deleted there too.
func TestObjects_Backup_HasThemUntilTheyAreDisposedOf(t *testing.T) {
	t.Parallel()
	primary, backup := objectstest.NewS3(t), objectstest.NewS3(t)
	p := platformtest.NewWith(t, func(c *function.Config) { c.StorageLocalURL, c.StorageLocalBackupURL = primary.URL(), backup.URL() },
		with(replicate.Service, deletion.Service, dispose.Service)...)
	token := p.Login("owner").Token
	path := create(t, p, token, "d")
	put(t, p, token, path+"/a", "1", http.StatusCreated)
	put(t, p, token, path+"/a", "22", http.StatusOK)
	for _, e := range platformtest.Published[events.ReplicationRequested](p, 2) {
		platformtest.Deliver(p, "datasets-replicate", e).Want(t, http.StatusNoContent)
	}
	const copies = `SELECT count(*) FROM object_replicas WHERE verified_at IS NOT NULL AND unwanted_at IS NULL`
	if n := datasetstest.Count(t, p, copies); n != 2 {
		t.Errorf("%d verified copies, want 2", n)
	}
	p.Wake("datasets-replicate").Want(t, http.StatusNoContent)
	if n := datasetstest.Count(t, p, copies); n != 1 {
		t.Errorf("%d wanted copies, want that of the current content", n)
	}
	exec(t, p, `DELETE FROM object_replicas WHERE unwanted_at IS NULL`) // as if the backup had been configured later
	p.Wake("datasets-replicate").Want(t, http.StatusNoContent)
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM object_replicas WHERE unwanted_at IS NULL`); n != 1 {
		t.Errorf("%d copies are wanted, want 1", n)
	}
	for _, e := range platformtest.Published[events.ReplicationRequested](p, 3)[2:] {
		platformtest.Deliver(p, "datasets-replicate", e).Want(t, http.StatusNoContent)
	}
	primary.Stop()
	wantContent(t, p, token, path+"/a", "22")
	p.Do(token, http.MethodPut, path+"/b", "x").Want(t, http.StatusServiceUnavailable)
	primary.Start(t)
	p.Do(token, http.MethodDelete, strings.TrimSuffix(path, "/objects"), nil).Want(t, http.StatusNoContent)
	disposeOf(t, p, 0)
	exec(t, p, `UPDATE object_replicas SET unwanted_at = now() - interval '1 day'`)
	p.Wake("datasets-replicate").Want(t, http.StatusNoContent)
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM object_replicas`); n != 0 {
		t.Errorf("%d records of copies are left", n)
	}
}
