package projectdatasets_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	projectdatasets "function/functions/analytics/project-datasets"
	projectlogins "function/functions/analytics/project-logins"
	projectusers "function/functions/analytics/project-users"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

var declarations = []function.Declaration{
	projectdatasets.Service,
	projectusers.Service,
	projectlogins.Service,
}

// row returns the only row of a projection as text.
func row(t *testing.T, p *platformtest.Platform, columns, table string) string {
	t.Helper()
	var text string
	err := p.DB(database.Analytics).QueryRow(context.Background(), fmt.Sprintf(`SELECT string_agg(concat_ws(' ', %s), '; ') FROM projections.%s`, columns, table)).Scan(&text)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// history lists the events of one data set in order.
func history() []func(*platformtest.Platform) platformtest.Answer {
	began := time.Now().UTC().Truncate(time.Microsecond)
	state := events.Dataset{DatasetID: uuid.New(), OrganizationID: uuid.New(), Name: "weather", StorageType: "local", Status: "draft", CreatedAt: began, ChangedAt: began}
	after := func(status string, version int, rows int64) events.Dataset {
		state.Status, state.Version, state.Rows, state.ChangedAt = status, version, rows, state.ChangedAt.Add(time.Millisecond)
		return state
	}
	return []func(*platformtest.Platform) platformtest.Answer{
		deliver(events.DatasetCreated{Dataset: state}),
		deliver(events.DatasetUploaded{Dataset: after("processing", 1, 0)}),
		deliver(events.DatasetFailed{Dataset: after("failed", 1, 0)}),
		deliver(events.DatasetUploaded{Dataset: after("processing", 2, 0)}),
		deliver(events.DatasetReady{Dataset: after("ready", 2, 1461)}),
		deliver(events.DatasetDeleted{Dataset: after("ready", 2, 1461)}),
	}
}

// deliver returns a function that delivers one event each time it is called.
func deliver[E events.Event](data E) func(*platformtest.Platform) platformtest.Answer {
	event := platformtest.Event(data)
	return func(p *platformtest.Platform) platformtest.Answer {
		return platformtest.Deliver(p, "analytics-project-datasets", event)
	}
}

func TestProjectDatasets_AnyOrder_KeepsTheNewestState(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	states := []string{"draft 0 0", "processing 1 0", "failed 1 0", "processing 2 0", "ready 2 1461", "deleted 2 1461"}
	for known := 1; known <= len(states); known++ {
		for rotation := range known {
			happened := history()[:known]
			for i := range known {
				deliver := happened[(i+rotation)%known]
				deliver(p).Want(t, http.StatusNoContent)
				deliver(p).Want(t, http.StatusNoContent) // a duplicate
			}
			if got, want := row(t, p, "status, version, row_count", "datasets"), states[known-1]; got != want {
				t.Errorf("after %d events from the %d. on: %s, want %s", known, rotation+1, got, want)
			}
			if _, err := p.DB(database.Analytics).Exec(context.Background(), `TRUNCATE projections.datasets`); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestProjectUsersAndLogins(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	user, organization := uuid.New(), uuid.New()
	registered := platformtest.Event(events.UserRegistered{UserID: user, OrganizationID: organization, Role: "owner", RegisteredAt: at})
	approved := platformtest.Event(events.MembershipApproved{UserID: user, OrganizationID: organization, Role: "member", ApprovedAt: at})
	login := platformtest.Event(events.UserLoggedIn{SessionID: uuid.New(), UserID: user, OrganizationID: organization, LoggedInAt: at})
	for range 2 {
		platformtest.Deliver(p, "analytics-project-users", registered).Want(t, http.StatusNoContent)
		platformtest.Deliver(p, "analytics-project-users", approved).Want(t, http.StatusNoContent)
		platformtest.Deliver(p, "analytics-project-logins", login).Want(t, http.StatusNoContent)
	}
	if got, want := row(t, p, "id, organization_id, role", "users"), fmt.Sprintf("%s %s owner", user, organization); got != want {
		t.Errorf("users: %s, want %s", got, want)
	}
	if got, want := row(t, p, "user_id, organization_id", "logins"), fmt.Sprintf("%s %s", user, organization); got != want {
		t.Errorf("logins: %s, want %s", got, want)
	}
	approved = platformtest.Event(events.MembershipApproved{UserID: uuid.New(), OrganizationID: organization, Role: "member", ApprovedAt: at})
	platformtest.Deliver(p, "analytics-project-users", approved).Want(t, http.StatusNoContent)
	if got := row(t, p, "role", "users"); got != "owner; member" {
		t.Errorf("roles %s, want the owner and the member who was let in", got)
	}
}

func TestProjectLogins_PersonErased_LateLoginsAreIgnored(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	gone, stays, organization := uuid.New(), uuid.New(), uuid.New()
	login := func(user uuid.UUID) events.Received[events.UserLoggedIn] {
		return platformtest.Event(events.UserLoggedIn{SessionID: uuid.New(), UserID: user, OrganizationID: organization, LoggedInAt: at})
	}
	erased := platformtest.Event(events.UserErased{UserID: gone, ErasedAt: at})
	platformtest.Deliver(p, "analytics-project-logins", login(gone)).Want(t, http.StatusNoContent)
	platformtest.Deliver(p, "analytics-project-logins", login(stays)).Want(t, http.StatusNoContent)
	statuses := make(chan int, 8)
	for i := range cap(statuses) {
		go func() {
			if i%2 == 0 {
				statuses <- platformtest.Deliver(p, "analytics-project-logins", login(gone)).Status
			} else {
				statuses <- platformtest.Deliver(p, "analytics-project-logins", erased).Status
			}
		}()
	}
	for range cap(statuses) {
		if status := <-statuses; status != http.StatusNoContent {
			t.Errorf("status %d", status)
		}
	}
	platformtest.Deliver(p, "analytics-project-logins", login(gone)).Want(t, http.StatusNoContent)
	if got, want := row(t, p, "user_id", "logins"), stays.String(); got != want {
		t.Errorf("logins of %s, want of %s alone", got, want)
	}
}

func TestProjectUsers_AnyOrder_KeepsTheNewestState(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declarations...)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	user, organization := uuid.New(), uuid.New()
	after := func(hours int) time.Time { return at.Add(time.Duration(hours) * time.Hour) }
	changed := func(role, status string, hours int) func() platformtest.Answer {
		event := platformtest.Event(events.MembershipChanged{UserID: user, OrganizationID: organization, Role: role, Status: status, ChangedAt: after(hours)})
		return func() platformtest.Answer { return platformtest.Deliver(p, "analytics-project-users", event) }
	}
	ended := platformtest.Event(events.MembershipEnded{UserID: user, OrganizationID: organization, EndedAt: after(3)})
	approved := platformtest.Event(events.MembershipApproved{UserID: user, OrganizationID: organization, Role: "member", ApprovedAt: at})
	again := platformtest.Event(events.MembershipApproved{UserID: user, OrganizationID: organization, Role: "viewer", ApprovedAt: after(4)})
	happened := []func() platformtest.Answer{
		func() platformtest.Answer { return platformtest.Deliver(p, "analytics-project-users", approved) },
		changed("admin", "active", 1),
		changed("admin", "suspended", 2),
		func() platformtest.Answer { return platformtest.Deliver(p, "analytics-project-users", ended) },
		func() platformtest.Answer { return platformtest.Deliver(p, "analytics-project-users", again) },
	}
	states := []string{"member active", "admin active", "admin suspended", " ended", "viewer active"}
	for known := 1; known <= len(happened); known++ {
		for rotation := range known {
			for i := range known {
				deliver := happened[(i+rotation)%known]
				deliver().Want(t, http.StatusNoContent)
				deliver().Want(t, http.StatusNoContent) // a duplicate
			}
			if got, want := row(t, p, "role, status", "users"), states[known-1]; got != want {
				t.Errorf("after %d events from the %d. on: %q, want %q", known, rotation+1, got, want)
			}
			for _, table := range []string{"projections.users", "consumed_events"} {
				if _, err := p.DB(database.Analytics).Exec(context.Background(), `TRUNCATE `+table); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
