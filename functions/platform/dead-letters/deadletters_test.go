package deadletters_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	deadletters "function/functions/platform/dead-letters"
	"function/shared/database"
	"function/shared/events"
	"function/shared/page"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const (
	name = "platform-dead-letters"
	path = "/v1/platform/dead-letters"
)

var declaration = deadletters.Service

// bury sends an event to the sink in binary mode, as Knative does, and fails the test unless the
// sink stores it.
func bury(t *testing.T, p *platformtest.Platform, data string, headers ...string) {
	t.Helper()
	headers = append([]string{
		"Ce-Specversion", "1.0", "Ce-Id", uuid.NewString(), "Ce-Source", "/functions/users-login", "Ce-Type", "com.appliedinnovationcorp.data.users.logged_in.v1",
		"Ce-Knativeerrordest", "http://analytics-project-login.aic-data.svc.cluster.local", "Ce-Knativeerrorcode", "422",
		"Ce-Knativebrokerttl", "254", "Ce-Knativearrivaltime", "2026-01-02T03:04:05Z",
	}, headers...)
	p.Do("", http.MethodPost, "/events/"+name, data, headers...).Want(t, http.StatusNoContent)
}

func answered(body string) string { return base64.StdEncoding.EncodeToString([]byte(body)) }

func list(t *testing.T, p *platformtest.Platform, token string) []deadletters.Letter {
	t.Helper()
	return platformtest.Decode[page.Page[deadletters.Letter]](t, p.Do(token, http.MethodGet, path, nil).Want(t, http.StatusOK)).Items
}

func TestDeadLetter_IsVisibleToItsOrganizationOnly(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	owner, stranger := p.Login("owner"), p.Login("owner")
	member := p.LoginTo(owner.OrganizationID, "member")
	bury(t, p, `{"session_id": "x"}`, "Ce-Id", "1", "Ce-Organizationid", owner.OrganizationID.String(),
		"Ce-Knativeerrordata", answered(`{"type":"about:blank","status":422,"detail":"The data of this event does not match its type"}`))
	bury(t, p, `{}`, "Ce-Id", "2")

	letters := list(t, p, owner.Token)
	if len(letters) != 1 {
		t.Fatalf("%d dead letters, want 1", len(letters))
	}
	got := letters[0]
	status := 422
	want := deadletters.Letter{
		ID: got.ID, OrganizationID: &owner.OrganizationID, Source: "/functions/users-login", EventID: "1", EventType: "com.appliedinnovationcorp.data.users.logged_in.v1",
		Destination: "http://analytics-project-login.aic-data.svc.cluster.local", StatusCode: &status,
		Reason: "The data of this event does not match its type", Deliveries: 1, FailedAt: got.FailedAt,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if others := list(t, p, stranger.Token); len(others) != 0 {
		t.Errorf("another organization sees %v", others)
	}
	one := path + "/" + got.ID.String()
	p.Do(owner.Token, http.MethodGet, one, nil).Want(t, http.StatusOK)
	p.Do(stranger.Token, http.MethodGet, one, nil).Want(t, http.StatusNotFound)
	p.Do(stranger.Token, http.MethodPost, one+"/redeliver", nil).Want(t, http.StatusNotFound)
	p.Do(member.Token, http.MethodGet, path, nil).Want(t, http.StatusForbidden)
	p.Do(member.Token, http.MethodGet, one, nil).Want(t, http.StatusForbidden)
	p.Do(member.Token, http.MethodPost, one+"/redeliver", nil).Want(t, http.StatusForbidden)
	p.Do("", http.MethodGet, path, nil).Want(t, http.StatusUnauthorized)
	p.Do(owner.Token, http.MethodGet, path+"/1", nil).Want(t, http.StatusUnprocessableEntity)
}

func TestDeadLetter_WithoutOrganization_IsVisibleToPlatformAdmins(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	owner, admin := p.Login("owner"), p.Login("viewer")
	if _, err := p.DB(database.Users).Exec(context.Background(), `UPDATE users SET platform_admin = true WHERE id = $1`, admin.UserID); err != nil {
		t.Fatal(err)
	}
	bury(t, p, `{}`, "Ce-Id", "1")
	bury(t, p, `{}`, "Ce-Id", "2", "Ce-Organizationid", owner.OrganizationID.String())
	letters := list(t, p, admin.Token)
	if len(letters) != 1 || letters[0].EventID != "1" || letters[0].OrganizationID != nil {
		t.Fatalf("a platform admin sees %+v, want the letter of no organization", letters)
	}
	one := path + "/" + letters[0].ID.String()
	p.Do(owner.Token, http.MethodGet, one, nil).Want(t, http.StatusNotFound)
	p.Do(owner.Token, http.MethodPost, one+"/redeliver", nil).Want(t, http.StatusNotFound)
	p.Do(admin.Token, http.MethodPost, one+"/redeliver", nil).Want(t, http.StatusAccepted)
	var trail string
	err := p.DB(database.Analytics).QueryRow(context.Background(), `SELECT organization_id::text FROM audit_entries WHERE action = 'dead_letters:redeliver' AND result = 'done'`).Scan(&trail)
	if err != nil || trail != "00000000-0000-0000-0000-000000000000" {
		t.Errorf("the redelivery is in the trail of %s (%v), want the platform's", trail, err)
	}
	err = p.DB(database.Analytics).QueryRow(context.Background(), `SELECT organization_id::text FROM audit_entries WHERE action = 'dead_letters:redeliver' AND result = 'refused' AND actor_id = $1`, owner.UserID).Scan(&trail)
	if err != nil || trail != owner.OrganizationID.String() {
		t.Errorf("the refusal is in the trail of %s (%v), want that of the owner's organization", trail, err)
	}
}

func TestDeadLetter_RepeatedFailure_IsOneLetter(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	owner := p.Login("owner")
	organization := []string{"Ce-Id", "1", "Ce-Organizationid", owner.OrganizationID.String()}
	bury(t, p, `{}`, append(organization, "Ce-Knativeerrordata", answered("first"))...)
	bury(t, p, `{}`, append(organization, "Ce-Knativeerrordata", answered("second"))...)
	bury(t, p, `{}`, append(organization, "Ce-Knativeerrordest", "http://elsewhere")...)

	letters := list(t, p, owner.Token)
	if len(letters) != 2 || letters[1].Deliveries != 2 || letters[1].Reason != "second" || letters[0].Deliveries != 1 {
		t.Errorf("dead letters %+v, want one for each destination", letters)
	}
}

func TestDeadLetter_Reason(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	for name, test := range map[string]struct {
		headers []string
		want    string
	}{
		"problem cut off":     {[]string{"Ce-Knativeerrordata", answered(`{"errors":[{"location":"a","message":"b"}],"detail":"Why","title":"Unproc`)}, "Why"},
		"detail cut off":      {[]string{"Ce-Knativeerrordata", answered(`{"status":422,"detail":"Becau`)}, `{"status":422,"detail":"Becau`},
		"detail not text":     {[]string{"Ce-Knativeerrordata", answered(`{"detail":{"a":1}}`)}, `{"detail":{"a":1}}`},
		"text":                {[]string{"Ce-Knativeerrordata", answered("upstream connect error")}, "upstream connect error"},
		"base64 cut off":      {[]string{"Ce-Knativeerrordata", answered("upstream connect error")[:26]}, "upstream connect e"},
		"not base64":          {[]string{"Ce-Knativeerrordata", "***"}, "The destination responded with 422 Unprocessable Entity"},
		"no answer":           {[]string{"Ce-Knativeerrorcode", "-1"}, "The destination did not respond"},
		"status not a number": {[]string{"Ce-Knativeerrorcode", "9999999999999999999999"}, "The destination did not respond"},
		"unknown status":      {[]string{"Ce-Knativeerrorcode", "599"}, "The destination responded with 599"},
		"NUL and bad UTF-8":   {[]string{"Ce-Knativeerrordata", answered("a\x00b\xffc")}, "abc"},
		"long":                {[]string{"Ce-Knativeerrordata", answered(strings.Repeat("é", 3000))}, strings.Repeat("é", 1000)},
	} {
		t.Run(name, func(t *testing.T) {
			owner := p.Login("owner")
			bury(t, p, `{}`, append(test.headers, "Ce-Organizationid", owner.OrganizationID.String())...)
			if letters := list(t, p, owner.Token); len(letters) != 1 || letters[0].Reason != test.want {
				t.Errorf("dead letters %+v, want the reason %q", letters, test.want)
			}
		})
	}
}

// redelivered returns the events that reached the broker, except for DeliveryFailed.
func redelivered(p *platformtest.Platform) []cloudevents.Event {
	p.Env.Sender().Wait()
	return slices.DeleteFunc(p.Captured(), func(e cloudevents.Event) bool { return e.Type() == events.DeliveryFailed{}.EventType() })
}

func TestRedeliver_SendsTheEventAsPublished(t *testing.T) {
	t.Parallel()
	for mode, data := range map[string]string{"JSON": `{"session_id":"0198a7f0-0000-7000-8000-000000000001"}`, "broken JSON": `{"session_id": "\xff`, "nothing": ``} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := platformtest.New(t, declaration)
			owner := p.Login("owner")
			bury(t, p, data, "Ce-Id", "1", "Ce-Subject", "it", "Ce-Organizationid", owner.OrganizationID.String(), "Ce-Traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
			one := path + "/" + list(t, p, owner.Token)[0].ID.String()

			p.BreakBroker(http.StatusInternalServerError)
			p.Do(owner.Token, http.MethodPost, one+"/redeliver", nil).Want(t, http.StatusServiceUnavailable)
			if l := list(t, p, owner.Token)[0]; l.RedeliveredAt != nil {
				t.Errorf("marked as redelivered at %s, which the broker has refused", l.RedeliveredAt)
			}
			p.BreakBroker(0)
			p.Do(owner.Token, http.MethodPost, one+"/redeliver", nil).Want(t, http.StatusAccepted)
			if l := list(t, p, owner.Token)[0]; l.RedeliveredAt == nil {
				t.Error("not marked as redelivered")
			}

			sent := redelivered(p)
			if len(sent) != 1 {
				t.Fatalf("%d events reached the broker, want 1", len(sent))
			}
			got := sent[0]
			if got.ID() != "1" || got.Source() != "/functions/users-login" || got.Subject() != "it" || string(got.Data()) != data {
				t.Errorf("redelivered %v, want the event as it was", got)
			}
			want := map[string]any{"organizationid": owner.OrganizationID.String(), "traceparent": "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"}
			if diff := cmp.Diff(want, got.Extensions()); diff != "" {
				t.Error(diff)
			}
			body := platformtest.Decode[struct {
				Event map[string]any `json:"event"`
			}](t, p.Do(owner.Token, http.MethodGet, one, nil).Want(t, http.StatusOK))
			if body.Event["id"] != "1" || body.Event["knativeerrordest"] != nil {
				t.Errorf("event %v, want it as it was published", body.Event)
			}
		})
	}
}

func TestDeadLetter_AuditFails_NothingIsReadOrRedelivered(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	owner := p.Login("owner")
	bury(t, p, `{"a":1}`, "Ce-Id", "1", "Ce-Organizationid", owner.OrganizationID.String())
	one := path + "/" + list(t, p, owner.Token)[0].ID.String()
	p.Do(owner.Token, http.MethodGet, one, nil).Want(t, http.StatusOK)
	p.BreakBroker(http.StatusInternalServerError)
	p.Do(owner.Token, http.MethodPost, one+"/redeliver", nil).Want(t, http.StatusServiceUnavailable)
	p.BreakBroker(0)
	p.Do(owner.Token, http.MethodPost, one+"/redeliver", nil).Want(t, http.StatusAccepted)
	rows, err := p.DB(database.Analytics).Query(context.Background(), `SELECT action || ' ' || result FROM audit_entries WHERE actor_id = $1 AND organization_id = $2 ORDER BY id`, owner.UserID, owner.OrganizationID)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	want := []string{"dead_letters:read done", "dead_letters:redeliver done", "dead_letters:redeliver refused", "dead_letters:redeliver done"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := p.Administrator(database.Analytics).Exec(context.Background(), `ALTER TABLE audit_entries RENAME TO broken`); err != nil {
		t.Fatal(err)
	}
	p.Do(owner.Token, http.MethodGet, one, nil).Want(t, http.StatusInternalServerError)
	p.Do(owner.Token, http.MethodPost, one+"/redeliver", nil).Want(t, http.StatusInternalServerError)
	if n := len(redelivered(p)); n != 1 {
		t.Errorf("%d events reached the broker, want only the one with an entry", n)
	}
}

func TestDeadLetter_HostileEvent_IsStoredOrRefusedPermanently(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	long := strings.Repeat("x", 40_000)
	for what, body := range map[string]string{
		"NUL":               `{"specversion":"1.0","id":"a\u0000b","source":"/s","type":"t\u0000","data":{"a":"\u0000"}}`,
		"bad UTF-8":         "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"data\":{\"a\":\"\xff\"}}",
		"long":              `{"specversion":"1.0","id":"` + long + `","source":"/` + long + `","type":"` + long + `"}`,
		"no organization":   `{"specversion":"1.0","id":"1","source":"/s","type":"t","organizationid":"nobody"}`,
		"odd extensions":    `{"specversion":"1.0","id":"2","source":"/s","type":"t","knativeerrorcode":422,"knativeerrordata":7,"knativeerrordest":true}`,
		"data not declared": `{"specversion":"1.0","id":"3","source":"/s","type":"t","datacontenttype":"text/plain","data":"hello"}`,
	} {
		t.Run(what, func(t *testing.T) {
			p.Do("", http.MethodPost, "/events/"+name, bytes.NewReader([]byte(body)), "Content-Type", cloudevents.ApplicationCloudEventsJSON).Want(t, http.StatusNoContent)
		})
	}
	rows, err := p.DB(database.Analytics).Query(context.Background(), `SELECT event FROM platform.dead_letters`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var event []byte
		if err := rows.Scan(&event); err != nil || !json.Valid(event) {
			t.Errorf("kept what is not JSON (%v): %.200s", err, event)
		}
	}
	p.Do("", http.MethodPost, "/events/"+name, `{"specversion":"1.0"}`, "Content-Type", cloudevents.ApplicationCloudEventsJSON).Want(t, http.StatusUnprocessableEntity)
	p.Do("", http.MethodPost, "/events/"+name, strings.Repeat(" ", 2*events.MaxSize+1), "Content-Type", cloudevents.ApplicationCloudEventsJSON).Want(t, http.StatusUnprocessableEntity)
}

func TestDeadLetter_PublishesDeliveryFailed(t *testing.T) {
	t.Parallel()
	for destination, want := range map[string]events.DeliveryFailed{
		"http://datasets-profile.aic-data.svc.cluster.local":    {Function: "datasets-profile", Permanent: true},
		"http://datasets-profile.aic-data.svc.cluster.local/":   {Function: "datasets-profile", Permanent: true},
		"http://127.0.0.1:8080/events/datasets-profile":         {Function: "datasets-profile", Permanent: true},
		"http://datasets-profile.aic-data.svc.cluster.local:80": {Function: "datasets-profile", Permanent: true},
		"http://bad%zz": {Permanent: true},
		"":              {Permanent: true},
	} {
		p := platformtest.New(t, declaration)
		bury(t, p, `{}`, "Ce-Id", "1", "Ce-Knativeerrordest", destination)
		got := platformtest.Published[events.DeliveryFailed](p, 1)[0].Data
		if got.Function != want.Function || got.Permanent != want.Permanent || got.Source != "/functions/users-login" || got.EventID != "1" || got.Reason == "" {
			t.Errorf("%q: published %+v, want %+v", destination, got, want)
		}
	}
}

func TestDeadLetter_OfDeliveryFailed_PublishesNothing(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	bury(t, p, `{}`, "Ce-Type", events.DeliveryFailed{}.EventType())
	bury(t, p, `{}`, "Ce-Knativeerrorcode", "503")
	platformtest.Published[events.DeliveryFailed](p, 1)
	p.Env.Sender().Wait()
	if told := platformtest.Published[events.DeliveryFailed](p, 1); len(told) != 1 || told[0].Data.Permanent {
		t.Errorf("published %+v, want one event, about the letter that is not permanent", told)
	}
}
