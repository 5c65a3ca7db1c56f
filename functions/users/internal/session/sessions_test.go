package session_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/users/internal/session"
	"function/functions/users/internal/userstest"
	"function/functions/users/sessions"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/page"
	"function/shared/platformtest"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

func listed(t *testing.T, p *platformtest.Platform, token, query string) page.Page[sessions.Session] {
	t.Helper()
	return platformtest.Decode[page.Page[sessions.Session]](t, p.Do(token, http.MethodGet, "/v1/users/sessions"+query, nil).Want(t, http.StatusOK))
}

func TestPersonSeesWhereTheyAreLoggedIn(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	userstest.Registered(t, p, "ada@example.com", "")
	userstest.Registered(t, p, "eve@example.com", "")
	userstest.LoggedIn(t, p, "eve@example.com")
	body := `{"email": "ada@example.com", "password": "correct horse"}`
	p.Do("", http.MethodPost, "/v1/users/login", body, "User-Agent", firefox).Want(t, http.StatusOK)
	p.Do("", http.MethodPost, "/v1/users/login", body, "User-Agent", "<script>alert(1)</script>").Want(t, http.StatusOK)
	tokens := userstest.LoggedIn(t, p, "ada@example.com")

	all := listed(t, p, tokens.AccessToken, "")
	if len(all.Items) != 3 || !all.Items[0].Current || all.Items[1].Current || all.Items[2].Current {
		t.Fatalf("sessions %+v, want three, the newest first and current", all.Items)
	}
	first := all.Items[2]
	if diff := cmp.Diff(session.Device{Browser: "Firefox 128.0", System: "Linux x86_64", UserAgent: firefox}, first.Device); diff != "" {
		t.Error(diff)
	}
	if first.Address != "127.0.0.1" || first.Country != "" || !slices.Equal(first.Methods, []string{"pwd"}) || !first.ExpiresAt.After(time.Now()) || first.Impersonated {
		t.Errorf("session %+v", first)
	}
	var paged []sessions.Session
	for query := "?limit=1"; query != ""; {
		page := listed(t, p, tokens.AccessToken, query)
		paged = append(paged, page.Items...)
		if query = ""; page.NextCursor != "" {
			query = "?limit=1&cursor=" + page.NextCursor
		}
	}
	if diff := cmp.Diff(all.Items, paged); diff != "" {
		t.Error(diff)
	}
	p.Do(tokens.AccessToken, http.MethodGet, "/v1/users/sessions?cursor=x", nil).Want(t, http.StatusUnprocessableEntity)
	p.Do("", http.MethodGet, "/v1/users/sessions", nil).Want(t, http.StatusUnauthorized)
}

func TestCountryOfASessionIsThatOfItsAddress(t *testing.T) {
	t.Parallel()
	p := platformtest.NewWith(t, func(c *function.Config) {
		if err := c.TrustedProxies.EnvDecode("127.0.0.0/8"); err != nil {
			t.Fatal(err)
		}
	}, userstest.Declarations()...)
	userstest.Registered(t, p, "ada@example.com", "")
	for address, country := range map[string]string{"8.8.8.8": "US", "2a00:1450:4001:800::200e": "DE", "10.1.2.3": "", "fe80::1": "", "203.0.113.7": "", "nonsense": ""} {
		answer := p.Do("", http.MethodPost, "/v1/users/login", `{"email": "ada@example.com", "password": "correct horse"}`, "X-Forwarded-For", address)
		tokens := platformtest.Decode[session.Tokens](t, answer.Want(t, http.StatusOK))
		if got := listed(t, p, tokens.AccessToken, "").Items[0]; got.Country != country {
			t.Errorf("%s lies in %q, want %q", address, got.Country, country)
		}
	}
}

func TestRevokedSessionIsRefusedAndItsPersonTold(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	userstest.Registered(t, p, "ada@example.com", "")
	userstest.Registered(t, p, "eve@example.com", "")
	userstest.Exec(t, p, `DELETE FROM mails`)
	stolen, own, eve := userstest.LoggedIn(t, p, "ada@example.com"), userstest.LoggedIn(t, p, "ada@example.com"), userstest.LoggedIn(t, p, "eve@example.com")
	id := func(token string) string {
		for _, s := range listed(t, p, token, "").Items {
			if s.Current {
				return s.ID.String()
			}
		}
		return ""
	}
	path := "/v1/users/sessions/" + id(stolen.AccessToken)
	p.Do(eve.AccessToken, http.MethodDelete, path, nil).Want(t, http.StatusNotFound)
	p.Do(own.AccessToken, http.MethodDelete, "/v1/users/sessions/"+uuid.NewString(), nil).Want(t, http.StatusNotFound)
	p.Do(own.AccessToken, http.MethodDelete, "/v1/users/sessions/x", nil).Want(t, http.StatusUnprocessableEntity)

	p.Do(own.AccessToken, http.MethodDelete, path, nil).Want(t, http.StatusNoContent)

	userstest.Exchange(p, stolen.RefreshToken).Want(t, http.StatusUnauthorized)
	userstest.WaitUntilRefused(t, p, stolen.AccessToken)
	p.Do(own.AccessToken, http.MethodDelete, path, nil).Want(t, http.StatusNotFound)
	platformtest.Published[events.MailQueued](p, 1)
	if n := userstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'sessions:revoke' AND result = 'done'`); n != 1 {
		t.Errorf("%d audit entries, want 1", n)
	}
	p.Do(own.AccessToken, http.MethodDelete, "/v1/users/sessions/"+id(own.AccessToken), nil).Want(t, http.StatusNoContent)
	if n := userstest.Count(t, p, `SELECT count(*) FROM mails`); n != 1 {
		t.Errorf("%d mails, want none about the session that ended itself", n)
	}
}

func TestEndingOtherSessionsNeedsAFreshProof(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	other := userstest.LoggedIn(t, p, "ada@example.com")
	tokens := userstest.LoggedIn(t, p, "ada@example.com")
	all := listed(t, p, tokens.AccessToken, "").Items
	current, others := "/v1/users/sessions/"+all[0].ID.String(), "/v1/users/sessions/"+all[1].ID.String()
	userstest.Exec(t, p, `UPDATE sessions SET authenticated_at = now() - interval '1 hour'`)
	answer := platformtest.Answer{}
	for range 1000 { // until the verifier looks again
		if answer = p.Do(tokens.AccessToken, http.MethodDelete, "/v1/users/sessions/"+uuid.NewString(), nil); answer.Status != http.StatusNotFound {
			break
		}
	}
	for _, refused := range []platformtest.Answer{
		answer,
		p.Do(tokens.AccessToken, http.MethodDelete, others, nil),
		p.Do(tokens.AccessToken, http.MethodPost, "/v1/users/sessions/revoke-all", `{"keep_current": true}`),
		p.Do(tokens.AccessToken, http.MethodPost, "/v1/users/sessions/revoke-all", nil),
	} {
		if got := refused.Want(t, http.StatusUnauthorized).Header.Get("WWW-Authenticate"); !strings.Contains(got, "insufficient_user_authentication") {
			t.Errorf("a stale proof is answered %q", got)
		}
	}
	p.Do(other.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
	p.Do(tokens.AccessToken, http.MethodDelete, current, nil).Want(t, http.StatusNoContent)
	if n := userstest.Count(t, p, `SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL`, ada.ID); n != 1 {
		t.Errorf("%d sessions go on, want the other one", n)
	}
}

func TestLoggingOutEverywhere(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	userstest.Registered(t, p, "ada@example.com", "")
	userstest.Registered(t, p, "eve@example.com", "")
	eve := userstest.LoggedIn(t, p, "eve@example.com")
	first, second, third := userstest.LoggedIn(t, p, "ada@example.com"), userstest.LoggedIn(t, p, "ada@example.com"), userstest.LoggedIn(t, p, "ada@example.com")
	revoke := func(token string, body any) int {
		t.Helper()
		answer := p.Do(token, http.MethodPost, "/v1/users/sessions/revoke-all", body).Want(t, http.StatusOK)
		return platformtest.Decode[struct{ Revoked int }](t, answer).Revoked
	}
	if n := revoke(third.AccessToken, `{"keep_current": true}`); n != 2 {
		t.Errorf("%d sessions revoked, want the two others", n)
	}
	userstest.WaitUntilRefused(t, p, first.AccessToken)
	userstest.WaitUntilRefused(t, p, second.AccessToken)
	p.Do(third.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
	p.Do(third.AccessToken, http.MethodPost, "/v1/users/sessions/revoke-all", `{"keep_current": "yes"}`).Want(t, http.StatusUnprocessableEntity)
	if n := revoke(third.AccessToken, nil); n != 1 {
		t.Errorf("%d sessions revoked, want the one that asked", n)
	}
	userstest.WaitUntilRefused(t, p, third.AccessToken)
	userstest.Exchange(p, third.RefreshToken).Want(t, http.StatusUnauthorized)
	p.Do(eve.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
}

func TestRefreshExtendsTheIdleLimitAndNeverTheAbsoluteOne(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	userstest.Exec(t, p, `UPDATE organizations SET settings = '{"session_idle_minutes": 30, "session_life_hours": 1}' WHERE id = $1`, ada.OrganizationID)
	tokens := userstest.LoggedIn(t, p, "ada@example.com")
	before := listed(t, p, tokens.AccessToken, "").Items[0]
	if got := before.ExpiresAt.Sub(before.CreatedAt); got != 30*time.Minute {
		t.Errorf("a new session lasts %s, want the idle limit", got)
	}
	pass := func(interval string) {
		userstest.Exec(t, p, `UPDATE sessions SET created_at = created_at - $1::interval, refreshed_at = refreshed_at - $1::interval, expires_at = expires_at - $1::interval, absolute_end = absolute_end - $1::interval`, interval)
	}
	next := func() sessions.Session {
		t.Helper()
		tokens = platformtest.Decode[session.Tokens](t, userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusOK))
		return listed(t, p, tokens.AccessToken, "").Items[0]
	}
	pass("25 minutes")
	if s := next(); s.ExpiresAt.Sub(s.RefreshedAt) != 30*time.Minute || s.RefreshedAt.Equal(s.CreatedAt) {
		t.Errorf("refreshed at %s the session expires at %s, want half an hour later", s.RefreshedAt, s.ExpiresAt)
	}
	pass("25 minutes")
	if s := next(); s.ExpiresAt.Sub(s.CreatedAt) != time.Hour {
		t.Errorf("the session expires %s after it began, want the absolute limit", s.ExpiresAt.Sub(s.CreatedAt))
	}
	pass("11 minutes")
	userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusUnauthorized)
	userstest.WaitUntilRefused(t, p, tokens.AccessToken)
}

func TestReusedRefreshTokenIsAuditedAndThePersonToldOnce(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	userstest.Exec(t, p, `DELETE FROM mails`)
	tokens := userstest.LoggedIn(t, p, "ada@example.com")
	userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusOK)
	userstest.Exec(t, p, `UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds'`)
	for range 3 {
		userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusUnauthorized)
	}
	platformtest.Published[events.MailQueued](p, 1)
	if n := userstest.Count(t, p, `SELECT count(*) FROM mails`); n != 1 {
		t.Errorf("%d mails, want 1", n)
	}
	var actor uuid.UUID
	var result, detail string
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT actor_id, result, detail::text FROM audit_entries WHERE action = 'sessions:refresh'`).Scan(&actor, &result, &detail); err != nil {
		t.Fatal(err)
	}
	if actor != ada.ID || result != "refused" || strings.Contains(detail, "@") {
		t.Errorf("audit entry of %s: %s %s", actor, result, detail)
	}
}

func TestSuspendedPersonCannotRefresh(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	userstest.Registered(t, p, "ada@example.com", "")
	tokens := userstest.LoggedIn(t, p, "ada@example.com")
	userstest.Exec(t, p, `UPDATE users SET suspended_at = now()`)
	userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusUnauthorized)
	userstest.WaitUntilRefused(t, p, tokens.AccessToken)
	userstest.Exec(t, p, `UPDATE users SET suspended_at = NULL`)
	userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusOK) // the refused exchange did not consume the token
}
