package sendnotice_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	sendnotice "function/functions/users/send-notice"
	"function/shared/database"
	"function/shared/events"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const name = "users-send-notice"

func exec(t *testing.T, p *platformtest.Platform, sql string, args ...any) {
	t.Helper()
	if _, err := p.DB(database.Users).Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

func recipients(p *platformtest.Platform) (to []string) {
	for _, m := range p.Mail(0) {
		to = append(to, m.To)
	}
	slices.Sort(to)
	return to
}

func failed(organization uuid.UUID) events.NoticeRequested {
	return events.NoticeRequested{
		OrganizationID: organization, Notice: "report_failed",
		Params: map[string]string{"report_id": uuid.NewString(), "run_id": uuid.NewString()},
	}
}

func TestNotice_ToOneMember(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, sendnotice.Service)
	member := p.Login("member")
	p.LoginTo(member.OrganizationID, "member")
	notice := failed(member.OrganizationID)
	notice.UserID = member.UserID
	e := platformtest.Event(notice)
	var wg sync.WaitGroup
	for range 4 { // delivered several times, at once too
		wg.Go(func() {
			if a := platformtest.Deliver(p, name, e); a.Status != http.StatusNoContent {
				t.Errorf("status %d: %s", a.Status, a.Body)
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff([]string{member.Email}, recipients(p)); diff != "" {
		t.Error(diff)
	}
	mail := p.MailTo(member.Email)
	if want := "/v1/analytics/reports/" + notice.Params["report_id"] + "/runs/" + notice.Params["run_id"]; mail.Subject != "A report failed" || !strings.Contains(mail.Text, want) {
		t.Errorf("mail %q, want one that names %s:\n%s", mail.Subject, want, mail.Text)
	}
	if strings.ContainsAny(mail.Text, "{}") {
		t.Errorf("a parameter is not filled in:\n%s", mail.Text)
	}
}

func TestNotice_ToThoseWithARole(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, sendnotice.Service)
	first := p.Login("owner")
	second, suspended, banned := p.LoginTo(first.OrganizationID, "owner"), p.LoginTo(first.OrganizationID, "owner"), p.LoginTo(first.OrganizationID, "owner")
	p.LoginTo(first.OrganizationID, "admin")
	p.Login("owner") // of another organization
	exec(t, p, `UPDATE memberships SET status = 'suspended' WHERE user_id = $1`, suspended.UserID)
	exec(t, p, `UPDATE users SET suspended_at = now() WHERE id = $1`, banned.UserID)
	notice := events.NoticeRequested{
		OrganizationID: first.OrganizationID, Role: "owner", Notice: "dataset_failed",
		Params: map[string]string{"dataset_id": uuid.NewString(), "version": "3"},
	}
	platformtest.Deliver(p, name, platformtest.Event(notice)).Want(t, http.StatusNoContent)
	want := []string{first.Email, second.Email}
	slices.Sort(want)
	if diff := cmp.Diff(want, recipients(p)); diff != "" {
		t.Error(diff)
	}
}

func TestNotice_NobodyLeftToTell(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, sendnotice.Service)
	left, elsewhere := p.Login("owner"), p.Login("owner")
	for _, notice := range []events.NoticeRequested{failed(left.OrganizationID), failed(uuid.New())} {
		notice.UserID = elsewhere.UserID // not a member there
		platformtest.Deliver(p, name, platformtest.Event(notice)).Want(t, http.StatusNoContent)
	}
	if got := recipients(p); len(got) != 0 {
		t.Errorf("mailed %v, want nobody", got)
	}
}

func TestNotice_BadOnesAreDeadLetters(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, sendnotice.Service)
	owner := p.Login("owner")
	for what, change := range map[string]func(*events.NoticeRequested){
		"unknown":           func(e *events.NoticeRequested) { e.Notice = "party" },
		"parameter missing": func(e *events.NoticeRequested) { delete(e.Params, "run_id") },
		"parameter unknown": func(e *events.NoticeRequested) { e.Params["name"] = "1" },
		"words":             func(e *events.NoticeRequested) { e.Params["run_id"] = "http://evil.example" },
		"line":              func(e *events.NoticeRequested) { e.Params["run_id"] = "1\n" },
		"no parameters":     func(e *events.NoticeRequested) { e.Params = nil },
		"to nobody":         func(e *events.NoticeRequested) { e.UserID = uuid.Nil },
		"to one and a role": func(e *events.NoticeRequested) { e.Role = "owner" },
		"to all members":    func(e *events.NoticeRequested) { e.UserID, e.Role = uuid.Nil, "member" },
	} {
		t.Run(what, func(t *testing.T) {
			notice := failed(owner.OrganizationID)
			notice.UserID = owner.UserID
			change(&notice)
			platformtest.Deliver(p, name, platformtest.Event(notice)).Want(t, http.StatusUnprocessableEntity)
		})
	}
	if got := recipients(p); len(got) != 0 {
		t.Errorf("mailed %v, want nobody", got)
	}
}
