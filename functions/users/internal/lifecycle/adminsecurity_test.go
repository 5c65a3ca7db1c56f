package lifecycle_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"function/functions/users/administer"
	findusers "function/functions/users/find-users"
	"function/functions/users/impersonate"
	"function/functions/users/internal/session"
	"function/functions/users/internal/userstest"
	"function/functions/users/sessions"
	switchorganization "function/functions/users/switch-organization"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

// secured mounts the functions for account security and those of platform admins.
func secured(t *testing.T, change func(*function.Config)) *platformtest.Platform {
	t.Helper()
	return platformtest.NewWith(t, change, append(userstest.MailedFlows[:len(userstest.MailedFlows):len(userstest.MailedFlows)],
		administer.Service,
		findusers.Service,
		impersonate.Service,
		sessions.Service,
		switchorganization.Service,
	)...)
}

func asIs(*function.Config) {}

func TestForcedResetTakesThePasswordAway(t *testing.T) {
	t.Parallel()
	p := secured(t, asIs)
	ada, admin := userstest.Registered(t, p, "ada@example.com", ""), userstest.PlatformAdmin(t, p)
	session := userstest.LoggedIn(t, p, ada.Email)
	userstest.Administered(t, p, admin, ada.ID, "force-password-reset").Want(t, http.StatusNoContent)
	userstest.WaitUntilRefused(t, p, session.AccessToken)
	userstest.Exchange(p, session.RefreshToken).Want(t, http.StatusUnauthorized)
	userstest.LogIn(p, ada.Email, "correct horse").Want(t, http.StatusUnauthorized) // whoever knows the old password

	token := userstest.RequestReset(t, p, ada.Email, 1)
	again := map[string]string{"token": token, "password": "correct horse"}
	userstest.Post(t, p, "", userstest.ResetPath, again, http.StatusUnprocessableEntity)
	userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(token), http.StatusNoContent)
	userstest.LogIn(p, ada.Email, userstest.NewPassword).Want(t, http.StatusOK)
	userstest.Equal(t, "accounts with something left of it", 0, userstest.Count(t, p, `SELECT count(*) FROM users WHERE must_change_password OR voided_password_hash IS NOT NULL`))
}

func TestForcedResetWithoutMailLeavesTheChangeAlone(t *testing.T) {
	t.Parallel()
	p := secured(t, func(c *function.Config) { c.SMTPURL = "" })
	ada, admin := userstest.Registered(t, p, "ada@example.com", ""), userstest.PlatformAdmin(t, p)
	userstest.Administered(t, p, admin, ada.ID, "force-password-reset").Want(t, http.StatusNoContent)
	session := userstest.LoggedIn(t, p, ada.Email).AccessToken
	p.Do(session, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
	p.Do(session, http.MethodGet, "/v1/users/sessions", nil).Want(t, http.StatusForbidden)
	userstest.Post(t, p, session, userstest.ChangePath, userstest.ChangeBody("correct horse", userstest.NewPassword), http.StatusNoContent)
	p.Do(session, http.MethodGet, "/v1/users/sessions", nil).Want(t, http.StatusOK)
}

func TestWhatAnAccountHasToDoComesBeforeThePlatformsPowers(t *testing.T) {
	t.Parallel()
	p := secured(t, asIs)
	for wait, test := range map[string]struct {
		make string
		want int
	}{
		"nothing":       {`SELECT $1::uuid`, http.StatusOK},
		"password":      {`UPDATE users SET must_change_password = true WHERE id = $1`, http.StatusForbidden},
		"second_factor": {`UPDATE organizations SET settings = '{"require_second_factor": true}' WHERE id = (SELECT organization_id FROM memberships WHERE user_id = $1)`, http.StatusForbidden},
		// The platform does not depend on an organization's decisions.
		"approval":     {`UPDATE memberships SET status = 'requested' WHERE user_id = $1`, http.StatusOK},
		"membership":   {`DELETE FROM memberships WHERE user_id = $1`, http.StatusOK},
		"organization": {`UPDATE organizations SET deleted_at = now() WHERE id = (SELECT organization_id FROM memberships WHERE user_id = $1)`, http.StatusOK},
	} {
		admin := p.Login("member")
		userstest.Exec(t, p, `UPDATE users SET platform_admin = true WHERE id = $1`, admin.UserID)
		userstest.Exec(t, p, test.make, admin.UserID)
		if got := p.Do(admin.Token, http.MethodGet, "/v1/admin/users", nil).Status; got != test.want {
			t.Errorf("who waits for %s is answered %d, want %d", wait, got, test.want)
		}
	}
}

func TestPlatformAdminsNeedASecondFactorWhereConfigured(t *testing.T) {
	t.Parallel()
	p := secured(t, func(c *function.Config) { c.PlatformAdminSecondFactor = true })
	admin := p.Login("member")
	userstest.Exec(t, p, `UPDATE users SET platform_admin = true WHERE id = $1`, admin.UserID)
	if a := p.Do(admin.Token, http.MethodGet, "/v1/admin/users", nil).Want(t, http.StatusForbidden); !strings.Contains(string(a.Body), "/v1/users/mfa") {
		t.Errorf("the refusal does not tell what to do: %s", a.Body)
	}
	proved := p.Again(admin)
	userstest.Exec(t, p, `UPDATE sessions SET second_factor_at = now() WHERE id = $1`, proved.SessionID)
	p.Do(proved.Token, http.MethodGet, "/v1/admin/users", nil).Want(t, http.StatusOK)
	p.Do(p.Again(admin).Token, http.MethodGet, "/v1/admin/users", nil).Want(t, http.StatusForbidden)
}

func TestForcedResetOfAnAdminEndsWhatTheyDoAsOthers(t *testing.T) {
	t.Parallel()
	p := secured(t, asIs)
	thief, admin, ada := userstest.PlatformAdmin(t, p), userstest.PlatformAdmin(t, p), p.Login("owner")
	acting := platformtest.Decode[session.Tokens](t, userstest.Administered(t, p, thief, ada.UserID, "impersonate").Want(t, http.StatusOK)).AccessToken
	p.Do(acting, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
	userstest.Administered(t, p, admin, thief.UserID, "force-password-reset").Want(t, http.StatusNoContent)
	userstest.WaitUntilRefused(t, p, acting)
}

// claims decodes a token without verifying it.
func claims(t *testing.T, token string) (c auth.Claims) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err == nil {
		err = json.Unmarshal(raw, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestImpersonationShowsToOthersForWhatItIs(t *testing.T) {
	t.Parallel()
	p := secured(t, asIs)
	ada, admin := userstest.Registered(t, p, "ada@example.com", ""), userstest.PlatformAdmin(t, p)
	own := userstest.LoggedIn(t, p, ada.Email)
	if claims(t, own.AccessToken).Actor != nil {
		t.Error("a person's own token names an actor")
	}
	acting := platformtest.Decode[session.Tokens](t, userstest.Administered(t, p, admin, ada.ID, "impersonate").Want(t, http.StatusOK))
	refreshed := platformtest.Decode[session.Tokens](t, userstest.Exchange(p, acting.RefreshToken).Want(t, http.StatusOK))
	switched := platformtest.Decode[session.Tokens](t, p.Do(refreshed.AccessToken, http.MethodPost, "/v1/users/sessions/organization", map[string]uuid.UUID{"organization_id": ada.OrganizationID}).Want(t, http.StatusOK))
	for how, tokens := range map[string]session.Tokens{"at first": acting, "refreshed": refreshed, "switched": switched} {
		if c := claims(t, tokens.AccessToken); c.Actor == nil || c.Actor.Subject != admin.UserID.String() || c.Subject != ada.ID.String() {
			t.Errorf("%s the token says %+v, want act.sub %s (RFC 8693)", how, c, admin.UserID)
		}
	}
	// Projections of logins contain the person's own logins, so an impersonation publishes no
	// event.
	userstest.LoggedIn(t, p, ada.Email)
	if n := len(platformtest.Published[events.UserLoggedIn](p, 2)); n != 2 {
		t.Errorf("%d logins of a person published who has logged in twice", n)
	}

	seen := func(token string) string {
		t.Helper()
		return string(p.Do(token, http.MethodGet, "/v1/users/sessions", nil).Want(t, http.StatusOK).Body)
	}
	if body := seen(own.AccessToken); !strings.Contains(body, "127.0.0.1") {
		t.Errorf("the person does not see where they are logged in: %s", body)
	}
	if body := seen(switched.AccessToken); strings.Contains(body, "127.0.0.1") || strings.Contains(body, "Go-http-client") {
		t.Errorf("who acts as the person sees from where they logged in: %s", body)
	}
}

func TestAdminsActsOnThemselvesAreOnRecord(t *testing.T) {
	t.Parallel()
	p := secured(t, asIs)
	admin := userstest.PlatformAdmin(t, p)
	userstest.Administered(t, p, admin, admin.UserID, "reset-second-factors").Want(t, http.StatusConflict)
	const refusals = `SELECT count(*) FROM audit_entries WHERE actor_id = $1 AND action = 'users:reset_second_factors' AND result = 'refused' AND organization_id = $2`
	userstest.Equal(t, "refusals in the platform's trail", 1, userstest.Count(t, p, refusals, admin.UserID, uuid.Nil))
}

func TestPlatformAdminsNarrowPeopleDown(t *testing.T) {
	t.Parallel()
	p := secured(t, asIs)
	admin, owner := userstest.PlatformAdmin(t, p), p.Login("owner")
	viewer, other := p.LoginTo(owner.OrganizationID, "viewer"), p.Login("owner")
	userstest.Exec(t, p, `UPDATE users SET suspended_at = now() WHERE id = ANY ($1)`, []uuid.UUID{viewer.UserID, other.UserID})
	type body struct {
		Items      []findusers.Account
		NextCursor string `json:"next_cursor"`
		Complete   *bool
	}
	find := func(query string) body {
		t.Helper()
		return platformtest.Decode[body](t, p.Do(admin.Token, http.MethodGet, "/v1/admin/users?"+query, nil).Want(t, http.StatusOK))
	}
	in := "organization_id=" + owner.OrganizationID.String()
	p.Do(admin.Token, http.MethodGet, "/v1/admin/users?name=love&"+in, nil).Want(t, http.StatusConflict)
	userstest.Exec(t, p, `UPDATE organizations SET settings = '{"search_by_name": true}' WHERE id = $1`, owner.OrganizationID)
	for query, want := range map[string][]uuid.UUID{
		"suspended=true":             {other.UserID, viewer.UserID},
		"suspended=false":            {owner.UserID, admin.UserID},
		"platform_admin=true":        {admin.UserID},
		"platform_admin=false":       {other.UserID, viewer.UserID, owner.UserID},
		in:                           {viewer.UserID, owner.UserID},
		in + "&suspended=true":       {viewer.UserID},
		in + "&email=" + other.Email: {},
		in + "&name=love":            {viewer.UserID, owner.UserID},
		in + "&name=grace":           {},
	} {
		got := []uuid.UUID{}
		for _, a := range find(query).Items {
			got = append(got, a.ID)
		}
		userstest.Equal(t, query, want, got)
	}
	first := find(in + "&name=ada&limit=1")
	if len(first.Items) != 1 || first.NextCursor == "" || first.Complete == nil || !*first.Complete {
		t.Errorf("%+v, want one of two", first)
	}
	if second := find(in + "&name=ada&limit=1&cursor=" + first.NextCursor); len(second.Items) != 1 || second.NextCursor != "" || second.Items[0].ID != owner.UserID {
		t.Errorf("%+v, want the other of two", second)
	}
	for _, bad := range []string{"name=love", in + "&name=---", "suspended=maybe", "organization_id=x"} {
		p.Do(admin.Token, http.MethodGet, "/v1/admin/users?"+bad, nil).Want(t, http.StatusUnprocessableEntity)
	}
}

func TestNamesThatAreBeingChangedAreMissedForAMoment(t *testing.T) {
	t.Parallel()
	p := mountAdmin(t)
	owner := p.Login("owner")
	userstest.Exec(t, p, `UPDATE organizations SET settings = '{"search_by_name": true}' WHERE id = $1`, owner.OrganizationID)
	complete := func() bool {
		t.Helper()
		type body struct{ Complete bool }
		return platformtest.Decode[body](t, p.Do(owner.Token, http.MethodGet, "/v1/organizations/"+owner.OrganizationID.String()+"/members/search?name=ada", nil).Want(t, http.StatusOK)).Complete
	}
	tx, err := p.DB(database.Users).Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(context.Background(), `SELECT FROM users WHERE id = $1 FOR UPDATE`, owner.UserID); err != nil {
		t.Fatal(err)
	}
	if complete() {
		t.Error("complete, although a name could not be indexed")
	}
	if err := tx.Rollback(context.Background()); err != nil {
		t.Fatal(err)
	}
	if !complete() {
		t.Error("not complete, although all names are indexed")
	}
}
