package eraseorganization_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/datasetstest"
	"function/functions/datasets/dispose"
	eraseorganization "function/functions/datasets/erase-organization"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/retention/retentiontest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const name = "datasets-erase-organization"

var walk = append([]function.Declaration{
	eraseorganization.Service, dispose.Service,
}, datasetstest.Lifecycle...)

func gone(organization uuid.UUID) events.Received[events.OrganizationDeleted] {
	return platformtest.Event(events.OrganizationDeleted{OrganizationID: organization, DeletedAt: time.Now()})
}

func exec(t *testing.T, p *platformtest.Platform, sql string, args ...any) {
	t.Helper()
	if _, err := p.DB(database.Datasets).Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// ready creates a data set with a profiled version; n counts the uploads of the platform.
func ready(t *testing.T, p *platformtest.Platform, c platformtest.Caller, name string, n int) uuid.UUID {
	t.Helper()
	d := datasetstest.Create(t, p, c.Token, name)
	datasetstest.Upload(t, p, c.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	datasetstest.Profile(t, p, n)
	return d.ID
}

// sweep disposes of data sets deleted before the cutoff, as the retention sweep requests.
func sweep(t *testing.T, p *platformtest.Platform, cutoff time.Time) {
	t.Helper()
	retentiontest.Learn(t, p, "datasets-dispose", "datasets", map[uuid.UUID]int{uuid.Nil: 0})
	platformtest.Deliver(p, "datasets-dispose", retentiontest.Request("datasets", cutoff)).Want(t, http.StatusNoContent)
}

func TestEraseOrganization_DeletesEverything(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	leaving, staying := p.Login("owner"), p.Login("owner")
	profiled := ready(t, p, leaving, "profiled", 1)
	theirs := ready(t, p, staying, "theirs", 2)
	waiting := datasetstest.Create(t, p, leaving.Token, "waiting").ID
	datasetstest.Upload(t, p, leaving.Token, waiting, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
	e := gone(leaving.OrganizationID)

	for range 2 { // delivered twice
		platformtest.Deliver(p, name, e).Want(t, http.StatusNoContent)
	}

	if n := datasetstest.Count(t, p, `SELECT count(*) FROM published.tables WHERE organization_id = $1`, leaving.OrganizationID); n != 0 {
		t.Errorf("%d data sets can still be queried", n)
	}
	told := map[uuid.UUID]bool{}
	for _, e := range platformtest.Published[events.DatasetDeleted](p, 2) {
		told[e.Data.DatasetID] = true
	}
	if len(told) != 2 || !told[profiled] || !told[waiting] {
		t.Errorf("deletions of %v published, want both", told)
	}
	const entries = `SELECT count(*) FROM audit_entries WHERE organization_id = $1 AND actor_kind = 'platform' AND action = $2`
	if sets, all := datasetstest.Count(t, p, entries, leaving.OrganizationID, "datasets:delete"), datasetstest.Count(t, p, entries, leaving.OrganizationID, "organizations:erase"); sets != 2 || all != 1 {
		t.Errorf("%d deletions and %d erasures in the trail, want 2 and 1", sets, all)
	}

	sweep(t, p, time.Now().Add(-time.Hour)) // the retention policy still keeps them
	if n := datasetstest.Objects(t, p); n != 5 {
		t.Errorf("%d objects within the retention, want all 5", n)
	}
	sweep(t, p, time.Now().Add(time.Hour))
	for _, table := range []string{"datasets", "dataset_versions"} {
		if n := datasetstest.Count(t, p, `SELECT count(*) FROM `+table); n != 1 {
			t.Errorf("%d rows in %s, want the other organization's", n, table)
		}
	}
	if n := datasetstest.Objects(t, p); n != 2 {
		t.Errorf("%d objects, want the other organization's 2", n)
	}
	if d := datasetstest.Get(t, p, staying.Token, theirs); d.Status != "ready" {
		t.Errorf("the other organization's data set is %s", d.Status)
	}
}

// Callers that were still active add nothing and are refused.
func TestEraseOrganization_ConcurrentCreates_LeaveNothing(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	leaving, staying := p.Login("owner"), p.Login("owner")
	d := datasetstest.Create(t, p, leaving.Token, "before")

	statuses := make([]int, 8)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() {
			body := map[string]any{"name": "during" + string(rune('a'+i))}
			statuses[i] = p.Do(leaving.Token, http.MethodPost, "/v1/datasets", body).Status
		})
	}
	platformtest.Deliver(p, name, gone(leaving.OrganizationID)).Want(t, http.StatusNoContent)
	wg.Wait()

	for _, status := range statuses {
		if status != http.StatusCreated && status != http.StatusForbidden {
			t.Errorf("status %d, want 201 or 403", status)
		}
	}
	p.Do(leaving.Token, http.MethodPost, "/v1/datasets", `{"name": "after"}`).Want(t, http.StatusForbidden)
	datasetstest.Upload(t, p, leaving.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusNotFound)
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM datasets WHERE organization_id = $1 AND deleted_at IS NULL`, leaving.OrganizationID); n != 0 {
		t.Errorf("%d data sets of a deleted organization", n)
	}
	datasetstest.Create(t, p, staying.Token, "after")
}

func TestEraseOrganization_Crash_Resumes(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	leaving, staying := p.Login("owner"), p.Login("owner")
	for _, c := range []platformtest.Caller{leaving, staying} {
		exec(t, p, `
INSERT INTO datasets (id, organization_id, name, description, storage_type, status, created_by)
SELECT gen_random_uuid(), $1, 'd' || n, '', 'local', 'draft', $1 FROM generate_series(1, 250) n`, c.OrganizationID)
	}
	exec(t, p, `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'died'; END $$`)
	var nth uuid.UUID // in the second step
	if err := p.DB(database.Datasets).QueryRow(t.Context(), `SELECT id FROM datasets WHERE organization_id = $1 ORDER BY id OFFSET 150 LIMIT 1`, leaving.OrganizationID).Scan(&nth); err != nil {
		t.Fatal(err)
	}
	exec(t, p, `CREATE TRIGGER die BEFORE UPDATE ON datasets FOR EACH ROW WHEN (NEW.id = '`+nth.String()+`') EXECUTE FUNCTION die()`)
	const left = `SELECT count(*) FROM datasets WHERE organization_id = $1 AND deleted_at IS NULL`
	e := gone(leaving.OrganizationID)

	platformtest.Deliver(p, name, e).Want(t, http.StatusInternalServerError)
	if n := datasetstest.Count(t, p, left, leaving.OrganizationID); n != 150 {
		t.Fatalf("%d of 250 data sets are left after an interrupted erasure", n)
	}
	exec(t, p, `DROP TRIGGER die ON datasets`)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if a := platformtest.Deliver(p, name, e); a.Status != http.StatusNoContent {
				t.Errorf("status %d: %s", a.Status, a.Body)
			}
		})
	}
	wg.Wait()

	if n := datasetstest.Count(t, p, left, leaving.OrganizationID); n != 0 {
		t.Errorf("%d data sets are left", n)
	}
	if n := datasetstest.Count(t, p, left, staying.OrganizationID); n != 250 {
		t.Errorf("%d of another organization's 250 data sets are left", n)
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'datasets:delete'`); n != 250 {
		t.Errorf("%d deletions in the trail, want each once", n)
	}
}

func TestEraseOrganization_EventWithoutOrganization_IsRefused(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	platformtest.Deliver(p, name, gone(uuid.Nil)).Want(t, http.StatusUnprocessableEntity)
}
