package hold_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/branches"
	"function/functions/datasets/datasetstest"
	deletion "function/functions/datasets/delete"
	"function/functions/datasets/dispose"
	eraseorganization "function/functions/datasets/erase-organization"
	"function/functions/datasets/hold"
	"function/functions/datasets/lifecycle"
	"function/functions/datasets/tags"
	"function/functions/datasets/undelete"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/retention/retentiontest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var walk = append([]function.Declaration{
	hold.Service, deletion.Service, dispose.Service, undelete.Service, lifecycle.Service, tags.Service, branches.Service, eraseorganization.Service,
}, datasetstest.Lifecycle...)

// begin creates a data set of two versions, and returns its path.
func begin(t *testing.T) (p *platformtest.Platform, caller platformtest.Caller, id uuid.UUID, path string) {
	t.Helper()
	p = platformtest.New(t, walk...)
	caller = p.Login("owner")
	id = datasetstest.Create(t, p, caller.Token, "d").ID
	for i := range 2 {
		datasetstest.Upload(t, p, caller.Token, id, "a.csv", fmt.Sprintf("a\n%d\n", i)).Want(t, http.StatusCreated)
		datasetstest.Profile(t, p, i+1)
	}
	return p, caller, id, "/v1/datasets/" + id.String()
}

var body = map[string]any{"reason": "case 12/2026"}

func exec(t *testing.T, p *platformtest.Platform, sql string, args ...any) {
	t.Helper()
	if _, err := p.DB(database.Datasets).Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func sweep(t *testing.T, p *platformtest.Platform, status int) {
	t.Helper()
	retentiontest.Learn(t, p, "datasets-dispose", "datasets", map[uuid.UUID]int{uuid.Nil: 30})
	platformtest.Deliver(p, "datasets-dispose", retentiontest.Request("datasets", time.Now())).Want(t, status)
}

func TestHold_IsShownChangedAndEnded(t *testing.T) {
	t.Parallel()
	p, caller, id, path := begin(t)
	p.Do(caller.Token, http.MethodGet, path+"/hold", nil).Want(t, http.StatusNotFound)
	p.Do(caller.Token, http.MethodDelete, path+"/hold", nil).Want(t, http.StatusNotFound)
	p.Do(caller.Token, http.MethodPut, path+"/hold", map[string]any{"reason": ""}).Want(t, http.StatusUnprocessableEntity)
	first := platformtest.Decode[hold.Hold](t, p.Do(caller.Token, http.MethodPut, path+"/hold", body).Want(t, http.StatusOK))
	second := platformtest.Decode[hold.Hold](t, p.Do(caller.Token, http.MethodPut, path+"/hold", map[string]any{"reason": "case 13"}).Want(t, http.StatusOK))
	if first.Reason != "case 12/2026" || second.Reason != "case 13" || first.HeldBy != caller.UserID || second.HeldBy != first.HeldBy || !second.HeldAt.Equal(first.HeldAt) {
		t.Errorf("holds %+v and %+v, want other reasons of one hold", first, second)
	}
	if shown := platformtest.Decode[hold.Hold](t, p.Do(caller.Token, http.MethodGet, path+"/hold", nil).Want(t, http.StatusOK)); shown.Reason != "case 13" {
		t.Errorf("shown %+v", shown)
	}
	stranger := p.Login("owner").Token
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		p.Do(stranger, method, path+"/hold", body).Want(t, http.StatusNotFound)
	}
	p.Do(caller.Token, http.MethodDelete, path+"/hold", nil).Want(t, http.StatusNoContent)
	p.Do(caller.Token, http.MethodGet, path+"/hold", nil).Want(t, http.StatusNotFound)
	if e := platformtest.Published[events.DatasetReleased](p, 1); e[0].Data.DatasetID != id || len(platformtest.Published[events.DatasetHeld](p, 2)) != 2 {
		t.Errorf("events %+v", e)
	}
	for reason := range map[string]bool{"case 12/2026": true, "case 13": true} {
		if n := datasetstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'datasets:hold' AND result = 'done' AND detail ->> 'reason' = $1`, reason); n != 1 {
			t.Errorf("%d entries in the trail of the reason %s, want 1", n, reason)
		}
	}
}

func TestHold_Removals_AreRefused(t *testing.T) {
	t.Parallel()
	p, caller, id, path := begin(t)
	p.Do(caller.Token, http.MethodPut, path+"/tags/audited", map[string]any{"version": 1}).Want(t, http.StatusOK)
	p.Do(caller.Token, http.MethodPost, path+"/branches", map[string]any{"name": "fix"}).Want(t, http.StatusCreated)
	p.Do(caller.Token, http.MethodPut, path+"/hold", body).Want(t, http.StatusOK)
	for _, removed := range []string{"", "/tags/audited", "/branches/fix"} {
		answer := p.Do(caller.Token, http.MethodDelete, path+removed, nil).Want(t, http.StatusConflict)
		if !strings.Contains(string(answer.Body), "legal hold") {
			t.Errorf("DELETE …%s: %s", removed, answer.Body)
		}
	}
	datasetstest.Upload(t, p, caller.Token, id, "a.csv", "a\n3\n").Want(t, http.StatusCreated) // adding is allowed

	p.Do(caller.Token, http.MethodDelete, path+"/hold", nil).Want(t, http.StatusNoContent)
	for _, removed := range []string{"/tags/audited", "/branches/fix", ""} {
		p.Do(caller.Token, http.MethodDelete, path+removed, nil).Want(t, http.StatusNoContent)
	}
}

func TestHold_LifecyclePolicy_RemovesNothing(t *testing.T) {
	t.Parallel()
	p, caller, _, path := begin(t)
	p.Do(caller.Token, http.MethodPut, path+"/lifecycle", map[string]any{"keep_versions": 1}).Want(t, http.StatusOK)
	p.Do(caller.Token, http.MethodPut, path+"/hold", body).Want(t, http.StatusOK)
	p.Wake("datasets-lifecycle").Want(t, http.StatusNoContent)
	const expired = `SELECT count(*) FROM dataset_versions WHERE status = 'expired'`
	if n := datasetstest.Count(t, p, expired); n != 0 {
		t.Errorf("%d versions of a held data set expired", n)
	}
	p.Do(caller.Token, http.MethodDelete, path+"/hold", nil).Want(t, http.StatusNoContent)
	p.Wake("datasets-lifecycle").Want(t, http.StatusNoContent)
	if n := datasetstest.Count(t, p, expired); n != 1 {
		t.Errorf("%d versions expired after the hold, want 1", n)
	}
}

// A data set that was deleted is held, with its bytes, longer than the retention policy keeps it.
func TestHold_DeletedDataSet_IsNotDisposedOf(t *testing.T) {
	t.Parallel()
	p, caller, id, path := begin(t)
	p.Do(caller.Token, http.MethodDelete, path, nil).Want(t, http.StatusNoContent)
	exec(t, p, `UPDATE datasets SET deleted_at = now() - interval '40 days'`)
	p.Do(caller.Token, http.MethodPut, path+"/hold", body).Want(t, http.StatusOK)
	objects := datasetstest.Objects(t, p)
	sweep(t, p, http.StatusNoContent)
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM datasets WHERE id = $1`, id); n != 1 || datasetstest.Objects(t, p) != objects {
		t.Errorf("a held data set was disposed of, or its objects")
	}
	if n := datasetstest.Count(t, p, `SELECT (detail ->> 'items')::int FROM audit_entries WHERE action = 'retention:keep_held' AND organization_id = $1`, caller.OrganizationID); n != 1 {
		t.Errorf("the trail counts %d held data sets, want 1", n)
	}
	p.Do(caller.Token, http.MethodPost, path+"/undelete", nil).Want(t, http.StatusOK)
	p.Do(caller.Token, http.MethodDelete, path, nil).Want(t, http.StatusConflict)
}

func TestHold_OrganizationErased_BytesStay(t *testing.T) {
	t.Parallel()
	p, caller, id, path := begin(t)
	p.Do(caller.Token, http.MethodPut, path+"/hold", body).Want(t, http.StatusOK)
	e := platformtest.Event(events.OrganizationDeleted{OrganizationID: caller.OrganizationID, DeletedAt: time.Now()})
	platformtest.Deliver(p, "datasets-erase-organization", e).Want(t, http.StatusNoContent)
	exec(t, p, `UPDATE datasets SET deleted_at = deleted_at - interval '40 days'`)
	objects := datasetstest.Objects(t, p)
	sweep(t, p, http.StatusNoContent)
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM datasets WHERE id = $1 AND deleted_at IS NOT NULL`, id); n != 1 || datasetstest.Objects(t, p) != objects {
		t.Errorf("the held data set of an erased organization was disposed of, or is not deleted")
	}
}

// A hold that comes after a disposal has begun is refused, because bytes may be missing already;
// also if the disposal was interrupted.
func TestHold_DisposalHasBegun_IsRefused(t *testing.T) {
	t.Parallel()
	p, caller, _, path := begin(t)
	p.Do(caller.Token, http.MethodDelete, path, nil).Want(t, http.StatusNoContent)
	exec(t, p, `UPDATE datasets SET deleted_at = now() - interval '40 days'`)
	exec(t, p, `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'died'; END $$`)
	exec(t, p, `CREATE TRIGGER die BEFORE DELETE ON datasets EXECUTE FUNCTION die()`)
	sweep(t, p, http.StatusInternalServerError)
	p.Do(caller.Token, http.MethodPut, path+"/hold", body).Want(t, http.StatusConflict)
	p.Do(caller.Token, http.MethodPost, path+"/undelete", nil).Want(t, http.StatusNotFound)
	exec(t, p, `DROP TRIGGER die ON datasets`)
	sweep(t, p, http.StatusNoContent)
	p.Do(caller.Token, http.MethodPut, path+"/hold", body).Want(t, http.StatusNotFound)
}

// Holds and a disposal that begin together: each data set is either held with all of its objects,
// or refused to be held and gone.
func TestHold_DuringDisposal_OneWins(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, walk...)
	caller := p.Login("owner")
	var ids []uuid.UUID
	for i := range 6 {
		d := datasetstest.Create(t, p, caller.Token, fmt.Sprint("d", i))
		datasetstest.Upload(t, p, caller.Token, d.ID, "a.csv", "a\n1\n").Want(t, http.StatusCreated)
		ids = append(ids, d.ID)
	}
	exec(t, p, `UPDATE datasets SET deleted_at = now() - interval '40 days'`)
	retentiontest.Learn(t, p, "datasets-dispose", "datasets", map[uuid.UUID]int{uuid.Nil: 30})
	done := make(chan int)
	go func() {
		done <- platformtest.Deliver(p, "datasets-dispose", retentiontest.Request("datasets", time.Now())).Status
	}()
	held := 0
	for _, id := range ids {
		answer := p.Do(caller.Token, http.MethodPut, "/v1/datasets/"+id.String()+"/hold", body)
		switch answer.Status {
		case http.StatusOK:
			held++
		case http.StatusConflict, http.StatusNotFound:
		default:
			t.Errorf("hold answered %d: %s", answer.Status, answer.Body)
		}
	}
	if status := <-done; status != http.StatusNoContent {
		t.Errorf("disposal answered %d", status)
	}
	if n := datasetstest.Count(t, p, `SELECT count(*) FROM datasets WHERE held_at IS NOT NULL AND disposal_began_at IS NULL`); n != held || datasetstest.Objects(t, p) != held {
		t.Errorf("%d data sets and %d objects are left of %d held ones", n, datasetstest.Objects(t, p), held)
	}
}
