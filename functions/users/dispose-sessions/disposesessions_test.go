package disposesessions_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	disposesessions "function/functions/users/dispose-sessions"
	"function/shared/database"
	"function/shared/events"
	"function/shared/platformtest"
	"function/shared/retention/retentiontest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const name = "users-dispose-sessions"

var (
	declaration = disposesessions.Service
	cutoff      = time.Now().UTC().Truncate(time.Microsecond).AddDate(0, 0, -30)
)

// session gives a person another session, which expired or ended the given time before the
// cutoff.
func session(t *testing.T, p *platformtest.Platform, c platformtest.Caller, expired, ended time.Duration) uuid.UUID {
	t.Helper()
	id := uuid.New()
	var endedAt *time.Time
	if ended != 0 {
		at := cutoff.Add(-ended)
		endedAt = &at
	}
	_, err := p.DB(database.Users).Exec(context.Background(), `
WITH s AS (INSERT INTO sessions (id, user_id, organization_id, expires_at, ended_at) VALUES ($1, $2, $3, $4, $5))
INSERT INTO refresh_tokens (hash, session_id) VALUES (uuid_send($1), $1)`, id, c.UserID, c.OrganizationID, cutoff.Add(-expired), endedAt)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func remaining(t *testing.T, p *platformtest.Platform) map[uuid.UUID]bool {
	t.Helper()
	left := map[uuid.UUID]bool{}
	rows, err := p.DB(database.Users).Query(context.Background(), `SELECT s.id FROM sessions s JOIN refresh_tokens r ON r.session_id = s.id`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var id uuid.UUID
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		left[id] = true
	}
	return left
}

// request returns a disposal request with the default policy; own are the days of organizations
// with a policy of their own.
func request(t *testing.T, p *platformtest.Platform, own map[uuid.UUID]int) events.Received[events.DisposalRequested] {
	t.Helper()
	days := map[uuid.UUID]int{uuid.Nil: 30}
	maps.Copy(days, own)
	retentiontest.Learn(t, p, name, "sessions", days)
	return retentiontest.Request("sessions", cutoff.AddDate(0, 0, 30))
}

func TestDispose_SessionsOverBeforeTheCutoff_AreDeleted(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	c := p.Login("owner")
	session(t, p, c, time.Hour, 0)           // expired
	session(t, p, c, 3*time.Hour, time.Hour) // ended after it had expired
	session(t, p, c, -time.Hour, 2*time.Hour)
	keep := map[uuid.UUID]bool{
		session(t, p, c, -time.Hour, 0):                true,
		session(t, p, c, -2*time.Hour, -1*time.Hour):   true,
		session(t, p, c, -1000*time.Hour, 0):           true,
		session(t, p, c, -time.Hour, -1*time.Second/2): true,
	}
	event := request(t, p, nil)

	for range 3 {
		platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)
	}

	if diff := cmp.Diff(keep, remaining(t, p)); diff != "" {
		t.Error(diff)
	}
	disposed := platformtest.Published[events.Disposed](p, 1)
	want := events.Disposed{
		SweepID: event.Data.SweepID, Resource: "sessions", DisposedAt: disposed[0].Data.DisposedAt,
		Organizations: []events.DisposedCount{{OrganizationID: c.OrganizationID, KeepDays: 30, Cutoff: cutoff, Items: 3, Oldest: cutoff.Add(-3 * time.Hour), Newest: cutoff.Add(-time.Hour)}},
	}
	if diff := cmp.Diff(want, disposed[0].Data); diff != "" || len(disposed) != 1 {
		t.Errorf("%d answers: %s", len(disposed), diff)
	}
	if len(remaining(t, p)) == 0 || p.DB(database.Users).QueryRow(context.Background(), `SELECT id FROM users WHERE id = $1`, c.UserID).Scan(new(uuid.UUID)) != nil {
		t.Error("the person went with the sessions")
	}
}

func TestDispose_ManySessions_InBatches(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	c := p.Login("owner")
	_, err := p.DB(database.Users).Exec(context.Background(), `
INSERT INTO sessions (id, user_id, organization_id, expires_at) SELECT gen_random_uuid(), $1, $2, $3 FROM generate_series(1, 1001)`,
		c.UserID, c.OrganizationID, cutoff.Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	platformtest.Deliver(p, name, request(t, p, nil)).Want(t, http.StatusNoContent)
	var batches []int64
	for _, disposed := range platformtest.Published[events.Disposed](p, 3) {
		batches = append(batches, disposed.Data.Organizations[0].Items)
	}
	slices.Sort(batches)
	if diff := cmp.Diff([]int64{1, 500, 500}, batches); diff != "" {
		t.Error(diff)
	}
}

func TestDispose_OwnPoliciesBesideTheDefault(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	first, second, third := p.Login("owner"), p.Login("owner"), p.Login("owner")
	longer := session(t, p, first, time.Hour, 0)
	session(t, p, second, -9*24*time.Hour, 0) // 21 days before the sweep
	session(t, p, third, time.Hour, 0)
	recent := session(t, p, third, -9*24*time.Hour, 0)

	event := request(t, p, map[uuid.UUID]int{first.OrganizationID: 31, second.OrganizationID: 20})
	platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)
	if diff := cmp.Diff(map[uuid.UUID]bool{longer: true, recent: true}, remaining(t, p)); diff != "" {
		t.Error(diff)
	}
}

func TestDispose_Nothing_PublishesNothing(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	platformtest.Deliver(p, name, request(t, p, nil)).Want(t, http.StatusNoContent)
	var published int
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM outbox`).Scan(&published); err != nil || published != 0 || len(p.Captured()) != 0 {
		t.Errorf("%d events published (%v), want none", published+len(p.Captured()), err)
	}
}
