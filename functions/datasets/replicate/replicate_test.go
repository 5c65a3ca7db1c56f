package replicate_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/dispose"
	"function/functions/datasets/download"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/replicate"
	outboxrelay "function/functions/platform/outbox-relay"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/objects/objectstest"
	_ "function/shared/objects/s3"
	"function/shared/platformtest"
	"function/shared/retention/retentiontest"

	"github.com/google/uuid"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const name = "datasets-replicate"

var walk = append([]function.Declaration{replicate.Service, download.Service, dispose.Service, outboxrelay.Service}, datasetstest.Lifecycle...)

// fixture is a platform with one data set of one profiled version.
type fixture struct {
	*platformtest.Platform
	t       *testing.T
	caller  platformtest.Caller
	dataset dataset.Dataset
}

const content = "a,b\n1,2\n3,4\n"

func newFixture(t *testing.T, configure func(*function.Config)) *fixture {
	t.Helper()
	f := &fixture{Platform: platformtest.NewWith(t, configure, walk...), t: t}
	f.caller = f.Login("owner")
	f.dataset = datasetstest.Create(t, f.Platform, f.caller.Token, "copied")
	datasetstest.Upload(t, f.Platform, f.caller.Token, f.dataset.ID, "a.csv", content).Want(t, http.StatusCreated)
	datasetstest.Profile(t, f.Platform, 1)
	return f
}

// replicate delivers the n-th and later of want requests.
func (f *fixture) replicate(n, want int) {
	f.t.Helper()
	for _, e := range platformtest.Published[events.ReplicationRequested](f.Platform, want)[n-1:] {
		platformtest.Deliver(f.Platform, name, e).Want(f.t, http.StatusNoContent)
	}
}

func (f *fixture) count(condition string) int {
	f.t.Helper()
	return datasetstest.Count(f.t, f.Platform, `SELECT count(*) FROM object_replicas WHERE `+condition)
}

func (f *fixture) lags() bool {
	f.t.Helper()
	return datasetstest.Count(f.t, f.Platform, `SELECT (value > 0)::int FROM published.metrics WHERE name = 'data_replication_lag_seconds'`) == 1
}

func (f *fixture) exec(sql string, args ...any) {
	f.t.Helper()
	if _, err := f.DB(database.Datasets).Exec(f.t.Context(), sql, args...); err != nil {
		f.t.Fatal(err)
	}
}

// wantDownload fails the test unless the file comes back.
func (f *fixture) wantDownload() {
	f.t.Helper()
	answer := f.Do(f.caller.Token, http.MethodGet, "/v1/datasets/"+f.dataset.ID.String()+"/download", nil).Want(f.t, http.StatusOK)
	if string(answer.Body) != content {
		f.t.Errorf("%q comes back, want %q", answer.Body, content)
	}
}

// dispose deletes the data set and destroys it, as after the retention period.
func (f *fixture) dispose(status int) {
	f.t.Helper()
	f.exec(`UPDATE datasets SET deleted_at = now() - interval '40 days'`)
	retentiontest.Learn(f.t, f.Platform, "datasets-dispose", "datasets", map[uuid.UUID]int{uuid.Nil: 30})
	platformtest.Deliver(f.Platform, "datasets-dispose", retentiontest.Request("datasets", time.Now())).Want(f.t, status)
}

// local returns a configuration with two directories.
func local(primary, backup string) func(*function.Config) {
	return func(c *function.Config) {
		c.StorageLocalURL, c.StorageLocalBackupURL = "file://"+primary, "file://"+backup
	}
}

func TestReplicate_StoredObjects_AreCopiedUnchanged(t *testing.T) {
	t.Parallel()
	primary, backup := t.TempDir(), t.TempDir()
	f := newFixture(t, local(primary, backup))
	if !f.lags() {
		t.Error("nothing lags before the copies")
	}
	for range 2 { // delivered twice
		f.replicate(1, 2)
	}
	if diff := cmp.Diff(datasetstest.Files(t, primary), datasetstest.Files(t, backup)); diff != "" || len(datasetstest.Files(t, backup)) != 2 {
		t.Errorf("copies (-primary +backup):\n%s", diff)
	}
	if n := f.count(`verified_at IS NOT NULL AND length(sha256) = 32`); n != 2 || f.lags() {
		t.Errorf("%d verified copies, lag %t, want 2 and none", n, f.lags())
	}
}

func TestReplicate_NoBackup_DoesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(*function.Config) {})
	f.Wake(name).Want(t, http.StatusNoContent)
	if n := f.count(`true`); n != 0 || f.lags() {
		t.Errorf("%d copies are wanted without a backup", n)
	}
}

func TestReplicate_BackupAway_CatchesUp(t *testing.T) {
	t.Parallel()
	backup := objectstest.NewS3(t)
	primary := t.TempDir()
	f := newFixture(t, func(c *function.Config) { c.StorageLocalURL, c.StorageLocalBackupURL = "file://"+primary, backup.URL() })
	backup.Stop()
	f.replicate(1, 2)
	if n := f.count(`verified_at IS NULL`); n != 2 || !f.lags() {
		t.Errorf("%d copies wait, lag %t, want 2 to wait", n, f.lags())
	}
	f.wantDownload()
	backup.Start(t)
	datasetstest.MakeJobsDue(t, f.Platform)
	f.replicate(3, 4)
	if n := f.count(`verified_at IS NOT NULL`); n != 2 || f.lags() || len(datasetstest.Files(t, backup.Dir)) != 2 {
		t.Errorf("%d of 2 copies verified after the backup has come back", n)
	}
}

func TestReplicate_AttemptsExhausted_FoundAgain(t *testing.T) {
	t.Parallel()
	primary, backup := t.TempDir(), t.TempDir()
	f := newFixture(t, local(primary, backup))
	f.exec(`UPDATE jobs SET attempt = max_attempts, state = 'retryable', due_at = now() - interval '1 second' WHERE kind = $1`, name)
	f.Wake("platform-outbox-relay").Want(t, http.StatusNoContent)
	for _, e := range platformtest.Published[events.JobFailed](f.Platform, 2) {
		platformtest.Deliver(f.Platform, name, e).Want(t, http.StatusNoContent)
	}
	for range 2 { // the second finds jobs under way
		f.Wake(name).Want(t, http.StatusNoContent)
	}
	f.replicate(3, 4)
	if n := f.count(`verified_at IS NOT NULL`); n != 2 || len(datasetstest.Files(t, backup)) != 2 {
		t.Errorf("%d of 2 copies verified", n)
	}
}

func TestReplicate_BackupConfiguredLater_CopiesEverything(t *testing.T) {
	t.Parallel()
	primary, first, second := t.TempDir(), t.TempDir(), t.TempDir()
	f := newFixture(t, func(c *function.Config) { c.StorageLocalURL = "file://" + primary })
	later := func(backup string) *fixture {
		return &fixture{Platform: platformtest.NewWith(t, func(c *function.Config) { *c = f.Env.Config; local(primary, backup)(c) }, walk...), t: t, caller: f.caller, dataset: f.dataset}
	}
	deliver := func(to *fixture, n, want int) { // the events arrive at the first platform's broker
		for _, e := range platformtest.Published[events.ReplicationRequested](f.Platform, want)[n-1:] {
			platformtest.Deliver(to.Platform, name, e).Want(t, http.StatusNoContent)
		}
	}
	one := later(first)
	one.Wake(name).Want(t, http.StatusNoContent)
	deliver(one, 1, 2)
	two := later(second) // the backup is replaced
	two.Wake(name).Want(t, http.StatusNoContent)
	deliver(two, 3, 4)
	if diff := cmp.Diff(datasetstest.Files(t, first), datasetstest.Files(t, second)); diff != "" || len(datasetstest.Files(t, second)) != 2 {
		t.Errorf("copies (-first backup +second):\n%s", diff)
	}
	if n := f.count(`retired_at IS NOT NULL`); n != 2 {
		t.Errorf("%d copies are retired, want those in the replaced backup", n)
	}
	two.dispose(http.StatusNoContent)
	if n := f.count(`true`); n != 2 || len(datasetstest.Files(t, second)) != 0 {
		t.Errorf("%d records after the disposal, want those of the copies that could not be deleted", n)
	}
	f.exec(`UPDATE object_replicas SET unwanted_at = now() - interval '1 hour'`)
	one.Wake(name).Want(t, http.StatusNoContent) // configured again
	if n := f.count(`true`); n != 0 || len(datasetstest.Files(t, first)) != 0 {
		t.Errorf("%d records and %d copies are left in the first backup", n, len(datasetstest.Files(t, first)))
	}
}

func TestReplicate_PrimaryDamagedBeforeTheCopy_IsNotCopied(t *testing.T) {
	t.Parallel()
	primary, backup := t.TempDir(), t.TempDir()
	f := newFixture(t, local(primary, backup))
	damage(t, primary)
	f.replicate(1, 2)
	if n := f.count(`verified_at IS NULL`); n != 2 || len(datasetstest.Files(t, backup)) != 0 {
		t.Errorf("%d copies wait and %d exist, want none of damaged objects", n, len(datasetstest.Files(t, backup)))
	}
}

func damage(t *testing.T, dir string) {
	t.Helper()
	for file, data := range datasetstest.Files(t, dir) {
		damaged := []byte(data)
		damaged[len(damaged)/2] ^= 1
		if err := os.WriteFile(filepath.Join(dir, file), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFailover_PrimaryStopped_DownloadReadsTheBackup(t *testing.T) {
	t.Parallel()
	primary, backup := objectstest.NewS3(t), t.TempDir()
	f := newFixture(t, func(c *function.Config) { c.StorageLocalURL, c.StorageLocalBackupURL = primary.URL(), "file://"+backup })
	f.replicate(1, 2)
	f.wantDownload()

	primary.Stop()
	f.wantDownload()
	datasetstest.WaitFor(t, "the count of reads from the backup", func() bool {
		return datasetstest.Count(t, f.Platform, `SELECT coalesce(sum(value), 0)::int FROM published.metrics WHERE name = 'data_backup_reads_total'`) > 0
	})
	body, contentType := datasetstest.Form(t, "file", "a.csv", "", content)
	datasetstest.Send(f.Platform, f.caller.Token, f.dataset.ID, body, contentType).Want(t, http.StatusServiceUnavailable) // writes need the primary

	primary.Start(t)
	f.wantDownload()
}

func TestFailover_PrimaryDamaged_DownloadReadsTheBackup(t *testing.T) {
	t.Parallel()
	primary, backup := t.TempDir(), t.TempDir()
	f := newFixture(t, local(primary, backup))
	f.replicate(1, 2)
	damage(t, primary)
	f.wantDownload()
}

func TestDispose_CopiesExist_AreDeletedToo(t *testing.T) {
	t.Parallel()
	backup := objectstest.NewS3(t)
	primary := t.TempDir()
	f := newFixture(t, func(c *function.Config) { c.StorageLocalURL, c.StorageLocalBackupURL = "file://"+primary, backup.URL() })
	f.replicate(1, 2)
	backup.Stop()
	f.dispose(http.StatusServiceUnavailable)
	if n := f.count(`true`); n != 2 || datasetstest.Count(t, f.Platform, `SELECT count(*) FROM datasets`) != 1 {
		t.Errorf("%d records left while the backup is away, want 2 and the data set", n)
	}
	backup.Start(t)
	f.dispose(http.StatusNoContent)
	if n := f.count(`true`); n != 0 || len(datasetstest.Files(t, backup.Dir)) != 0 || len(datasetstest.Files(t, primary)) != 0 {
		t.Errorf("%d records, %d copies and %d objects are left", n, len(datasetstest.Files(t, backup.Dir)), len(datasetstest.Files(t, primary)))
	}
}

func TestDispose_CopyInterruptedByACrash_IsSwept(t *testing.T) {
	t.Parallel()
	primary, backup := t.TempDir(), t.TempDir()
	f := newFixture(t, local(primary, backup))
	f.replicate(1, 2)
	unfinished := filepath.Join(backup, f.caller.OrganizationID.String(), "object.0123456789abcdef.tmp")
	if err := os.WriteFile(unfinished, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	hoursAgo := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(unfinished, hoursAgo, hoursAgo); err != nil {
		t.Fatal(err)
	}
	f.dispose(http.StatusNoContent)
	if left := datasetstest.Files(t, backup); len(left) != 0 {
		t.Errorf("%d files are left in the backup", len(left))
	}
}

func TestDispose_CopyInProgress_LeavesNothing(t *testing.T) {
	t.Parallel()
	primary, backup := t.TempDir(), t.TempDir()
	f := newFixture(t, local(primary, backup))
	copies := datasetstest.Files(t, primary)
	f.dispose(http.StatusNoContent)
	for file, data := range copies { // a process that did not notice its cancellation
		if err := os.MkdirAll(filepath.Dir(filepath.Join(backup, file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(backup, file), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f.replicate(1, 2) // cancelled
	if n := f.count(`unwanted_at IS NOT NULL AND verified_at IS NULL`); n != 2 || f.lags() {
		t.Errorf("%d unwanted copies are recorded, want 2", n)
	}
	f.exec(`UPDATE object_replicas SET unwanted_at = now() - interval '1 hour'`)
	f.Wake(name).Want(t, http.StatusNoContent)
	if n := f.count(`true`); n != 0 || len(datasetstest.Files(t, backup)) != 0 {
		t.Errorf("%d records and %d copies are left", n, len(datasetstest.Files(t, backup)))
	}
}
