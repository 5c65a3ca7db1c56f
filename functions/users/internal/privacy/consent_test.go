package privacy_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions/users/consents"
	"function/functions/users/internal/privacy"
	listconsents "function/functions/users/list-consents"
	"function/functions/users/purposes"
	"function/shared/database"
	"function/shared/events"
	"function/shared/page"
	"function/shared/platformtest"
)

func mountConsents(t *testing.T) *platformtest.Platform {
	t.Helper()
	return platformtest.New(t, purposes.Service,
		consents.Service, listconsents.Service)
}

type purpose struct {
	*platformtest.Platform
	t     *testing.T
	owner platformtest.Caller
	path  string
}

func newPurpose(t *testing.T) purpose {
	t.Helper()
	p := mountConsents(t)
	owner := p.Login("owner")
	path := "/v1/organizations/" + owner.OrganizationID.String() + "/purposes"
	made := platformtest.Decode[privacy.ConsentPurpose](t, p.Do(owner.Token, http.MethodPost, path, `{"name":"newsletter","text":"We write to you."}`).Want(t, http.StatusCreated))
	hash := sha256.Sum256([]byte("We write to you."))
	if made.Name != "newsletter" || made.Version != 1 || made.TextSHA256 != hex.EncodeToString(hash[:]) {
		t.Errorf("made %+v, want version 1 with the text's hash", made)
	}
	return purpose{p, t, owner, path}
}

func (p purpose) give(token string, version int) platformtest.Answer {
	return p.Do(token, http.MethodPost, "/v1/users/consents", fmt.Sprintf(`{"purpose":"newsletter","version":%d}`, version))
}

func (p purpose) withdraw(token string) platformtest.Answer {
	return p.Do(token, http.MethodDelete, "/v1/users/consents/newsletter", nil)
}

func (p purpose) history(token string) []privacy.ConsentDecision {
	p.t.Helper()
	return platformtest.Decode[page.Page[privacy.ConsentDecision]](p.t, p.Do(token, http.MethodGet, "/v1/users/consents/history", nil).Want(p.t, http.StatusOK)).Items
}

func TestConsentIsGivenAndWithdrawnWithItsProof(t *testing.T) {
	t.Parallel()
	p := newPurpose(t)
	member := p.LoginTo(p.owner.OrganizationID, "viewer")
	p.give(member.Token, 2).Want(t, http.StatusConflict)
	given := platformtest.Decode[privacy.ConsentState](t, p.give(member.Token, 1).Want(t, http.StatusOK))
	if !given.Given || given.Version != 1 || given.DecidedAt == nil {
		t.Errorf("state %+v, want consent to version 1", given)
	}
	p.give(member.Token, 1).Want(t, http.StatusOK) // again: nothing new
	p.Do(p.owner.Token, http.MethodPost, p.path+"/newsletter/texts", `{"text":"We write to you daily."}`).Want(t, http.StatusCreated)
	p.give(member.Token, 1).Want(t, http.StatusConflict)
	p.give(member.Token, 2).Want(t, http.StatusOK)
	p.withdraw(member.Token).Want(t, http.StatusOK)
	p.withdraw(member.Token).Want(t, http.StatusOK)

	var got []string
	for _, d := range p.history(member.Token) {
		got = append(got, fmt.Sprint(d.Version, d.Given))
		if len(d.TextSHA256) != 64 || d.SessionID == nil || *d.SessionID != member.SessionID || d.Address == "" || !strings.HasPrefix(d.Device, "Go-http-client") {
			t.Errorf("%+v: want the text's hash, the session, the address and the device", d)
		}
	}
	if diff := cmp.Diff([]string{"2 false", "2 true", "1 true"}, got); diff != "" {
		t.Error(diff)
	}
	if e := platformtest.Published[events.ConsentGiven](p.Platform, 2); len(e) != 2 || e[0].Data.UserID != member.UserID || e[0].Data.Purpose != "newsletter" {
		t.Errorf("published %+v", e)
	}
	if e := platformtest.Published[events.ConsentWithdrawn](p.Platform, 1); len(e) != 1 || e[0].Data.Number != 3 {
		t.Errorf("published %+v, want the third decision", e)
	}
	var audited string
	err := p.DB(database.Users).QueryRow(context.Background(), `SELECT string_agg(action, ' ' ORDER BY id) FROM audit_entries`).Scan(&audited)
	if want := "purposes:create consents:give purposes:revise consents:give consents:withdraw"; err != nil || audited != want {
		t.Errorf("audited %q (%v), want %q", audited, err, want)
	}
}

func TestARetiredPurposeCanBeWithdrawnAndNotGiven(t *testing.T) {
	t.Parallel()
	p := newPurpose(t)
	p.give(p.owner.Token, 1).Want(t, http.StatusOK)
	p.Do(p.owner.Token, http.MethodDelete, p.path+"/newsletter", nil).Want(t, http.StatusNoContent)
	p.Do(p.owner.Token, http.MethodDelete, p.path+"/newsletter", nil).Want(t, http.StatusNotFound)
	other := p.LoginTo(p.owner.OrganizationID, "member")
	p.give(other.Token, 1).Want(t, http.StatusConflict)
	state := platformtest.Decode[privacy.ConsentState](t, p.withdraw(p.owner.Token).Want(t, http.StatusOK))
	if state.Given || state.RetiredAt == nil {
		t.Errorf("state %+v, want withdrawn of a retired purpose", state)
	}
	p.Do(p.owner.Token, http.MethodPost, p.path+"/newsletter/texts", `{"text":"More."}`).Want(t, http.StatusNotFound)
}

func TestAnOrganizationSeesItsConsents(t *testing.T) {
	t.Parallel()
	p := newPurpose(t)
	first, second := p.LoginTo(p.owner.OrganizationID, "member"), p.LoginTo(p.owner.OrganizationID, "member")
	p.give(first.Token, 1).Want(t, http.StatusOK)
	p.give(second.Token, 1).Want(t, http.StatusOK)
	p.withdraw(second.Token).Want(t, http.StatusOK)
	p.Do(p.owner.Token, http.MethodPost, p.path+"/newsletter/texts", `{"text":"We write to you daily."}`).Want(t, http.StatusCreated)
	p.give(p.owner.Token, 2).Want(t, http.StatusOK)
	p.LoginTo(p.owner.OrganizationID, "viewer")
	path := "/v1/organizations/" + p.owner.OrganizationID.String() + "/consents"
	type body struct {
		Items  []listconsents.Consent
		Counts []listconsents.Count
	}
	got := platformtest.Decode[body](t, p.Do(p.owner.Token, http.MethodGet, path, nil).Want(t, http.StatusOK))
	want := []listconsents.Count{{Purpose: "newsletter", Given: 1, GivenToOld: 1, Withdrawn: 1, Undecided: 1}}
	if diff := cmp.Diff(want, got.Counts); diff != "" || len(got.Items) != 3 || got.Items[0].UserID != p.owner.UserID || !got.Items[0].Given || got.Items[1].Given {
		t.Errorf("%s\n%+v", diff, got.Items)
	}
	stranger := p.Login("owner")
	p.Do(first.Token, http.MethodGet, path, nil).Want(t, http.StatusForbidden)
	for _, at := range []string{path, p.path, p.path + "/newsletter/texts"} {
		p.Do(stranger.Token, http.MethodGet, at, nil).Want(t, http.StatusNotFound)
	}
	p.Do(stranger.Token, http.MethodPost, p.path, `{"name":"theirs","text":"x"}`).Want(t, http.StatusNotFound)
	p.give(stranger.Token, 2).Want(t, http.StatusNotFound)
	p.withdraw(stranger.Token).Want(t, http.StatusNotFound)
	p.Do(first.Token, http.MethodPost, p.path, `{"name":"mine","text":"x"}`).Want(t, http.StatusForbidden)
	for _, bad := range []string{`{"name":"Bad Name","text":"x"}`, `{"name":"x","text":"x"}`, `{"name":"fine","text":""}`, `{"name":"fine","text":"\u0000"}`, `{}`} {
		p.Do(p.owner.Token, http.MethodPost, p.path, bad).Want(t, http.StatusUnprocessableEntity)
	}
	p.Do(p.owner.Token, http.MethodPost, p.path, `{"name":"newsletter","text":"x"}`).Want(t, http.StatusConflict)
}

// After concurrent decisions the history has no gaps, and the last row is the current state.
func TestDecisionsAtOnceLeaveOneHistory(t *testing.T) {
	t.Parallel()
	p := newPurpose(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { p.give(p.owner.Token, 1).Want(t, http.StatusOK) })
		all.Go(func() { p.withdraw(p.owner.Token).Want(t, http.StatusOK) })
	}
	all.Wait()
	var ok bool
	err := p.DB(database.Users).QueryRow(context.Background(), `
SELECT max(number) = count(*) AND bool_and(given = (number % 2 = 1)) FROM consent_decisions WHERE user_id = $1`, p.owner.UserID).Scan(&ok)
	if err != nil || !ok {
		t.Errorf("the history has gaps, or repeats itself (%v)", err)
	}
	var last bool
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT given FROM consent_decisions ORDER BY number DESC LIMIT 1`).Scan(&last); err != nil {
		t.Fatal(err)
	}
	type body struct{ Items []privacy.ConsentState }
	if got := platformtest.Decode[body](t, p.Do(p.owner.Token, http.MethodGet, "/v1/users/consents", nil)).Items; len(got) != 1 || got[0].Given != last {
		t.Errorf("state %+v, want given %v", got, last)
	}
	if _, err := p.DB(database.Users).Exec(context.Background(), `UPDATE consent_decisions SET given = NOT given`); !database.Violates(err, "consent_never_changed") {
		t.Errorf("a decision can be changed: %v", err)
	}
}

func TestNobodyConsentsForAnother(t *testing.T) {
	t.Parallel()
	p := newPurpose(t)
	as := p.LoginTo(p.owner.OrganizationID, "owner")
	p.Impersonate(as.UserID)
	p.give(as.Token, 1).Want(t, http.StatusForbidden)
	p.withdraw(as.Token).Want(t, http.StatusForbidden)
}
