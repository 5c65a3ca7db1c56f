package identities_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"function/functions/users/identities"
	"function/functions/users/sessions"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/page"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const path = "/v1/users/identities"

func mount(t *testing.T) (*platformtest.Platform, *platformtest.OIDCIssuer) {
	issuer := platformtest.NewOIDCIssuer(t)
	return platformtest.NewWith(t, func(c *function.Config) {
		c.OIDCIssuers, c.OIDCSubjectKey = auth.OIDCIssuers{issuer.Config()}, base64.StdEncoding.EncodeToString(make([]byte, 32))
	}, identities.Service, sessions.Service), issuer
}

func link(p *platformtest.Platform, c platformtest.Caller, token string) platformtest.Answer {
	return p.Do(c.Token, http.MethodPost, path, map[string]string{"token": token})
}

func listed(t *testing.T, p *platformtest.Platform, token string) []identities.Identity {
	t.Helper()
	return platformtest.Decode[page.Page[identities.Identity]](t, p.Do(token, http.MethodGet, path, nil).Want(t, http.StatusOK)).Items
}

func TestLinkedLogin_UntilUnlinked_ActsAsThePerson(t *testing.T) {
	t.Parallel()
	p, issuer := mount(t)
	ada := p.Login("member")
	token := issuer.Token("ada", nil)
	p.Do(token, http.MethodGet, path, nil).Want(t, http.StatusUnauthorized)

	made := platformtest.Decode[identities.Identity](t, link(p, ada, token).Want(t, http.StatusCreated))

	platformtest.Published[events.MailQueued](p, 1)
	if got := listed(t, p, token); len(got) != 1 || got[0] != made || made.Issuer != issuer.URL {
		t.Errorf("links %+v, want %+v", got, made)
	}
	p.Do(token, http.MethodGet, "/v1/users/sessions", nil).Want(t, http.StatusOK)
	p.Do(token, http.MethodPost, path, map[string]string{"token": issuer.Token("eve", nil)}).Want(t, http.StatusUnauthorized) // no step-up authentication
	proved := issuer.Token("ada", map[string]any{"amr": []string{"mfa"}, "auth_time": time.Now().Unix()})
	p.Do(proved, http.MethodPost, path, map[string]string{"token": issuer.Token("ada, too", nil)}).Want(t, http.StatusCreated)

	p.Do(token, http.MethodDelete, path+"/"+made.ID.String(), nil).Want(t, http.StatusUnauthorized) // not a fresh proof
	stranger := p.Login("owner")
	p.Do(stranger.Token, http.MethodDelete, path+"/"+made.ID.String(), nil).Want(t, http.StatusNotFound)
	told := len(platformtest.Published[events.MailQueued](p, 2))
	p.Do(ada.Token, http.MethodDelete, path+"/"+made.ID.String(), nil).Want(t, http.StatusNoContent)
	platformtest.Published[events.MailQueued](p, told+1)
	p.Do(ada.Token, http.MethodDelete, path+"/"+made.ID.String(), nil).Want(t, http.StatusNotFound)
	for range 1000 {
		if p.Do(token, http.MethodGet, path, nil).Status == http.StatusUnauthorized {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the token of an unlinked login is still good")
}

func TestLinkIdentity_Concurrent_LinksOneAccount(t *testing.T) {
	t.Parallel()
	p, issuer := mount(t)
	token := issuer.Token("ada", nil)
	callers := []platformtest.Caller{p.Login("owner"), p.Login("owner"), p.Login("owner"), p.Login("owner")}
	statuses := make([]int, len(callers))
	var wg sync.WaitGroup
	for i, c := range callers {
		wg.Go(func() { statuses[i] = link(p, c, token).Status })
	}
	wg.Wait()
	won := 0
	for _, status := range statuses {
		if status == http.StatusCreated {
			won++
		} else if status != http.StatusConflict {
			t.Errorf("status %d", status)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d links of one login, want 1", won, len(callers))
	}
	var refusals int
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM audit_entries WHERE action = 'identities:link' AND result = 'refused'`).Scan(&refusals); err != nil || refusals != 3 {
		t.Errorf("%d refusals in the audit trail (%v), want 3", refusals, err)
	}
}

func TestLinkIdentity_BadTokenOrNoStepUp_IsRefused(t *testing.T) {
	t.Parallel()
	p, issuer := mount(t)
	ada := p.Login("owner")
	for name, token := range map[string]string{
		"none": "", "own": ada.Token, "garbage": "x.y.z", "expired": issuer.Token("ada", map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}),
		"for others": issuer.Token("ada", map[string]any{"aud": "billing"}), "long": strings.Repeat("x", 8193),
	} {
		if answer := link(p, ada, token).Want(t, http.StatusUnprocessableEntity); token != "" && strings.Contains(string(answer.Body), token) {
			t.Errorf("%s: the answer echoes the token", name)
		}
	}
	good := issuer.Token("ada", nil)
	p.Do("", http.MethodPost, path, map[string]string{"token": good}).Want(t, http.StatusUnauthorized)
	if _, err := p.DB(database.Users).Exec(context.Background(), `UPDATE sessions SET authenticated_at = now() - interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	impersonated := p.Login("owner")
	p.Impersonate(impersonated.UserID)
	link(p, impersonated, good).Want(t, http.StatusForbidden)
	stale(t, p, ada, good)
	if n := len(listed(t, p, ada.Token)); n != 0 {
		t.Errorf("%d links after refusals", n)
	}
}

// stale waits until an authentication of an hour ago no longer counts as recent.
func stale(t *testing.T, p *platformtest.Platform, c platformtest.Caller, token string) {
	t.Helper()
	for range 1000 {
		if link(p, c, "x.y.z").Status == http.StatusUnauthorized {
			link(p, c, token).Want(t, http.StatusUnauthorized)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("a proof of an hour ago is still fresh")
}
