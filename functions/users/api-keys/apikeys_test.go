package apikeys_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	apikeys "function/functions/users/api-keys"
	"function/functions/users/internal/credential"
	serviceaccounts "function/functions/users/service-accounts"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/page"
	"function/shared/platformtest"
	"function/shared/policy"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const path = "/v1/api-keys"

func mount(t *testing.T) *platformtest.Platform {
	return platformtest.New(t,
		apikeys.Service,
		serviceaccounts.Service,
	)
}

func made(t *testing.T, p *platformtest.Platform, token, body string) credential.ShownKey {
	t.Helper()
	return platformtest.Decode[credential.ShownKey](t, p.Do(token, http.MethodPost, path, body).Want(t, http.StatusCreated))
}

func listed(t *testing.T, p *platformtest.Platform, token string) []credential.APIKey {
	t.Helper()
	return platformtest.Decode[page.Page[credential.APIKey]](t, p.Do(token, http.MethodGet, path, nil).Want(t, http.StatusOK)).Items
}

func exec(t *testing.T, p *platformtest.Platform, statement string, arguments ...any) {
	t.Helper()
	if _, err := p.DB(database.Users).Exec(context.Background(), statement, arguments...); err != nil {
		t.Fatal(err)
	}
}

// becomes waits until a bearer token gets the given status. The verifier promises a second at
// most, which is not measured here.
func becomes(t *testing.T, p *platformtest.Platform, bearer, path string, status int) {
	t.Helper()
	got := 0
	for range 1000 {
		if got = p.Do(bearer, http.MethodGet, path, nil).Status; got == status {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("the key is still answered %d, want %d", got, status)
}

func accounts(c platformtest.Caller) string {
	return "/v1/organizations/" + c.OrganizationID.String() + "/service-accounts"
}

func TestAPIKey_WithinItsScopes_ActsAsItsPerson(t *testing.T) {
	t.Parallel()
	p := mount(t)
	admin := p.Login("admin")
	key := made(t, p, admin.Token, `{"name": "ci", "scopes": ["service_accounts:read", "datasets:read", "datasets:read"]}`)
	if !auth.IsAPIKey(key.Key) || !strings.HasSuffix(key.Key, key.Hint) || time.Until(key.ExpiresAt).Round(24*time.Hour) != 90*24*time.Hour {
		t.Errorf("key %+v", key.APIKey)
	}
	want := key.APIKey
	want.Scopes = []policy.Permission{policy.DatasetsRead, policy.ServiceAccountsRead}
	if diff := cmp.Diff([]credential.APIKey{want}, listed(t, p, admin.Token)); diff != "" {
		t.Error(diff)
	}
	var plain int
	if err := p.DB(database.Users).QueryRow(context.Background(),
		`SELECT count(*) FROM api_key_secrets s JOIN api_keys k ON k.id = s.key_id WHERE position($1 in (s::text || k::text)) > 0`, key.Key[13:]).Scan(&plain); err != nil || plain != 0 {
		t.Errorf("the secret is stored (%v)", err)
	}
	platformtest.Published[events.MailQueued](p, 1)

	p.Do(key.Key, http.MethodGet, accounts(admin), nil).Want(t, http.StatusOK)
	p.Do(key.Key, http.MethodPost, accounts(admin), `{"name": "x"}`).Want(t, http.StatusForbidden) // the role may, the scope may not
	p.Do(key.Key, http.MethodGet, path, nil).Want(t, http.StatusForbidden)                         // a person's own
	p.Do(key.Key, http.MethodPost, path, `{"name": "x", "scopes": ["datasets:read"]}`).Want(t, http.StatusForbidden)
}

func TestAPIKey_PersonLosesRights_LosesThemToo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		statement string
		status    int
	}{
		"suspended person":     {`UPDATE users SET suspended_at = now()`, http.StatusUnauthorized},
		"suspended membership": {`UPDATE memberships SET status = 'suspended'`, http.StatusForbidden},
		"lesser role":          {`UPDATE memberships SET role = 'viewer'`, http.StatusForbidden},
		"expired":              {`UPDATE api_key_secrets SET expires_at = now()`, http.StatusUnauthorized},
		"revoked":              {`UPDATE api_keys SET revoked_at = now()`, http.StatusUnauthorized},
		"organization deleted": {`UPDATE organizations SET deleted_at = now()`, http.StatusUnauthorized},
		"person erased":        {`DELETE FROM users`, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := mount(t)
			owner := p.LoginTo(uuid.Must(uuid.NewV7()), "owner") // a second owner, who stays
			admin := p.LoginTo(owner.OrganizationID, "admin")
			key := made(t, p, admin.Token, `{"name": "ci", "scopes": ["service_accounts:read"]}`)
			becomes(t, p, key.Key, accounts(admin), http.StatusOK)
			statement := test.statement
			switch {
			case strings.Contains(statement, "memberships"):
				statement += ` WHERE user_id = '` + admin.UserID.String() + `'`
			case strings.Contains(statement, " users"):
				statement += ` WHERE id = '` + admin.UserID.String() + `'`
			}
			exec(t, p, statement)
			becomes(t, p, key.Key, accounts(admin), test.status)
		})
	}
}

func TestCreateAPIKey_BadScopeOrName_IsRefused(t *testing.T) {
	t.Parallel()
	p := mount(t)
	viewer := p.Login("viewer")
	for name, test := range map[string]struct {
		body   string
		status int
	}{
		"beyond the role":   {`{"name": "x", "scopes": ["datasets:read", "datasets:write"]}`, http.StatusForbidden},
		"the platform's":    {`{"name": "x", "scopes": ["platform:users"]}`, http.StatusUnprocessableEntity},
		"unknown":           {`{"name": "x", "scopes": ["datasets:*"]}`, http.StatusUnprocessableEntity},
		"none":              {`{"name": "x", "scopes": []}`, http.StatusUnprocessableEntity},
		"null":              {`{"name": "x", "scopes": null}`, http.StatusUnprocessableEntity},
		"no name":           {`{"name": "", "scopes": ["datasets:read"]}`, http.StatusUnprocessableEntity},
		"NUL in the name":   {`{"name": "a\u0000", "scopes": ["datasets:read"]}`, http.StatusUnprocessableEntity},
		"too long":          {`{"name": "x", "scopes": ["datasets:read"], "expires_in_days": 366}`, http.StatusUnprocessableEntity},
		"negative":          {`{"name": "x", "scopes": ["datasets:read"], "expires_in_days": -1}`, http.StatusUnprocessableEntity},
		"somebody else's":   {`{"name": "x", "scopes": ["datasets:read"], "user_id": "` + uuid.NewString() + `"}`, http.StatusUnprocessableEntity},
		"65 times the same": {`{"name": "x", "scopes": ["datasets:read"` + strings.Repeat(`, "datasets:read"`, 64) + `]}`, http.StatusUnprocessableEntity},
	} {
		t.Run(name, func(t *testing.T) { p.Do(viewer.Token, http.MethodPost, path, test.body).Want(t, test.status) })
	}
	if keys := listed(t, p, viewer.Token); len(keys) != 0 {
		t.Errorf("keys %+v after refusals", keys)
	}
	var refusals int
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM audit_entries WHERE action = 'api_keys:create' AND result = 'refused'`).Scan(&refusals); err != nil || refusals != 3 {
		t.Errorf("%d refusals in the audit trail (%v), want 3", refusals, err)
	}
	next := p.Login("viewer")
	p.Impersonate(next.UserID)
	p.Do(next.Token, http.MethodPost, path, `{"name": "x", "scopes": ["datasets:read"]}`).Want(t, http.StatusForbidden)
}

func TestAPIKey_Rotated_BothSecretsWorkDuringTheOverlap(t *testing.T) {
	t.Parallel()
	p := mount(t)
	admin := p.Login("admin")
	first := made(t, p, admin.Token, `{"name": "ci", "scopes": ["service_accounts:read"], "expires_in_days": 1}`)
	rotate := func(body string) credential.ShownKey {
		t.Helper()
		return platformtest.Decode[credential.ShownKey](t, p.Do(admin.Token, http.MethodPost, path+"/"+first.ID.String()+"/rotate", body).Want(t, http.StatusCreated))
	}
	second := rotate(`{"overlap_minutes": 60}`)
	if second.Key == first.Key || second.ID != first.ID || second.Hint == first.Hint || !second.ExpiresAt.After(first.ExpiresAt) {
		t.Errorf("%+v after rotation of %+v", second.APIKey, first.APIKey)
	}
	for _, key := range []credential.ShownKey{first, second} {
		p.Do(key.Key, http.MethodGet, accounts(admin), nil).Want(t, http.StatusOK)
	}
	third := rotate(`{"overlap_minutes": 0}`)
	becomes(t, p, first.Key, accounts(admin), http.StatusUnauthorized)
	becomes(t, p, second.Key, accounts(admin), http.StatusUnauthorized)
	becomes(t, p, third.Key, accounts(admin), http.StatusOK)
	if keys := listed(t, p, admin.Token); len(keys) != 1 || keys[0].Hint != third.Hint || keys[0].LastUsedAt == nil {
		t.Errorf("keys %+v", keys)
	}
	for _, body := range []string{`{}`, `{"overlap_minutes": 1441}`, `{"overlap_minutes": -1}`} {
		p.Do(admin.Token, http.MethodPost, path+"/"+first.ID.String()+"/rotate", body).Want(t, http.StatusUnprocessableEntity)
	}

	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { rotate(`{"overlap_minutes": 1440}`) })
	}
	wg.Wait()
	becomes(t, p, third.Key, accounts(admin), http.StatusOK)
}

func TestAPIKey_OfAnotherPerson_IsNotFound(t *testing.T) {
	t.Parallel()
	p := mount(t)
	ada := p.Login("admin")
	eve := p.LoginTo(ada.OrganizationID, "owner")
	key := made(t, p, ada.Token, `{"name": "ci", "scopes": ["service_accounts:read"]}`)
	of := path + "/" + key.ID.String()
	if keys := listed(t, p, eve.Token); len(keys) != 0 {
		t.Errorf("somebody else sees %+v", keys)
	}
	p.Do(eve.Token, http.MethodDelete, of, nil).Want(t, http.StatusNotFound)
	p.Do(eve.Token, http.MethodPost, of+"/rotate", `{"overlap_minutes": 0}`).Want(t, http.StatusNotFound)
	p.Do("", http.MethodDelete, of, nil).Want(t, http.StatusUnauthorized)
	p.Do(ada.Token, http.MethodDelete, path+"/x", nil).Want(t, http.StatusUnprocessableEntity)

	p.Do(ada.Token, http.MethodDelete, of, nil).Want(t, http.StatusNoContent)
	becomes(t, p, key.Key, accounts(ada), http.StatusUnauthorized)
	p.Do(ada.Token, http.MethodDelete, of, nil).Want(t, http.StatusNotFound)
	p.Do(ada.Token, http.MethodPost, of+"/rotate", `{"overlap_minutes": 0}`).Want(t, http.StatusNotFound)
}

func TestAPIKey_Malformed_IsRefused(t *testing.T) {
	t.Parallel()
	p := mount(t)
	admin := p.Login("admin")
	good := auth.NewAPIKey(uuid.New())
	for name, bearer := range map[string]string{
		"unknown": good, "prefix": "aic_", "cut": good[:40], "checksum": good[:len(good)-1] + "-", "upper case": strings.ToUpper(good),
		"SQL": "aic_' OR '1'='1", "long": "aic_" + strings.Repeat("a", 10_000),
	} {
		answer := p.Do(bearer, http.MethodGet, accounts(admin), nil).Want(t, http.StatusUnauthorized)
		if got := answer.Header.Get("WWW-Authenticate"); got != `Bearer error="invalid_token"` {
			t.Errorf("%s: WWW-Authenticate %q", name, got)
		}
	}
}

func TestCreateAPIKey_ConcurrentAtTheLimit_IsRefused(t *testing.T) {
	t.Parallel()
	p := mount(t)
	admin := p.Login("admin")
	exec(t, p, `INSERT INTO api_keys (id, organization_id, user_id, name, scopes) SELECT gen_random_uuid(), $1, $2, 'x', '{}' FROM generate_series(1, 98)`, admin.OrganizationID, admin.UserID)
	statuses := make([]int, 6)
	var wg sync.WaitGroup
	for i := range statuses {
		wg.Go(func() {
			statuses[i] = p.Do(admin.Token, http.MethodPost, path, `{"name": "ci", "scopes": ["datasets:read"]}`).Status
		})
	}
	wg.Wait()
	made := 0
	for _, status := range statuses {
		if status == http.StatusCreated {
			made++
		} else if status != http.StatusConflict {
			t.Errorf("status %d", status)
		}
	}
	if made != 2 {
		t.Errorf("%d keys made at once beyond 98, want 2", made)
	}
}

func TestAPIKey_PersonIsBlocked_IsRefused(t *testing.T) {
	t.Parallel()
	p := mount(t)
	for name, test := range map[string]struct{ make, mend, reason string }{
		"must change the password": {
			`UPDATE users SET must_change_password = true WHERE id = $1`, `UPDATE users SET must_change_password = false WHERE id = $1`, "new password"},
		"has not the second factor that is demanded": {
			`UPDATE organizations SET settings = '{"require_second_factor": true}' WHERE id = (SELECT organization_id FROM memberships WHERE user_id = $1)`,
			`INSERT INTO totp_secrets (user_id, secret, confirmed_at) VALUES ($1, '', now())`, "second factor"},
	} {
		admin := p.Login("admin")
		key := made(t, p, admin.Token, `{"name": "ci", "scopes": ["service_accounts:read"]}`).Key
		exec(t, p, test.make, admin.UserID)
		if a := p.Do(key, http.MethodGet, accounts(admin), nil).Want(t, http.StatusForbidden); !strings.Contains(string(a.Body), test.reason) {
			t.Errorf("%s: %s, want the reason", name, a.Body)
		}
		exec(t, p, test.mend, admin.UserID)
		becomes(t, p, key, accounts(admin), http.StatusOK)
	}
}

func TestCreateAPIKey_NoStepUp_IsRefused(t *testing.T) {
	t.Parallel()
	p := mount(t)
	admin := p.Login("admin")
	key := made(t, p, admin.Token, `{"name": "ci", "scopes": ["service_accounts:read"]}`)
	stale := p.Again(admin)
	exec(t, p, `UPDATE sessions SET authenticated_at = now() - interval '1 hour' WHERE id = $1`, stale.SessionID)
	account := accounts(admin) + "/" + uuid.NewString() + "/keys"
	for _, at := range []string{path, path + "/" + key.ID.String() + "/rotate", account, account + "/" + uuid.NewString() + "/rotate"} {
		a := p.Do(stale.Token, http.MethodPost, at, `{"name": "x", "scopes": ["service_accounts:read"]}`).Want(t, http.StatusUnauthorized)
		if !strings.Contains(a.Header.Get("WWW-Authenticate"), "insufficient_user_authentication") {
			t.Errorf("%s demands %v, want a fresh proof", at, a.Header)
		}
	}
	p.Do(stale.Token, http.MethodDelete, path+"/"+key.ID.String(), nil).Want(t, http.StatusNoContent)
	p.Do(stale.Token, http.MethodDelete, path+"/"+key.ID.String(), nil).Want(t, http.StatusNotFound)
	var refusals int
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM audit_entries WHERE action = 'api_keys:revoke' AND result = 'refused'`).Scan(&refusals); err != nil || refusals != 1 {
		t.Errorf("%d refused revocations in the trail (%v), want 1", refusals, err)
	}
}
