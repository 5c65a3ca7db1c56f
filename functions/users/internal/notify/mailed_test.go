package notify_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"function/functions/users/internal/userstest"
	"function/shared/database"
	"function/shared/events"
)

func TestRegistrationMail_Contents(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, true)
	userstest.Post(t, p, "", "/v1/users/register", userstest.PersonBody("ada@example.com", ""), http.StatusAccepted)
	userstest.DeliverRequests[events.RegistrationRequested](t, p, 1)
	m := p.MailTo("ada@example.com")
	if !strings.Contains(m.Text, "If it was not you") || strings.Contains(m.Text+m.Subject, "Wilhelmina") {
		t.Errorf("the mail does not say what to do if it was not you, or repeats what a stranger has typed:\n%s", m.Text)
	}
	if links := m.Links(); len(links) != 1 || !strings.HasPrefix(links[0], "https://platform.example/register/confirm#token=") {
		t.Errorf("links %q, want one to the page, with the token in the fragment", links)
	}
	if m.Header.Get("Auto-Submitted") != "auto-generated" || m.From != "no-reply@platform.example" {
		t.Errorf("header %v from %s", m.Header, m.From)
	}
	for _, table := range []string{"mails", "registrations", "outbox", "audit_entries"} {
		var dump string
		if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT coalesce(string_agg(r::text, ' '), '') FROM `+table+` r`).Scan(&dump); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"example.com", "Wilhelmina", p.Token(m), "correct horse"} {
			if strings.Contains(dump, word) {
				t.Errorf("table %s holds %q in the clear", table, word)
			}
		}
	}
}
