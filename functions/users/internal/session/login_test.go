package session_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/functions/users/internal/userstest"
	"function/shared/auth"
	"function/shared/platformtest"
	"function/shared/problem"
)

// claimsOf decodes an access token without verifying it.
func claimsOf(t *testing.T, token string) (c auth.Claims) {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTokensOfALoginSayWhatThoseOfARefreshSay(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	for name, test := range map[string]struct {
		given string
		roles []string
		named bool
	}{
		"nothing is in the way":     {`SELECT $1::uuid`, []string{"owner"}, true},
		"a second factor is wanted": {`UPDATE organizations SET settings = '{"require_second_factor": true}' WHERE id = $1`, []string{}, true},
		"a new password is wanted":  {`UPDATE users SET must_change_password = $1::uuid IS NOT NULL`, []string{}, true},
		"the organization is dying": {`UPDATE organizations SET deleted_at = now() WHERE id = $1`, []string{}, false},
	} {
		userstest.Exec(t, p, test.given, ada.OrganizationID)
		tokens := userstest.LoggedIn(t, p, "ada@example.com")
		userstest.Exec(t, p, `UPDATE sessions SET authenticated_at = authenticated_at - interval '1 hour'`)
		login, refreshed := claimsOf(t, tokens.AccessToken), claimsOf(t, platformtest.Decode[session.Tokens](t, userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusOK)).AccessToken)
		for of, c := range map[string]auth.Claims{"login": login, "refresh": refreshed} {
			userstest.Equal(t, name+": roles after "+of, test.roles, c.Roles)
			userstest.Equal(t, name+": organization named after "+of, test.named, c.OrganizationID == ada.OrganizationID.String())
		}
		if age := time.Since(time.Unix(login.AuthTime, 0)); age > time.Minute || login.AuthTime-refreshed.AuthTime < 3590 || refreshed.AuthTime == 0 {
			t.Errorf("%s: auth_time %d, and %d once that was an hour ago", name, login.AuthTime, refreshed.AuthTime)
		}
		userstest.Exec(t, p, `WITH u AS (UPDATE users SET must_change_password = false) UPDATE organizations SET settings = '{}', deleted_at = NULL`)
	}
}

func TestLoginBeginsInTheOrganizationUsedLast(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	in := func() string {
		return claimsOf(t, userstest.LoggedIn(t, p, "ada@example.com").AccessToken).OrganizationID
	}
	second, asked := p.Login("owner").OrganizationID, p.Login("owner").OrganizationID
	for organization, status := range map[uuid.UUID]string{second: "active", asked: "requested"} {
		userstest.Exec(t, p, `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'member', $3)`, ada.ID, organization, status)
	}
	userstest.Equal(t, "the first", ada.OrganizationID.String(), in())
	userstest.Exec(t, p, `UPDATE sessions SET organization_id = $1 WHERE user_id = $2`, second, ada.ID) // she switches
	userstest.Equal(t, "the last", second.String(), in())
	userstest.Exec(t, p, `UPDATE organizations SET deleted_at = now() WHERE id = $1`, second)
	userstest.Equal(t, "one that lives", ada.OrganizationID.String(), in())
	userstest.Exec(t, p, `UPDATE organizations SET deleted_at = now() WHERE id = $1`, ada.OrganizationID)
	userstest.LoggedIn(t, p, "ada@example.com")
	userstest.Equal(t, "rather one that is to let her in than one that dies", asked, userstest.QueryOne[uuid.UUID](t, p, `SELECT organization_id FROM sessions WHERE user_id = $1 ORDER BY id DESC LIMIT 1`, ada.ID))
}

func TestOrganizationThatIsBeingDeletedIsNoneToJoin(t *testing.T) {
	t.Parallel()
	for _, confirmed := range []bool{false, true} {
		p := userstest.MountMail(t, confirmed)
		dying := p.Login("owner").OrganizationID
		userstest.Exec(t, p, `UPDATE organizations SET deleted_at = now() WHERE id = $1`, dying)
		join := func(organization uuid.UUID) string {
			answer := p.Do("", http.MethodPost, "/v1/users/register", map[string]any{
				"email": "ada@example.com", "password": "correct horse", "first_name": "Ada", "last_name": "Lovelace", "organization_id": organization,
			}).Want(t, http.StatusUnprocessableEntity)
			return platformtest.Decode[problem.Problem](t, answer).Detail
		}
		userstest.Equal(t, "answer", join(uuid.New()), join(dying))
		userstest.Equal(t, "registrations", 0, userstest.Count(t, p, `SELECT (SELECT count(*) FROM registrations) + (SELECT count(*) FROM memberships WHERE status = 'requested')`))
	}
}

func TestRefusalsAreOnRecord(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	userstest.Registered(t, p, "ada@example.com", "")
	token := userstest.LoggedIn(t, p, "ada@example.com").AccessToken
	reset := userstest.RequestReset(t, p, "ada@example.com", 1)
	userstest.Post(t, p, token, userstest.ChangePath, userstest.ChangeBody("correct horse", "correct horse"), http.StatusUnprocessableEntity)
	userstest.Post(t, p, token, userstest.ChangePath, userstest.ChangeBody("correct horse", "12345678"), http.StatusUnprocessableEntity)
	userstest.Post(t, p, "", userstest.ResetPath, map[string]string{"token": reset, "password": "12345678"}, http.StatusUnprocessableEntity)
	userstest.Exchange(p, store.NewToken()).Want(t, http.StatusUnauthorized)
	for action, want := range map[string]int{"passwords:change": 2, "passwords:reset": 1, "sessions:refresh": 1} {
		userstest.Equal(t, action, want, userstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE result = 'refused' AND action = $1`, action))
	}
	for range 30 {
		userstest.Exchange(p, store.NewToken()).Want(t, http.StatusUnauthorized)
	}
	entries := userstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'sessions:refresh'`)
	if counted := userstest.Count(t, p, `SELECT sum(refusals) FROM refusal_counts`); entries > 20 || counted != 32 {
		t.Errorf("a flood of 32 refusals is %d entries and counted as %d", entries, counted)
	}
}
