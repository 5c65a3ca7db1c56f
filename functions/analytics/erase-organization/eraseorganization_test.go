package eraseorganization_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	createreport "function/functions/analytics/create-report"
	eraseorganization "function/functions/analytics/erase-organization"
	projectdatasets "function/functions/analytics/project-datasets"
	projectlogins "function/functions/analytics/project-logins"
	projectusers "function/functions/analytics/project-users"
	startrun "function/functions/analytics/start-run"
	"function/shared/database"
	"function/shared/events"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const (
	name     = "analytics-erase-organization"
	users    = "analytics-project-users"
	logins   = "analytics-project-logins"
	datasets = "analytics-project-datasets"
)

func mount(t *testing.T) *platformtest.Platform {
	return platformtest.New(t,
		eraseorganization.Service,
		projectusers.Service,
		projectlogins.Service,
		projectdatasets.Service,
		createreport.Service,
		startrun.Service,
	)
}

func gone(organization uuid.UUID) events.Received[events.OrganizationDeleted] {
	return platformtest.Event(events.OrganizationDeleted{OrganizationID: organization, DeletedAt: time.Now()})
}

// tell delivers events of other domains about an organization.
func tell(t *testing.T, p *platformtest.Platform, c platformtest.Caller) {
	t.Helper()
	now := time.Now()
	platformtest.Deliver(p, users, platformtest.Event(events.UserRegistered{UserID: c.UserID, OrganizationID: c.OrganizationID, Role: "owner", RegisteredAt: now})).Want(t, http.StatusNoContent)
	platformtest.Deliver(p, users, platformtest.Event(events.MembershipChanged{UserID: c.UserID, OrganizationID: c.OrganizationID, Role: "admin", Status: "active", ChangedAt: now})).Want(t, http.StatusNoContent)
	platformtest.Deliver(p, logins, platformtest.Event(events.UserLoggedIn{SessionID: uuid.New(), UserID: c.UserID, OrganizationID: c.OrganizationID, LoggedInAt: now})).Want(t, http.StatusNoContent)
	d := events.Dataset{DatasetID: uuid.New(), OrganizationID: c.OrganizationID, Name: "secret name", StorageType: "local", Status: "draft", CreatedAt: now, ChangedAt: now}
	platformtest.Deliver(p, datasets, platformtest.Event(events.DatasetCreated{Dataset: d})).Want(t, http.StatusNoContent)
	d.DatasetID = uuid.New()
	platformtest.Deliver(p, datasets, platformtest.Event(events.DatasetDeleted{Dataset: d})).Want(t, http.StatusNoContent)
}

const report = `{"name": "r", "query": "SELECT 1", "database": "postgresql", "visualization": "table", "schedule": "0 3 * * *"}`

func reported(t *testing.T, p *platformtest.Platform, c platformtest.Caller) uuid.UUID {
	t.Helper()
	type created struct{ ID uuid.UUID }
	id := platformtest.Decode[created](t, p.Do(c.Token, http.MethodPost, "/v1/analytics/reports", report).Want(t, http.StatusCreated)).ID
	p.Do(c.Token, http.MethodPost, "/v1/analytics/reports/"+id.String()+"/run", nil).Want(t, http.StatusAccepted)
	return id
}

func exec(t *testing.T, p *platformtest.Platform, sql string, args ...any) {
	t.Helper()
	if _, err := p.DB(database.Analytics).Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// rows counts the remaining rows of an organization by table.
func rows(t *testing.T, p *platformtest.Platform, organization uuid.UUID) string {
	t.Helper()
	var n [5]int
	for i, table := range []string{"projections.users", "projections.logins", "projections.datasets", "reports", "report_runs"} {
		if err := p.DB(database.Analytics).QueryRow(context.Background(), `SELECT count(*) FROM `+table+` WHERE organization_id = $1`, organization).Scan(&n[i]); err != nil {
			t.Fatal(err)
		}
	}
	return fmt.Sprint(n)
}

func TestEraseOrganization_DeletesEverything(t *testing.T) {
	t.Parallel()
	p := mount(t)
	leaving, staying := p.Login("owner"), p.Login("owner")
	for _, c := range []platformtest.Caller{leaving, staying} {
		tell(t, p, c)
		reported(t, p, c)
		reported(t, p, c)
	}
	const whole = "[1 1 2 2 2]"
	if got := rows(t, p, leaving.OrganizationID); got != whole {
		t.Fatalf("%s rows before, want %s", got, whole)
	}
	e := gone(leaving.OrganizationID)

	for range 2 { // delivered twice
		platformtest.Deliver(p, name, e).Want(t, http.StatusNoContent)
	}

	if got := rows(t, p, leaving.OrganizationID); got != "[0 0 0 0 0]" {
		t.Errorf("%s rows are left", got)
	}
	if got := rows(t, p, staying.OrganizationID); got != whole {
		t.Errorf("%s rows of another organization, want %s", got, whole)
	}
	const jobs = `SELECT count(*) FILTER (WHERE state = 'cancelled' AND event IS NULL), count(*) FILTER (WHERE state = 'available') FROM jobs`
	var cancelled, waiting int
	if err := p.DB(database.Analytics).QueryRow(t.Context(), jobs).Scan(&cancelled, &waiting); err != nil || cancelled != 2 || waiting != 2 {
		t.Errorf("%d jobs are cancelled and %d wait (%v), want 2 of each organization", cancelled, waiting, err)
	}
	const entries = `SELECT count(*) FILTER (WHERE action = 'reports:delete'), count(*) FILTER (WHERE action = 'organizations:erase') FROM audit_entries WHERE organization_id = $1 AND actor_kind = 'platform'`
	var reports, erasures int
	if err := p.DB(database.Analytics).QueryRow(t.Context(), entries, leaving.OrganizationID).Scan(&reports, &erasures); err != nil || reports != 2 || erasures != 1 {
		t.Errorf("%d deletions and %d erasures in the trail (%v), want 2 and 1", reports, erasures, err)
	}

	// Late events and requests of a caller that was still active.
	tell(t, p, leaving)
	p.Do(leaving.Token, http.MethodPost, "/v1/analytics/reports", report).Want(t, http.StatusForbidden)
	if got := rows(t, p, leaving.OrganizationID); got != "[0 0 0 0 0]" {
		t.Errorf("%s rows have come back", got)
	}
}

func TestEraseOrganization_ConcurrentEvents_LeaveNothing(t *testing.T) {
	t.Parallel()
	p := mount(t)
	leaving := p.Login("owner")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { tell(t, p, leaving) })
	}
	e := gone(leaving.OrganizationID)
	for range 3 {
		wg.Go(func() {
			if a := platformtest.Deliver(p, name, e); a.Status != http.StatusNoContent {
				t.Errorf("status %d: %s", a.Status, a.Body)
			}
		})
	}
	wg.Wait()
	if got := rows(t, p, leaving.OrganizationID); got != "[0 0 0 0 0]" {
		t.Errorf("%s rows are left", got)
	}
}

func TestEraseOrganization_Crash_Resumes(t *testing.T) {
	t.Parallel()
	p := mount(t)
	leaving := p.Login("owner")
	id := reported(t, p, leaving)
	exec(t, p, `
INSERT INTO report_runs (id, report_id, organization_id, status, finished_at) SELECT gen_random_uuid(), $1, $2, 'failed', now() FROM generate_series(1, 1200)`, id, leaving.OrganizationID)
	exec(t, p, `
INSERT INTO projections.logins (id, user_id, organization_id, logged_in_at) SELECT gen_random_uuid(), $1, $2, now() FROM generate_series(1, 12000)`, leaving.UserID, leaving.OrganizationID)
	exec(t, p, `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'died'; END $$`)
	exec(t, p, `CREATE TRIGGER die BEFORE DELETE ON reports EXECUTE FUNCTION die()`)
	e := gone(leaving.OrganizationID)

	platformtest.Deliver(p, name, e).Want(t, http.StatusInternalServerError)
	if got := rows(t, p, leaving.OrganizationID); got != "[0 12000 0 1 1]" {
		t.Fatalf("%s rows after it died between the runs and their report, want the report with its open run", got)
	}
	exec(t, p, `DROP TRIGGER die ON reports`)
	platformtest.Deliver(p, name, e).Want(t, http.StatusNoContent)
	if got := rows(t, p, leaving.OrganizationID); got != "[0 0 0 0 0]" {
		t.Errorf("%s rows are left", got)
	}
}
