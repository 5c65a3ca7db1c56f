package session_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/internal/userstest"
	"function/shared/database"
	"function/shared/events"
	"function/shared/platformtest"
	"function/shared/problem"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

func TestPersonSeesTheirOwnProfile(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	userstest.Registered(t, p, "eve@example.com", "")
	tokens := userstest.LoggedIn(t, p, " ADA@example.com ")
	if tokens.TokenType != "Bearer" || tokens.ExpiresIn != 900 {
		t.Errorf("tokens of type %s for %d s, want Bearer for 900", tokens.TokenType, tokens.ExpiresIn)
	}

	type body struct {
		person.Account
		Role             string `json:"role"`
		MembershipStatus string `json:"membership_status"`
	}
	got := platformtest.Decode[body](t, p.Do(tokens.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK))

	if diff := cmp.Diff(body{ada, "owner", "active"}, got); diff != "" {
		t.Error(diff)
	}
	event := platformtest.Published[events.UserLoggedIn](p, 1)[0]
	if event.Data.UserID != ada.ID || event.Data.OrganizationID != ada.OrganizationID {
		t.Errorf("event %+v is not about %+v", event.Data, ada)
	}
	p.Do("", http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusUnauthorized)
}

func TestLoginDoesNotTellWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	userstest.Registered(t, p, "ada@example.com", "")
	problem := func(body string) string {
		t.Helper()
		answer := p.Do("", http.MethodPost, "/v1/users/login", body).Want(t, http.StatusUnauthorized)
		return platformtest.Decode[problem.Problem](t, answer).Detail
	}
	wrong := problem(`{"email": "ada@example.com", "password": "wrong horse"}`)
	unknown := problem(`{"email": "eve@example.com", "password": "wrong horse"}`)
	empty := problem(`{"email": "", "password": ""}`)
	if wrong != unknown || wrong != empty {
		t.Errorf("answers %q, %q and %q differ", wrong, unknown, empty)
	}
	var sessions int
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM sessions`).Scan(&sessions); err != nil || sessions != 0 {
		t.Errorf("%d sessions after refused logins (%v)", sessions, err)
	}
	for name, body := range map[string]string{
		"no password": `{"email": "ada@example.com"}`, "number": `{"email": 1, "password": "x"}`,
		"unknown field": `{"email": "ada@example.com", "password": "correct horse", "admin": true}`, "null": `null`,
	} {
		t.Run(name, func(t *testing.T) {
			p.Do("", http.MethodPost, "/v1/users/login", body).Want(t, http.StatusUnprocessableEntity)
		})
	}
}

func TestRefreshTokenIsGoodOnceAndItsReuseEndsTheSession(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	userstest.Registered(t, p, "ada@example.com", "")
	first, other := userstest.LoggedIn(t, p, "ada@example.com"), userstest.LoggedIn(t, p, "ada@example.com")

	second := platformtest.Decode[session.Tokens](t, userstest.Exchange(p, first.RefreshToken).Want(t, http.StatusOK))
	if second.RefreshToken == first.RefreshToken || second.AccessToken == first.AccessToken {
		t.Error("the exchange gave the same token again")
	}
	p.Do(second.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
	third := platformtest.Decode[session.Tokens](t, userstest.Exchange(p, second.RefreshToken).Want(t, http.StatusOK))

	userstest.Exchange(p, first.RefreshToken).Want(t, http.StatusUnauthorized)

	userstest.Exchange(p, third.RefreshToken).Want(t, http.StatusUnauthorized)
	userstest.WaitUntilRefused(t, p, third.AccessToken)
	userstest.WaitUntilRefused(t, p, first.AccessToken)
	p.Do(other.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
	userstest.Exchange(p, other.RefreshToken).Want(t, http.StatusOK)
}

func TestRefreshesAtOnceHaveOneSuccessor(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	userstest.Registered(t, p, "ada@example.com", "")
	tokens := userstest.LoggedIn(t, p, "ada@example.com")
	answers := make([]platformtest.Answer, 8)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = userstest.Exchange(p, tokens.RefreshToken) })
	}
	wg.Wait()

	next := platformtest.Decode[session.Tokens](t, answers[0].Want(t, http.StatusOK))
	for _, a := range answers {
		got := platformtest.Decode[session.Tokens](t, a.Want(t, http.StatusOK))
		if got.RefreshToken != next.RefreshToken {
			t.Error("two exchanges of one token have two successors")
		}
		p.Do(got.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
	}
	userstest.Equal(t, "unused tokens", 1, userstest.Count(t, p, `SELECT count(*) FROM refresh_tokens WHERE used_at IS NULL`))
	userstest.Equal(t, "people told", 0, userstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'sessions:refresh'`))

	// Once the successor is used, the first token counts as stolen.
	last := platformtest.Decode[session.Tokens](t, userstest.Exchange(p, next.RefreshToken).Want(t, http.StatusOK))
	userstest.Equal(t, "successors that can be opened", 1, userstest.Count(t, p, `SELECT count(*) FROM refresh_tokens WHERE sealed_successor IS NOT NULL`))
	userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusUnauthorized)
	userstest.Exchange(p, last.RefreshToken).Want(t, http.StatusUnauthorized)
	userstest.WaitUntilRefused(t, p, last.AccessToken)
}

func TestLostAnswerOfARefreshCanBeAskedForForAMoment(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	userstest.Registered(t, p, "ada@example.com", "")
	tokens := userstest.LoggedIn(t, p, "ada@example.com")
	lost := platformtest.Decode[session.Tokens](t, userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusOK))
	userstest.Exec(t, p, `UPDATE refresh_tokens SET used_at = used_at - interval '5 seconds'`)
	again := platformtest.Decode[session.Tokens](t, userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusOK))
	userstest.Equal(t, "successor", lost.RefreshToken, again.RefreshToken)

	userstest.Exec(t, p, `UPDATE refresh_tokens SET used_at = used_at - interval '6 seconds'`)
	userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusUnauthorized)
	userstest.Equal(t, "entries of the reuse", 1, userstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'sessions:refresh' AND result = 'refused'`))
	userstest.Exchange(p, lost.RefreshToken).Want(t, http.StatusUnauthorized)
}

func TestEndedSessionHasNoSuccessor(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	userstest.Registered(t, p, "ada@example.com", "")
	tokens := userstest.LoggedIn(t, p, "ada@example.com")
	userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusOK)
	userstest.Exec(t, p, `UPDATE sessions SET ended_at = now(), end_reason = 'logout'`)
	userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusUnauthorized)
}

func TestRefreshRefusesWhatWasNeverATokenOrIsOver(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	userstest.Registered(t, p, "ada@example.com", "")
	tokens := userstest.LoggedIn(t, p, "ada@example.com")
	for _, token := range []string{"", "x", tokens.AccessToken[:100], tokens.RefreshToken + "A"} {
		userstest.Exchange(p, token).Want(t, http.StatusUnauthorized)
	}
	if _, err := p.DB(database.Users).Exec(context.Background(), `UPDATE sessions SET expires_at = now()`); err != nil {
		t.Fatal(err)
	}
	userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusUnauthorized)
	userstest.WaitUntilRefused(t, p, tokens.AccessToken)
}

func TestLogoutEndsTheSessionEverywhere(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	userstest.Registered(t, p, "ada@example.com", "")
	tokens, other := userstest.LoggedIn(t, p, "ada@example.com"), userstest.LoggedIn(t, p, "ada@example.com")

	p.Do(tokens.AccessToken, http.MethodPost, "/v1/users/logout", nil).Want(t, http.StatusNoContent)

	userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusUnauthorized)
	verifier, err := p.Env.Verifier(context.Background()) // of another pod
	if err != nil {
		t.Fatal(err)
	}
	if caller, err := verifier.Verify(context.Background(), tokens.AccessToken); err == nil {
		t.Errorf("another pod takes the token of %v", caller)
	}
	userstest.WaitUntilRefused(t, p, tokens.AccessToken)
	p.Do(other.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
}

func TestJoiningAnOrganization(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	owner := userstest.Registered(t, p, "owner@example.com", "")
	ownerToken := userstest.LoggedIn(t, p, "owner@example.com").AccessToken
	userstest.Registered(t, p, "stranger@example.com", "")
	strangerToken := userstest.LoggedIn(t, p, "stranger@example.com").AccessToken
	joining := userstest.Registered(t, p, "ada@example.com", `, "organization_id": "`+owner.OrganizationID.String()+`"`)
	asking := userstest.LoggedIn(t, p, "ada@example.com")
	path := "/v1/organizations/" + owner.OrganizationID.String() + "/members/" + joining.ID.String() + "/approve"

	p.Do(asking.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
	p.Do(asking.AccessToken, http.MethodPost, path, nil).Want(t, http.StatusForbidden)
	p.Do(strangerToken, http.MethodPost, path, nil).Want(t, http.StatusNotFound)
	p.Do("", http.MethodPost, path, nil).Want(t, http.StatusUnauthorized)
	p.Do(ownerToken, http.MethodPost, "/v1/organizations/"+owner.OrganizationID.String()+"/members/"+uuid.NewString()+"/approve", nil).Want(t, http.StatusNotFound)

	got := platformtest.Decode[access.Membership](t, p.Do(ownerToken, http.MethodPost, path, nil).Want(t, http.StatusOK))

	want := access.Membership{UserID: joining.ID, OrganizationID: owner.OrganizationID, Role: "member", Status: "active"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	event := platformtest.Published[events.MembershipApproved](p, 1)[0].Data
	if event.UserID != joining.ID || event.OrganizationID != owner.OrganizationID || event.Role != "member" {
		t.Errorf("event %+v is not about %+v", event, want)
	}
	p.Do(ownerToken, http.MethodPost, path, nil).Want(t, http.StatusNotFound)

	verifier, err := p.Env.Verifier(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	next := platformtest.Decode[session.Tokens](t, userstest.Exchange(p, asking.RefreshToken).Want(t, http.StatusOK))
	for token, organization := range map[string]uuid.UUID{asking.AccessToken: uuid.Nil, next.AccessToken: owner.OrganizationID} {
		if caller, err := verifier.Verify(context.Background(), token); err != nil || caller.OrganizationID != organization {
			t.Errorf("token is for organization %s (%v), want %s", caller.OrganizationID, err, organization)
		}
	}
	p.Do(next.AccessToken, http.MethodPost, path, nil).Want(t, http.StatusForbidden)
}

func TestLoginBeginsWhereThePersonIsActive(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	ada, eve := userstest.Registered(t, p, "ada@example.com", ""), userstest.Registered(t, p, "eve@example.com", "")
	userstest.Exec(t, p, `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'member', 'active')`, ada.ID, eve.OrganizationID)
	userstest.Exec(t, p, `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'owner', 'active')`, eve.ID, ada.OrganizationID)
	userstest.Exec(t, p, `UPDATE memberships SET status = 'suspended' WHERE user_id = $1 AND organization_id = $2`, ada.ID, ada.OrganizationID)

	answer := p.Do(userstest.LoggedIn(t, p, "ada@example.com").AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
	if got := platformtest.Decode[person.Account](t, answer); got.OrganizationID != eve.OrganizationID {
		t.Errorf("logged in to %s, want the organization where she is not suspended", got.OrganizationID)
	}
}

func TestJWKSVerifiesWhatLoginIssues(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	if none := p.Do("", http.MethodGet, "/.well-known/jwks.json", nil).Want(t, http.StatusOK); !strings.Contains(string(none.Body), `"keys":[]`) {
		t.Errorf("before the first login the keys are %s, want none", none.Body)
	}
	userstest.Registered(t, p, "ada@example.com", "")
	token := userstest.LoggedIn(t, p, "ada@example.com").AccessToken
	answer := p.Do("", http.MethodGet, "/.well-known/jwks.json", nil).Want(t, http.StatusOK)
	if got := answer.Header.Get("Cache-Control"); got != "public, max-age=300" {
		t.Errorf("Cache-Control %q, want five minutes for everybody", got)
	}
	if err := verifyWith(answer.Body, token); err != nil {
		t.Error(err)
	}
}

// A login whose organization is deleted before the session begins must not end in a 500.
func TestLoginToAnOrganizationThatIsBeingDeleted(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	answers := make(chan platformtest.Answer, 1)
	userstest.Purge(t, p, ada.ID, func() {
		go func() {
			answers <- p.Do("", http.MethodPost, "/v1/users/login", `{"email": "ada@example.com", "password": "correct horse"}`)
		}()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			if userstest.Count(t, p, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0 {
				return
			}
			if time.Now().After(deadline) { // only for a broken test
				t.Error("the login does not wait for the deletion")
				return
			}
		}
	})

	(<-answers).Want(t, http.StatusUnauthorized)
	userstest.LoggedIn(t, p, "ada@example.com")
}
