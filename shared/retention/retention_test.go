package retention_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/retention"
	"function/shared/retention/retentiontest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const (
	name     = "test-dispose"
	resource = "things"
)

const deleteSome = `
WITH disposed AS (
    DELETE FROM things WHERE name = ANY (ARRAY (
        SELECT name FROM things t LEFT JOIN retention_periods own ON own.resource = @resource AND own.organization_id = t.organization_id
        WHERE ended_at >= @from AND ended_at < @latest AND ended_at < @at::timestamptz - coalesce(own.keep_days, @keep_days) * interval '24 hours'
        ORDER BY ended_at LIMIT 2 FOR UPDATE OF t))
    RETURNING organization_id, ended_at
)
SELECT organization_id, count(*) AS items, 0::bigint AS bytes, min(ended_at) AS oldest, max(ended_at) AS newest FROM disposed GROUP BY organization_id`

var at = time.Date(2026, 11, 29, 2, 30, 0, 0, time.UTC)

// mount returns a function that disposes of items, each of which ended a number of days ago, by
// name.
func mount(t *testing.T) (p *platformtest.Platform, put func(name string, organization uuid.UUID, days int), left func() []string) {
	t.Helper()
	p = platformtest.New(t, retention.Dispose(name, resource, database.Analytics, func(context.Context, *function.Env) (retention.Work, error) {
		return retention.Statement(deleteSome), nil
	}))
	exec(t, p, `CREATE TABLE things (name text PRIMARY KEY, organization_id uuid NOT NULL, ended_at timestamptz NOT NULL)`)
	put = func(name string, organization uuid.UUID, days int) {
		t.Helper()
		exec(t, p, `INSERT INTO things VALUES ($1, $2, $3)`, name, organization, at.AddDate(0, 0, -days).Add(-time.Minute))
	}
	left = func() []string {
		t.Helper()
		rows, _ := p.DB(database.Analytics).Query(t.Context(), `SELECT name FROM things ORDER BY name`)
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	return p, put, left
}

func exec(t *testing.T, p *platformtest.Platform, sql string, args ...any) {
	t.Helper()
	if _, err := p.DB(database.Analytics).Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func changed(after, through int64, policies ...events.RetentionPolicy) events.Received[events.PoliciesChanged] {
	return platformtest.Event(events.PoliciesChanged{Resource: resource, After: after, Through: through, Policies: policies})
}

func policy(organization uuid.UUID, version int64, days ...int) events.RetentionPolicy {
	p := events.RetentionPolicy{OrganizationID: organization, Version: version}
	if len(days) > 0 {
		p.KeepDays = &days[0]
	}
	return p
}

func request(policies int64) events.Received[events.DisposalRequested] {
	return platformtest.Event(events.DisposalRequested{SweepID: uuid.New(), Resource: resource, At: at, Policies: policies})
}

func TestDispose_OwnAndDefaultPolicies(t *testing.T) {
	t.Parallel()
	p, put, left := mount(t)
	short, long, others := uuid.New(), uuid.New(), uuid.New()
	for _, o := range []struct {
		name string
		id   uuid.UUID
	}{{"short", short}, {"long", long}, {"others", others}} {
		put(o.name+" 0", o.id, 0)
		put(o.name+" 10", o.id, 10)
		put(o.name+" 40", o.id, 40)
		put(o.name+" 36500", o.id, 36500)
	}
	retentiontest.Learn(t, p, name, resource, map[uuid.UUID]int{uuid.Nil: 30, short: 0, long: 36500})
	e := retentiontest.Request(resource, at)
	for range 2 { // delivered twice
		platformtest.Deliver(p, name, e).Want(t, http.StatusNoContent)
	}
	want := []string{"long 0", "long 10", "long 40", "others 0", "others 10"}
	if diff := cmp.Diff(want, left()); diff != "" {
		t.Error(diff)
	}
	items := map[uuid.UUID]int64{}
	for _, d := range platformtest.Published[events.Disposed](p, 4) {
		for _, c := range d.Data.Organizations {
			items[c.OrganizationID] += c.Items
			if days := map[uuid.UUID]int{short: 0, long: 36500, others: 30}[c.OrganizationID]; c.KeepDays != days || !c.Cutoff.Equal(at.AddDate(0, 0, -days)) || !c.Newest.Before(c.Cutoff) {
				t.Errorf("count %+v, want the policy of %d days", c, days)
			}
		}
	}
	if diff := cmp.Diff(map[uuid.UUID]int64{short: 4, long: 1, others: 2}, items); diff != "" {
		t.Errorf("items on record: %s", diff)
	}
}

// Versions 1 and 2 are missing while 3 is known: nothing may be deleted under incomplete policies.
func TestDispose_PolicyMissing_IsUnavailable(t *testing.T) {
	t.Parallel()
	p, put, left := mount(t)
	own := uuid.New()
	put("kept", own, 40)
	put("goes", uuid.New(), 40)
	platformtest.Deliver(p, name, request(3)).Want(t, http.StatusServiceUnavailable)
	platformtest.Deliver(p, name, changed(2, 3, policy(uuid.Nil, 3, 30))).Want(t, http.StatusNoContent)
	platformtest.Deliver(p, name, request(3)).Want(t, http.StatusServiceUnavailable)
	platformtest.Deliver(p, name, changed(0, 1)).Want(t, http.StatusNoContent)
	platformtest.Deliver(p, name, request(3)).Want(t, http.StatusServiceUnavailable)
	if n := len(left()); n != 2 {
		t.Fatalf("%d of 2 things are left", n)
	}
	var after []int64
	for _, e := range platformtest.Published[events.PoliciesMissing](p, 3) {
		after = append(after, e.Data.After)
	}
	if total := after[0] + after[1] + after[2]; len(after) != 3 || total != 1 { // 0, 0 and 1, in any order
		t.Errorf("policies asked for after %v, want 0, 0 and 1", after)
	}
	platformtest.Deliver(p, name, changed(1, 2, policy(own, 2, 50))).Want(t, http.StatusNoContent)
	platformtest.Deliver(p, name, request(3)).Want(t, http.StatusNoContent)
	if diff := cmp.Diff([]string{"kept"}, left()); diff != "" {
		t.Error(diff)
	}
}

func TestLearn_LateAndDuplicateEvents(t *testing.T) {
	t.Parallel()
	p, put, left := mount(t)
	longer, reset := uuid.New(), uuid.New()
	put("longer", longer, 40)
	put("reset", reset, 40)
	late := []events.Received[events.PoliciesChanged]{
		changed(0, 1, policy(uuid.Nil, 1, 30)),
		changed(1, 2, policy(longer, 2, 5)),
		changed(2, 3, policy(reset, 3, 365)),
		changed(3, 4, policy(longer, 4, 50)),
		changed(4, 5, policy(reset, 5)),
	}
	for range 2 {
		for i := range late { // newest first
			platformtest.Deliver(p, name, late[len(late)-1-i]).Want(t, http.StatusNoContent)
		}
	}
	platformtest.Deliver(p, name, request(5)).Want(t, http.StatusNoContent)
	if diff := cmp.Diff([]string{"longer"}, left()); diff != "" {
		t.Error(diff)
	}
}

func TestDispose_DiesHalfWay(t *testing.T) {
	t.Parallel()
	p, put, left := mount(t)
	organization := uuid.New()
	for i, name := range []string{"e", "d", "c", "b", "a"} {
		put(name, organization, 40+i)
	}
	retentiontest.Learn(t, p, name, resource, map[uuid.UUID]int{uuid.Nil: 30})
	exec(t, p, `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'died'; END $$`)
	exec(t, p, `CREATE TRIGGER die BEFORE DELETE ON things FOR EACH ROW WHEN (OLD.name = 'd') EXECUTE FUNCTION die()`)
	e := retentiontest.Request(resource, at)
	platformtest.Deliver(p, name, e).Want(t, http.StatusInternalServerError)
	if diff := cmp.Diff([]string{"c", "d", "e"}, left()); diff != "" {
		t.Fatalf("left after the first step: %s", diff)
	}
	exec(t, p, `DROP TRIGGER die ON things`)
	platformtest.Deliver(p, name, e).Want(t, http.StatusNoContent)
	var items int64
	for _, d := range platformtest.Published[events.Disposed](p, 3) {
		items += d.Data.Organizations[0].Items
	}
	if n := len(left()); n != 0 || items != 5 {
		t.Errorf("%d things left and %d on record, want none and 5", n, items)
	}
}

func TestEventsOfOtherResourcesAndBrokenOnes(t *testing.T) {
	t.Parallel()
	p, put, left := mount(t)
	put("kept", uuid.New(), 40)
	retentiontest.Learn(t, p, name, "others", map[uuid.UUID]int{uuid.Nil: 0})
	platformtest.Deliver(p, name, retentiontest.Request("others", at)).Want(t, http.StatusNoContent)
	platformtest.Deliver(p, name, changed(5, 4)).Want(t, http.StatusUnprocessableEntity)
	platformtest.Deliver(p, name, changed(-1, 4)).Want(t, http.StatusUnprocessableEntity)
	platformtest.Deliver(p, name, request(0)).Want(t, http.StatusUnprocessableEntity) // no default
	if n := len(left()); n != 1 {
		t.Errorf("%d things left, want 1", n)
	}
}
