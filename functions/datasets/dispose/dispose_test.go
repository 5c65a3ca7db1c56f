package dispose_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/dispose"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/retention/retentiontest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{dispose.Service}, datasetstest.Lifecycle...)

// deleted creates a profiled data set that was deleted the given number of days ago; n counts the
// uploads of the platform.
func deleted(t *testing.T, p *platformtest.Platform, c platformtest.Caller, name string, n, days int) uuid.UUID {
	t.Helper()
	d := datasetstest.Create(t, p, c.Token, name)
	datasetstest.Upload(t, p, c.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, n)
	exec(t, p, `UPDATE datasets SET deleted_at = now() - $2 * interval '1 day' WHERE id = $1`, d.ID, days)
	return d.ID
}

func exec(t *testing.T, p *platformtest.Platform, sql string, args ...any) {
	t.Helper()
	if _, err := p.DB(database.Datasets).Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// request is a sweep with a default of 30 days and other policies for some organizations.
func request(t *testing.T, p *platformtest.Platform, own map[uuid.UUID]int) events.Received[events.DisposalRequested] {
	t.Helper()
	days := map[uuid.UUID]int{uuid.Nil: 30}
	maps.Copy(days, own)
	retentiontest.Learn(t, p, "datasets-dispose", "datasets", days)
	return retentiontest.Request("datasets", time.Now())
}

func TestDispose_DeletedLongAgo_IsDestroyed(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller, other, third := p.Login("owner"), p.Login("owner"), p.Login("owner")
	deleted(t, p, caller, "old", 1, 40)
	deleted(t, p, caller, "older", 2, 50)
	recent := deleted(t, p, caller, "recent", 3, 10)
	excepted := deleted(t, p, other, "excepted", 4, 40)
	deleted(t, p, third, "theirs", 5, 40)
	kept := datasetstest.Create(t, p, caller.Token, "kept")
	e := request(t, p, map[uuid.UUID]int{other.OrganizationID: 41})

	for range 2 { // delivered twice
		platformtest.Deliver(p, "datasets-dispose", e).Want(t, http.StatusNoContent)
	}

	if n := datasetstest.Count(t, p, `SELECT count(*) FROM datasets WHERE id = ANY ($1)`, []uuid.UUID{recent, excepted, kept.ID}); n != 3 {
		t.Errorf("%d of 3 data sets are kept that should be", n)
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM datasets`); n != 3 {
		t.Errorf("%d data sets left, want 3", n)
	}
	if n := datasetstest.Objects(t, p); n != 4 {
		t.Errorf("%d objects left, want those of two data sets", n)
	}
	disposed := platformtest.Published[events.Disposed](p, 1)
	if len(disposed) != 1 || disposed[0].Data.SweepID != e.Data.SweepID || disposed[0].Data.Resource != "datasets" {
		t.Fatalf("events %+v, want one for the sweep", disposed)
	}
	counts := map[uuid.UUID]events.DisposedCount{}
	for _, c := range disposed[0].Data.Organizations {
		counts[c.OrganizationID] = c
	}
	if c := counts[caller.OrganizationID]; c.Items != 2 || c.Bytes <= 0 || c.Newest.Sub(c.Oldest).Round(time.Hour) != 10*24*time.Hour {
		t.Errorf("count %+v of the caller, want 2 items, 10 days apart", c)
	}
	if c := counts[third.OrganizationID]; c.Items != 1 || len(counts) != 2 {
		t.Errorf("counts %+v, want the third organization's single item too", counts)
	}
}

func TestDispose_OneOrganization_LeavesOthers(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller, other := p.Login("owner"), p.Login("owner")
	deleted(t, p, caller, "mine", 1, 40)
	theirs := deleted(t, p, other, "theirs", 2, 40)

	platformtest.Deliver(p, "datasets-dispose", request(t, p, map[uuid.UUID]int{uuid.Nil: 41, caller.OrganizationID: 39})).Want(t, http.StatusNoContent)

	if n := datasetstest.Count(t, p, `SELECT count(*) FROM datasets WHERE id = $1`, theirs); n != 1 || datasetstest.Objects(t, p) != 2 {
		t.Errorf("another organization's data set was disposed of")
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM datasets`); n != 1 {
		t.Errorf("%d data sets left, want 1", n)
	}
}

// An interrupted disposal leaves rows whose objects may already be deleted.
func TestDispose_CrashBeforeDeletingRows_Resumes(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	deleted(t, p, caller, "half", 1, 40)
	exec(t, p, `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'died'; END $$`)
	exec(t, p, `CREATE TRIGGER die BEFORE DELETE ON datasets EXECUTE FUNCTION die()`)
	e := request(t, p, nil)
	platformtest.Deliver(p, "datasets-dispose", e).Want(t, http.StatusInternalServerError)
	if n := datasetstest.Objects(t, p); n != 0 {
		t.Errorf("%d objects after a disposal that failed at the rows", n)
	}
	exec(t, p, `DROP TRIGGER die ON datasets`)

	platformtest.Deliver(p, "datasets-dispose", e).Want(t, http.StatusNoContent)

	if n := datasetstest.Count(t, p, `SELECT count(*) FROM datasets`); n != 0 {
		t.Errorf("%d data sets left", n)
	}
	if c := platformtest.Published[events.Disposed](p, 1)[0].Data.Organizations; len(c) != 1 || c[0].Items != 1 {
		t.Errorf("counts %+v, want 1 item", c)
	}
}

// Steps that were committed before an interruption stay done and are reported once.
func TestDispose_CrashAfterSomeSteps_Resumes(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	exec(t, p, `
INSERT INTO datasets (id, organization_id, name, description, storage_type, status, created_by, deleted_at)
SELECT gen_random_uuid(), $1, 'd' || n, '', 'local', 'draft', $1, now() - interval '40 days' + n * interval '1 second' FROM generate_series(1, 700) n`, caller.OrganizationID)
	exec(t, p, `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'died'; END $$`)
	exec(t, p, `CREATE TRIGGER die BEFORE DELETE ON datasets FOR EACH ROW WHEN (OLD.name = 'd600') EXECUTE FUNCTION die()`)
	e := request(t, p, nil)
	platformtest.Deliver(p, "datasets-dispose", e).Want(t, http.StatusInternalServerError)
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM datasets`); n != 200 {
		t.Fatalf("%d data sets are left, want the 200 of the failed step", n)
	}
	exec(t, p, `DROP TRIGGER die ON datasets`)

	platformtest.Deliver(p, "datasets-dispose", e).Want(t, http.StatusNoContent)

	var items []int64
	for _, d := range platformtest.Published[events.Disposed](p, 2) {
		items = append(items, d.Data.Organizations[0].Items)
	}
	slices.Sort(items)
	if !slices.Equal(items, []int64{200, 500}) {
		t.Errorf("disposals of %v items, want 200 and 500", items)
	}
}

func TestDispose_ManyAndThenNone(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	exec(t, p, `
INSERT INTO datasets (id, organization_id, name, description, storage_type, status, created_by, deleted_at)
SELECT gen_random_uuid(), $1, 'd' || n, '', 'local', 'draft', $1, now() - interval '40 days' FROM generate_series(1, 1200) n`, caller.OrganizationID)
	for range 2 { // the second finds nothing and publishes nothing
		platformtest.Deliver(p, "datasets-dispose", request(t, p, nil)).Want(t, http.StatusNoContent)
	}
	var items int64
	disposed := platformtest.Published[events.Disposed](p, 3)
	for _, d := range disposed {
		for _, c := range d.Data.Organizations {
			items += c.Items
		}
	}
	if len(disposed) != 3 || items != 1200 {
		t.Errorf("%d disposals of %d items, want 3 of together 1200", len(disposed), items)
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'retention:dispose'`); n != 3 {
		t.Errorf("%d disposals in the trail, want 3", n)
	}
}

func TestDispose_InterruptedUpload_IsSwept(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	bucket, err := p.Env.Objects(t.Context(), "local")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"o/stale", "o/fresh"} {
		w, err := bucket.Create(t.Context(), name, make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, p, `INSERT INTO staged_objects (name, storage_type, created_at) VALUES
		('o/stale', 'local', now() - interval '25 hours'), ('o/fresh', 'local', now()), ('o/never', 'local', now() - interval '3 days')`)

	platformtest.Deliver(p, "datasets-dispose", request(t, p, nil)).Want(t, http.StatusNoContent)

	if n := datasetstest.Count(t, p, `SELECT count(*) FROM staged_objects WHERE name = 'o/fresh'`); n != 1 || datasetstest.Objects(t, p) != 1 {
		t.Errorf("the object that is being written was swept, or another was not")
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM staged_objects`); n != 1 {
		t.Errorf("%d staged objects left, want 1", n)
	}
}

// A step must not wait for a second connection while it holds one.
func TestDispose_PoolOfOneConnection_Disposes(t *testing.T) {
	t.Parallel()
	p := platformtest.NewWith(t, func(c *function.Config) {
		u, err := url.Parse(c.DatasetsDatabaseURL)
		if err != nil {
			t.Fatal(err)
		}
		query := u.Query()
		query.Set("pool_max_conns", "1")
		u.RawQuery = query.Encode()
		c.DatasetsDatabaseURL = u.String()
	}, walk...)
	deleted(t, p, p.Login("owner"), "old", 1, 40)

	platformtest.Deliver(p, "datasets-dispose", request(t, p, nil)).Want(t, http.StatusNoContent)

	if n := datasetstest.Count(t, p, `SELECT count(*) FROM datasets`); n != 0 || datasetstest.Objects(t, p) != 0 {
		t.Errorf("%d data sets left", n)
	}
}
