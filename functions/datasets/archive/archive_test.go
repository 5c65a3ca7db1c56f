package archive_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/analytics/query"
	"function/functions/datasets/archive"
	"function/functions/datasets/branches"
	"function/functions/datasets/datasetstest"
	"function/functions/datasets/diff"
	"function/functions/datasets/dispose"
	"function/functions/datasets/download"
	"function/functions/datasets/hold"
	"function/functions/datasets/jobs"
	"function/functions/datasets/lifecycle"
	mergebranch "function/functions/datasets/merge-branch"
	"function/functions/datasets/recall"
	"function/functions/datasets/replicate"
	restoreversion "function/functions/datasets/restore-version"
	"function/functions/datasets/retry"
	"function/functions/datasets/tags"
	"function/functions/datasets/versions"
	outboxrelay "function/functions/platform/outbox-relay"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/objects/objectstest"
	_ "function/shared/objects/s3"
	"function/shared/platformtest"
	"function/shared/retention/retentiontest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{
	archive.Service, recall.Service, lifecycle.Service, versions.Service, download.Service, diff.Service, query.Service, jobs.Service, tags.Service,
	branches.Service, mergebranch.Service, restoreversion.Service, retry.Service, hold.Service, dispose.Service, replicate.Service, outboxrelay.Service,
}, datasetstest.Lifecycle...)

// fixture is a platform with a primary store and an archive, and one data set.
type fixture struct {
	*platformtest.Platform
	t                *testing.T
	token            string
	id               uuid.UUID
	primary, archive string // directories
	profiled         int
	archived         int // delivered requests
	recalled         int
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	primary, archive := t.TempDir(), t.TempDir()
	f := newFixtureWith(t, func(c *function.Config) {
		c.StorageLocalURL, c.StorageLocalArchiveURL = "file://"+primary, "file://"+archive
	})
	f.primary, f.archive = primary, archive
	return f
}

// newFixtureOnS3 has its archive on an S3 server.
func newFixtureOnS3(t *testing.T) (*fixture, *objectstest.S3) {
	t.Helper()
	store, primary := objectstest.NewS3(t), t.TempDir()
	f := newFixtureWith(t, func(c *function.Config) { c.StorageLocalURL, c.StorageLocalArchiveURL = "file://"+primary, store.URL() })
	f.primary, f.archive = primary, store.Dir
	return f, store
}

func newFixtureWith(t *testing.T, configure func(*function.Config)) *fixture {
	t.Helper()
	f := &fixture{Platform: platformtest.NewWith(t, configure, walk...), t: t}
	f.token = f.Login("owner").Token
	f.id = datasetstest.Create(t, f.Platform, f.token, "d").ID
	return f
}

func (f *fixture) call(method, rest string, body any, status int) platformtest.Answer {
	f.t.Helper()
	return f.Do(f.token, method, "/v1/datasets/"+f.id.String()+rest, body).Want(f.t, status)
}

// upload adds a version with one row per id.
func (f *fixture) upload(parameters string, ids ...string) {
	f.t.Helper()
	body, contentType := datasetstest.Form(f.t, "file", "a.csv", "", "id\n"+strings.Join(ids, "\n")+"\n")
	f.Do(f.token, http.MethodPost, "/v1/datasets/"+f.id.String()+"/upload?"+parameters, body, "Content-Type", contentType).Want(f.t, http.StatusCreated)
	f.profile()
}

func (f *fixture) profile() {
	f.t.Helper()
	f.profiled++
	datasetstest.Profile(f.t, f.Platform, f.profiled)
}

func (f *fixture) exec(sql string, args ...any) {
	f.t.Helper()
	if _, err := f.DB(database.Datasets).Exec(f.t.Context(), sql, args...); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) count(sql string) int {
	f.t.Helper()
	return datasetstest.Count(f.t, f.Platform, sql)
}

// age makes everything older by a number of days.
func (f *fixture) age(days int) {
	f.t.Helper()
	for _, set := range []string{
		`dataset_versions SET uploaded_at = uploaded_at - i, recalled_at = recalled_at - i`,
		`staged_objects SET created_at = created_at - i`, `archived_objects SET changed_at = changed_at - i`,
	} {
		f.exec(`UPDATE ` + strings.ReplaceAll(set, "- i", fmt.Sprintf("- interval '%d days'", days)))
	}
}

// night applies the policy and runs the jobs that it requests, which are want.
func (f *fixture) night(want int) {
	f.t.Helper()
	f.Wake("datasets-lifecycle").Want(f.t, http.StatusNoContent)
	for range want {
		f.archived++
		platformtest.Deliver(f.Platform, "datasets-archive", platformtest.Published[events.ArchiveRequested](f.Platform, f.archived)[f.archived-1]).Want(f.t, http.StatusNoContent)
	}
	if n := f.count(`SELECT count(*) FROM jobs WHERE kind = 'datasets-archive' AND finished_at IS NULL`); n != 0 {
		f.t.Errorf("%d unfinished jobs after %d", n, want)
	}
}

// sweep deletes what no version needs, as each night.
func (f *fixture) sweep(status int) {
	f.t.Helper()
	retentiontest.Learn(f.t, f.Platform, "datasets-dispose", "datasets", map[uuid.UUID]int{uuid.Nil: 30})
	platformtest.Deliver(f.Platform, "datasets-dispose", retentiontest.Request("datasets", time.Now())).Want(f.t, status)
}

// recall requests a version and runs the job.
func (f *fixture) recall(version int) {
	f.t.Helper()
	f.call(http.MethodPost, fmt.Sprintf("/versions/%d/recall", version), nil, http.StatusAccepted)
	f.runRecall()
}

func (f *fixture) runRecall() {
	f.t.Helper()
	f.recalled++
	platformtest.Deliver(f.Platform, "datasets-recall", platformtest.Published[events.RecallRequested](f.Platform, f.recalled)[f.recalled-1]).Want(f.t, http.StatusNoContent)
}

func (f *fixture) policy(body map[string]any) {
	f.t.Helper()
	f.call(http.MethodPut, "/lifecycle", body, http.StatusOK)
}

// list returns the numbers of versions that are archived according to the history.
func (f *fixture) list() []int {
	f.t.Helper()
	numbers := []int{}
	answer := platformtest.Decode[struct {
		Items []struct {
			Version    int
			ArchivedAt *time.Time `json:"archived_at"`
		}
	}](f.t, f.call(http.MethodGet, "/versions?limit=200", nil, http.StatusOK))
	for _, v := range answer.Items {
		if v.ArchivedAt != nil {
			numbers = append([]int{v.Version}, numbers...)
		}
	}
	return numbers
}

func (f *fixture) wantArchived(want ...int) {
	f.t.Helper()
	if diff := cmp.Diff(append([]int{}, want...), f.list()); diff != "" {
		f.t.Errorf("archived versions (-want +got):\n%s", diff)
	}
}

// preview returns the versions that the policy in force would archive.
func (f *fixture) preview(query string) []int {
	f.t.Helper()
	numbers := []int{}
	answer := platformtest.Decode[struct{ Archive []struct{ Version int } }](f.t, f.call(http.MethodGet, "/lifecycle/preview"+query, nil, http.StatusOK))
	for _, v := range answer.Archive {
		numbers = append(numbers, v.Version)
	}
	return numbers
}

func (f *fixture) wantPreview(query string, want ...int) {
	f.t.Helper()
	if diff := cmp.Diff(append([]int{}, want...), f.preview(query)); diff != "" {
		f.t.Errorf("preview %s (-want +got):\n%s", query, diff)
	}
}

func (f *fixture) query(ref string, status int) platformtest.Answer {
	f.t.Helper()
	return f.Do(f.token, http.MethodPost, "/v1/analytics/query", map[string]any{
		"database": "datasets", "query": `SELECT string_agg(id, ',' ORDER BY id) AS ids FROM d` + ref}).Want(f.t, status)
}

// wantReadable fails the test unless a version has these rows, by a query and by a download.
func (f *fixture) wantReadable(version int, ids string) {
	f.t.Helper()
	if answer := f.query(fmt.Sprintf("@%d", version), http.StatusOK); !strings.Contains(string(answer.Body), `["`+ids+`"]`) {
		f.t.Errorf("version %d has %s, want %s", version, answer.Body, ids)
	}
	f.call(http.MethodGet, fmt.Sprintf("/download?version=%d", version), nil, http.StatusOK)
	f.call(http.MethodGet, fmt.Sprintf("/download?format=ndjson&version=%d", version), nil, http.StatusOK)
}

func wantRefusal(t *testing.T, a platformtest.Answer, version int) {
	t.Helper()
	if body := string(a.Body); !strings.Contains(body, "archived") || !strings.Contains(body, fmt.Sprintf("/versions/%d/recall", version)) {
		t.Errorf("answer %s, want one that names the recall of version %d", body, version)
	}
}

func (f *fixture) wantFiles(primary, archived int) {
	f.t.Helper()
	if p, a := len(datasetstest.Files(f.t, f.primary)), len(datasetstest.Files(f.t, f.archive)); p != primary || a != archived {
		f.t.Errorf("%d objects in the primary store and %d in the archive, want %d and %d", p, a, primary, archived)
	}
}

// threeVersions makes versions 1 to 3, of which a policy archives 1 and 2, in a month's time.
func threeVersions(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	f.upload("", "a")
	f.upload("", "b")
	f.upload("", "c")
	f.policy(map[string]any{"archive_after_days": 30})
	f.age(31)
	return f
}

func TestArchive_OldVersions_MoveAndComeBack(t *testing.T) {
	t.Parallel()
	f := threeVersions(t)
	before := datasetstest.Files(t, f.primary)
	f.wantPreview("", 1, 2)

	f.night(2)

	f.wantArchived(1, 2)
	f.wantPreview("")
	f.wantFiles(6, 4) // readers finish
	for name, content := range datasetstest.Files(t, f.archive) {
		if before[name] != content {
			t.Errorf("object %s differs in the archive", name)
		}
	}
	f.age(2)
	f.sweep(http.StatusNoContent)
	f.wantFiles(2, 4)
	f.wantReadable(3, "c")

	f.recall(1)

	f.wantArchived(2)
	f.wantReadable(1, "a")
	wantRefusal(t, f.query("@2", http.StatusConflict), 2)
	f.age(2)
	f.sweep(http.StatusNoContent)
	f.wantFiles(4, 2)
	f.wantReadable(1, "a")
	f.night(0) // not yet again
	f.age(31)
	f.wantPreview("", 1)
	f.night(1)
	f.wantArchived(1, 2)
	f.age(2)
	f.sweep(http.StatusNoContent)
	f.wantFiles(2, 4)
	f.recall(1)
	f.recall(2)
	f.wantReadable(1, "a")
	f.wantReadable(2, "b")
	if n := f.count(`SELECT count(*) FROM audit_entries WHERE action IN ('datasets:archive', 'datasets:recall')`); n != 6 {
		t.Errorf("%d entries in the trail, want 6", n)
	}
}

func TestArchive_ArchivedVersion_IsRefusedWithTheRecall(t *testing.T) {
	t.Parallel()
	f := threeVersions(t)
	f.night(2)
	for name, answer := range map[string]platformtest.Answer{
		"query":      f.query("@1", http.StatusConflict),
		"download":   f.call(http.MethodGet, "/download?version=1", nil, http.StatusConflict),
		"conversion": f.call(http.MethodGet, "/download?version=1&format=parquet", nil, http.StatusConflict),
		"diff":       f.call(http.MethodGet, "/diff?from=1&to=3&key=id", nil, http.StatusConflict),
		"restore":    f.call(http.MethodPost, "/versions/1/restore", map[string]any{}, http.StatusConflict),
		"branch":     f.call(http.MethodPost, "/branches", map[string]any{"name": "old", "from": "1"}, http.StatusConflict),
	} {
		t.Log(name)
		wantRefusal(t, answer, 1)
	}
	f.call(http.MethodPut, "/tags/first", map[string]any{"version": 1}, http.StatusOK) // a name
	wantRefusal(t, f.query("@first", http.StatusConflict), 1)
	f.call(http.MethodPost, "/versions/3/recall", nil, http.StatusConflict)
	f.call(http.MethodPost, "/versions/9/recall", nil, http.StatusNotFound)
	stranger := f.Login("owner")
	f.Do(stranger.Token, http.MethodPost, "/v1/datasets/"+f.id.String()+"/versions/1/recall", nil).Want(t, http.StatusNotFound)
	f.recall(1)
	f.age(31)
	f.wantPreview("") // tagged
	f.wantReadable(1, "a")
}

// A time at which an archived version was current must not show an older one.
func TestArchive_TimeOfAnArchivedVersion_IsRefused(t *testing.T) {
	t.Parallel()
	f := threeVersions(t)
	f.exec(`UPDATE dataset_versions SET profiled_at = timestamptz '2026-01-01' + version * interval '1 day'`)
	f.night(2)
	f.recall(1)
	wantRefusal(t, f.query(`@2026-01-03`, http.StatusConflict), 2)
	wantRefusal(t, f.call(http.MethodGet, "/download?version=2026-01-03", nil, http.StatusConflict), 2)
}

func TestArchive_RowsThatOthersInherit_Stay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.upload("", "a")
	f.upload("operation=append", "b")
	f.policy(map[string]any{"archive_after_days": 30})
	f.age(31)
	f.wantPreview("")
	f.night(0)
	f.upload("operation=append", "c") // is young, and inherits from both
	f.upload("", "z")
	f.wantPreview("")
	f.night(0)

	f.age(31)
	f.wantPreview("", 1, 2, 3)
	f.night(3)
	f.wantArchived(1, 2, 3)
	f.age(2)
	f.sweep(http.StatusNoContent)
	f.wantFiles(2, 6)

	f.recall(2)
	f.wantArchived(3)
	f.wantReadable(2, "a,b")
	f.wantReadable(1, "a")
	f.age(31)
	f.night(2)
	f.wantArchived(1, 2, 3)
}

func TestArchive_RestoredFile_StaysWithItsCopy(t *testing.T) {
	t.Parallel()
	f := threeVersions(t)
	f.call(http.MethodPost, "/versions/1/restore", map[string]any{}, http.StatusCreated) // version 4, the head
	f.age(31)
	f.wantPreview("", 2, 3)
	f.night(2)
	f.upload("", "z")
	f.age(31)
	f.night(2)
	f.wantArchived(1, 2, 3, 4)
	f.age(2)
	f.sweep(http.StatusNoContent)
	wantRefusal(t, f.call(http.MethodGet, "/download?version=4", nil, http.StatusConflict), 4)
	f.recall(4)
	f.wantArchived(2, 3)
	f.wantReadable(4, "a")
}

func TestArchive_HeldTaggedAndHeads_Stay(t *testing.T) {
	t.Parallel()
	f := threeVersions(t)
	f.call(http.MethodPut, "/tags/kept", map[string]any{"version": 1}, http.StatusOK)
	f.call(http.MethodPost, "/branches", map[string]any{"name": "b", "from": "2"}, http.StatusCreated)
	f.upload("branch=b&operation=append", "x")
	f.age(31)
	f.wantPreview("")
	f.night(0)
	f.call(http.MethodDelete, "/tags/kept", nil, http.StatusNoContent)
	f.wantPreview("", 1)
	f.call(http.MethodPut, "/hold", map[string]any{"reason": "case 1"}, http.StatusOK)
	f.night(0)
	f.call(http.MethodDelete, "/hold", nil, http.StatusNoContent)

	// It is held after its job was requested.
	f.Wake("datasets-lifecycle").Want(t, http.StatusNoContent)
	f.call(http.MethodPut, "/hold", map[string]any{"reason": "case 2"}, http.StatusOK)
	f.archived++
	platformtest.Deliver(f.Platform, "datasets-archive", platformtest.Published[events.ArchiveRequested](f.Platform, 1)[0]).Want(t, http.StatusNoContent)
	f.wantArchived()
	f.call(http.MethodDelete, "/hold", nil, http.StatusNoContent)
	f.night(1)
	f.wantArchived(1)
}

func TestArchive_Policy_ExpiresFirst(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, id := range []string{"a", "b", "c", "d"} {
		f.upload("", id)
	}
	f.age(31)
	f.wantPreview("?archive_after_days=30&keep_versions=2", 3)
	f.wantPreview("?archive_after_days=30", 1, 2, 3)
	f.wantPreview("?keep_versions=2")
	f.policy(map[string]any{"archive_after_days": 30})
	f.night(3)
	f.policy(map[string]any{"archive_after_days": 30, "keep_versions": 2})
	f.night(0)
	f.wantArchived(3)
	f.age(2)
	f.sweep(http.StatusNoContent)
	f.wantFiles(2, 2) // those of the expired ones are gone from both stores
	f.call(http.MethodPost, "/versions/1/recall", nil, http.StatusConflict)

	f.policy(map[string]any{"keep_days": 40})
	f.night(0)
	f.policy(map[string]any{"archive_after_days": 30})
	if answer := string(f.call(http.MethodGet, "/lifecycle", nil, http.StatusOK).Body); !strings.Contains(answer, `"archive_after_days":30`) || strings.Contains(answer, "keep") {
		t.Errorf("policy %s, want only archive_after_days", answer)
	}
	f.call(http.MethodDelete, "/lifecycle", nil, http.StatusNoContent)
	f.call(http.MethodGet, "/lifecycle", nil, http.StatusNotFound)
	f.call(http.MethodPut, "/lifecycle", map[string]any{}, http.StatusUnprocessableEntity)
}

func TestArchive_NoArchiveConfigured_IsRefused(t *testing.T) {
	t.Parallel()
	f := newFixtureWith(t, func(*function.Config) {})
	answer := f.call(http.MethodPut, "/lifecycle", map[string]any{"archive_after_days": 30}, http.StatusUnprocessableEntity)
	if !strings.Contains(string(answer.Body), "STORAGE_LOCAL_ARCHIVE_URL") {
		t.Errorf("answer %s, want the name of the setting", answer.Body)
	}
	f.policy(map[string]any{"keep_days": 30})
	f.exec(`INSERT INTO dataset_archiving (dataset_id, after_days, changed_by) VALUES ($1, 1, $1)`, f.id) // it was configured once
	f.upload("", "a")
	f.upload("", "b")
	f.age(2)
	f.night(0)
}

func TestArchive_FailedVersion_IsRetriedAfterItsRecall(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.upload("", "a")
	body, contentType := datasetstest.Form(t, "file", "a.json", "", `[{"a":1},{"a":`)
	datasetstest.Send(f.Platform, f.token, f.id, body, contentType).Want(t, http.StatusCreated)
	f.profile()
	f.upload("", "c")
	f.policy(map[string]any{"archive_after_days": 30})
	f.age(31)
	f.night(2)
	wantRefusal(t, f.call(http.MethodPost, "/versions/2/retry", nil, http.StatusConflict), 2)
	f.recall(2)
	f.call(http.MethodPost, "/versions/2/retry", nil, http.StatusAccepted)
}

// What a new version needs is kept in place. If it is archived nevertheless, the change is refused.
func TestArchive_InputArchived_ChangeIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.upload("", "a")
	f.call(http.MethodPost, "/branches", map[string]any{"name": "b", "from": "1"}, http.StatusCreated)
	f.upload("branch=b&operation=append", "b")
	f.upload("operation=append", "c")
	f.exec(`UPDATE dataset_versions SET archived_at = now() WHERE version = 1`)
	merge := map[string]any{"key": []string{"id"}}
	wantRefusal(t, f.call(http.MethodPost, "/branches/b/merge", merge, http.StatusConflict), 1)
	f.exec(`UPDATE dataset_versions SET archived_at = CASE version WHEN 3 THEN now() END`)
	wantRefusal(t, f.call(http.MethodPost, "/branches/b/merge", merge, http.StatusConflict), 3)
	body, contentType := datasetstest.Form(t, "file", "a.csv", "", "id\nd\n")
	path := "/v1/datasets/" + f.id.String() + "/upload?operation="
	wantRefusal(t, f.Do(f.token, http.MethodPost, path+"append", body, "Content-Type", contentType).Want(t, http.StatusConflict), 3)
	f.Do(f.token, http.MethodPost, path+"replace", body, "Content-Type", contentType).Want(t, http.StatusCreated)
}

func TestArchive_ArchiveAway_LeavesVersionsReadable(t *testing.T) {
	t.Parallel()
	f, store := newFixtureOnS3(t)
	f.upload("", "a")
	f.upload("", "b")
	f.policy(map[string]any{"archive_after_days": 30})
	f.age(31)
	store.Stop()
	f.Wake("datasets-lifecycle").Want(t, http.StatusNoContent)
	f.archived++
	platformtest.Deliver(f.Platform, "datasets-archive", platformtest.Published[events.ArchiveRequested](f.Platform, 1)[0]).Want(t, http.StatusNoContent)
	f.wantArchived()
	f.wantReadable(1, "a")
	store.Start(t)
	datasetstest.MakeJobsDue(t, f.Platform)
	f.archived++
	platformtest.Deliver(f.Platform, "datasets-archive", platformtest.Published[events.ArchiveRequested](f.Platform, 2)[1]).Want(t, http.StatusNoContent)
	f.wantArchived(1)
	f.age(2)
	f.sweep(http.StatusNoContent)
	f.wantFiles(2, 2)

	store.Stop()
	f.recall(1)
	f.wantArchived(1)
	jobs := string(f.call(http.MethodGet, "/jobs", nil, http.StatusOK).Body)
	if !strings.Contains(jobs, `"kind":"recall","state":"retryable"`) {
		t.Errorf("jobs %s, want the recall to wait for its next attempt", jobs)
	}
	store.Start(t)
	datasetstest.MakeJobsDue(t, f.Platform)
	f.runRecall()
	f.wantReadable(1, "a")
}

func TestArchive_CopyDamagedOnArrival_IsReplaced(t *testing.T) {
	t.Parallel()
	f := threeVersions(t)
	f.Wake("datasets-lifecycle").Want(t, http.StatusNoContent)
	for name := range datasetstest.Files(t, f.primary) { // an earlier attempt has left other bytes under each name
		if err := os.MkdirAll(filepath.Dir(filepath.Join(f.archive, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(f.archive, name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.night(2)
	f.wantArchived(1, 2)
	f.age(2)
	f.sweep(http.StatusNoContent)
	f.recall(1)
	f.wantReadable(1, "a")
}

// A job that dies at any statement of its last transaction leaves the version where it was.
func TestArchive_CrashAtTheEnd_LeavesTheVersionInOneStore(t *testing.T) {
	t.Parallel()
	f := threeVersions(t)
	f.exec(`CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'died'; END $$`)
	f.exec(`CREATE TRIGGER die BEFORE UPDATE OF archived_at ON dataset_versions FOR EACH ROW EXECUTE FUNCTION die()`)
	f.Wake("datasets-lifecycle").Want(t, http.StatusNoContent)
	f.archived++
	platformtest.Deliver(f.Platform, "datasets-archive", platformtest.Published[events.ArchiveRequested](f.Platform, 1)[0]).Want(t, http.StatusNoContent)
	f.wantArchived()
	f.age(2)
	f.sweep(http.StatusNoContent)
	f.wantFiles(6, 0) // the abandoned copies are gone
	f.wantReadable(2, "b")
	f.exec(`ALTER TABLE dataset_versions DISABLE TRIGGER die`)
	datasetstest.MakeJobsDue(t, f.Platform)
	f.archived++
	platformtest.Deliver(f.Platform, "datasets-archive", platformtest.Published[events.ArchiveRequested](f.Platform, 2)[1]).Want(t, http.StatusNoContent)
	f.archived++
	platformtest.Deliver(f.Platform, "datasets-archive", platformtest.Published[events.ArchiveRequested](f.Platform, 3)[2]).Want(t, http.StatusNoContent)
	f.wantArchived(1, 2)
	f.age(2)
	f.sweep(http.StatusNoContent)
	f.wantFiles(2, 4)

	f.exec(`ALTER TABLE dataset_versions ENABLE TRIGGER die`)
	f.recall(2)
	f.wantArchived(1, 2)
	f.wantFiles(4, 4)
	f.age(2)
	f.sweep(http.StatusNoContent)
	f.wantFiles(2, 4)
	f.exec(`ALTER TABLE dataset_versions DISABLE TRIGGER die`)
	datasetstest.MakeJobsDue(t, f.Platform)
	f.runRecall()
	f.wantArchived(1)
	f.wantReadable(2, "b")
}

func TestRecall_BeforeTheSweep_KeepsThePrimaryObjects(t *testing.T) {
	t.Parallel()
	f := threeVersions(t)
	f.night(2)
	f.call(http.MethodPost, "/versions/1/recall", nil, http.StatusAccepted)
	f.recall(1) // asked twice, one job
	f.wantFiles(6, 4)
	f.age(2)
	f.sweep(http.StatusNoContent)
	f.wantFiles(4, 2)
	f.recalled-- // delivered twice
	f.runRecall()
	f.wantArchived(2)
	f.wantReadable(1, "a")
}

func TestRecall_ArchiveDamaged_ReadsTheBackup(t *testing.T) {
	t.Parallel()
	primary, archive, backup := t.TempDir(), t.TempDir(), t.TempDir()
	f := newFixtureWith(t, func(c *function.Config) {
		c.StorageLocalURL, c.StorageLocalArchiveURL, c.StorageLocalBackupURL = "file://"+primary, "file://"+archive, "file://"+backup
	})
	f.primary, f.archive = primary, archive
	f.upload("", "a")
	f.upload("", "b")
	f.policy(map[string]any{"archive_after_days": 30})
	f.age(31)
	f.night(1)
	f.age(2)
	f.sweep(http.StatusNoContent)
	f.wantFiles(2, 2)

	// The backup gets its copies only now: of archived objects, from the archive.
	for _, e := range platformtest.Published[events.ReplicationRequested](f.Platform, 4) {
		platformtest.Deliver(f.Platform, "datasets-replicate", e).Want(t, http.StatusNoContent)
	}
	f.Wake("datasets-replicate").Want(t, http.StatusNoContent)
	f.wantFiles(2, 2) // nothing has come back
	if n := len(datasetstest.Files(t, backup)); n != 4 || f.count(`SELECT count(*) FROM object_replicas WHERE verified_at IS NOT NULL`) != 4 {
		t.Errorf("%d copies in the backup, want 4", n)
	}
	for name, content := range datasetstest.Files(t, archive) {
		damaged := []byte(content)
		damaged[len(damaged)/2] ^= 1
		if err := os.WriteFile(filepath.Join(archive, name), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.recall(1)
	f.wantReadable(1, "a")
}

func TestRecall_ArchiveDamaged_FailsWithASentence(t *testing.T) {
	t.Parallel()
	f := threeVersions(t)
	f.night(2)
	f.age(2)
	f.sweep(http.StatusNoContent)
	for name := range datasetstest.Files(t, f.archive) {
		if err := os.Remove(filepath.Join(f.archive, name)); err != nil {
			t.Fatal(err)
		}
	}
	f.recall(1)
	platformtest.Deliver(f.Platform, "datasets-recall", platformtest.Published[events.JobFailed](f.Platform, 1)[0]).Want(t, http.StatusNoContent)
	f.wantArchived(1, 2)
	if jobs := string(f.call(http.MethodGet, "/jobs", nil, http.StatusOK).Body); !strings.Contains(jobs, `"kind":"recall","state":"discarded"`) || !strings.Contains(jobs, "ask the operator") {
		t.Errorf("jobs %s, want a failed recall with its reason", jobs)
	}
}

func TestDispose_ArchivedVersions_AreDestroyed(t *testing.T) {
	t.Parallel()
	f, store := newFixtureOnS3(t)
	f.upload("", "a")
	f.upload("", "b")
	f.policy(map[string]any{"archive_after_days": 30})
	f.age(31)
	f.night(1)
	f.age(2)
	f.sweep(http.StatusNoContent)
	f.exec(`UPDATE datasets SET deleted_at = now() - interval '40 days'`)
	store.Stop()
	f.sweep(http.StatusServiceUnavailable)
	if n := f.count(`SELECT count(*) FROM datasets`); n != 1 {
		t.Error("the data set was forgotten while its archive is away")
	}
	store.Start(t)
	f.sweep(http.StatusNoContent)
	f.wantFiles(0, 0)
	if n := f.count(`SELECT count(*) FROM archived_objects`) + f.count(`SELECT count(*) FROM datasets`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// A job that moves a version can be cancelled. Its version stays where it is, and can be moved later.
func TestJobs_MoveCancelled_LeavesTheVersionInPlace(t *testing.T) {
	t.Parallel()
	f := threeVersions(t)
	cancel := func(version int, kind string, status int) {
		t.Helper()
		f.call(http.MethodPost, fmt.Sprintf("/jobs/%d/cancel?kind=%s", version, kind), nil, status)
	}
	cancel(1, "archive", http.StatusConflict)
	cancel(1, "other", http.StatusUnprocessableEntity)
	f.Wake("datasets-lifecycle").Want(t, http.StatusNoContent)
	f.archived++
	requested := platformtest.Published[events.ArchiveRequested](f.Platform, f.archived)[f.archived-1]
	cancel(requested.Data.Version, "recall", http.StatusConflict)
	cancel(requested.Data.Version, "archive", http.StatusOK)
	cancel(requested.Data.Version, "archive", http.StatusConflict)
	platformtest.Deliver(f.Platform, "datasets-archive", requested).Want(t, http.StatusNoContent)
	f.wantArchived()
	f.night(2)
	f.wantArchived(1, 2)

	f.call(http.MethodPost, "/versions/1/recall", nil, http.StatusAccepted)
	f.Do(f.Login("owner").Token, http.MethodPost, "/v1/datasets/"+f.id.String()+"/jobs/1/cancel?kind=recall", nil).Want(t, http.StatusNotFound)
	cancel(1, "recall", http.StatusOK)
	f.runRecall() // its event is still delivered
	f.wantArchived(1, 2)
	f.recall(1)
	f.wantArchived(2)
	f.wantReadable(1, "a")
	var bytes, versions float64
	if err := f.DB(database.Datasets).QueryRow(t.Context(), `SELECT sum(value) FILTER (WHERE name = 'data_archived_bytes'), sum(value) FILTER (WHERE name = 'data_archived_versions') FROM published.metrics`).Scan(&bytes, &versions); err != nil || bytes <= 0 || versions != 1 {
		t.Errorf("metrics: %v bytes of %v versions, %v", bytes, versions, err)
	}
}
