package serviceaccounts_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/users/internal/credential"
	serviceaccounts "function/functions/users/service-accounts"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/page"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

func mount(t *testing.T) *platformtest.Platform {
	return platformtest.New(t, serviceaccounts.Service)
}

func path(c platformtest.Caller) string {
	return "/v1/organizations/" + c.OrganizationID.String() + "/service-accounts"
}

func account(t *testing.T, p *platformtest.Platform, c platformtest.Caller, name string) serviceaccounts.Account {
	t.Helper()
	return platformtest.Decode[serviceaccounts.Account](t, p.Do(c.Token, http.MethodPost, path(c), `{"name": "`+name+`"}`).Want(t, http.StatusCreated))
}

// grant grants a role to an account, as users-grants does.
func grant(t *testing.T, p *platformtest.Platform, c platformtest.Caller, id uuid.UUID, role string) {
	t.Helper()
	_, err := p.DB(database.Users).Exec(context.Background(),
		`INSERT INTO role_grants (id, organization_id, role, service_account_id, granted_by) VALUES ($1, $2, $3, $4, $5)`, uuid.New(), c.OrganizationID, role, id, c.UserID)
	if err != nil {
		t.Fatal(err)
	}
}

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

func TestServiceAccount_CreatedChangedAndDeleted(t *testing.T) {
	t.Parallel()
	p := mount(t)
	admin := p.Login("admin")
	made := account(t, p, admin, "loader")
	of := path(admin) + "/" + made.ID.String()
	if made.CreatedBy != admin.UserID || made.DisabledAt != nil {
		t.Errorf("account %+v", made)
	}
	p.Do(admin.Token, http.MethodPost, path(admin), `{"name": "loader"}`).Want(t, http.StatusConflict)
	other := account(t, p, admin, "reporter")
	p.Do(admin.Token, http.MethodPatch, of, `{"name": "reporter"}`).Want(t, http.StatusConflict)
	p.Do(admin.Token, http.MethodPatch, of, `{"name": ""}`).Want(t, http.StatusUnprocessableEntity)
	renamed := platformtest.Decode[serviceaccounts.Account](t, p.Do(admin.Token, http.MethodPatch, of, `{"name": "night loader"}`).Want(t, http.StatusOK))
	if renamed.Name != "night loader" || renamed.DisabledAt != nil {
		t.Errorf("renamed %+v", renamed)
	}
	got := platformtest.Decode[serviceaccounts.Account](t, p.Do(admin.Token, http.MethodGet, of, nil).Want(t, http.StatusOK))
	if diff := cmp.Diff(renamed, got); diff != "" {
		t.Error(diff)
	}
	list := platformtest.Decode[page.Page[serviceaccounts.Account]](t, p.Do(admin.Token, http.MethodGet, path(admin), nil).Want(t, http.StatusOK))
	if diff := cmp.Diff([]serviceaccounts.Account{other, renamed}, list.Items); diff != "" {
		t.Error(diff)
	}
	p.Do(admin.Token, http.MethodDelete, of, nil).Want(t, http.StatusNoContent)
	p.Do(admin.Token, http.MethodDelete, of, nil).Want(t, http.StatusNotFound)
	p.Do(admin.Token, http.MethodGet, of, nil).Want(t, http.StatusNotFound)
	var entries int
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM audit_entries WHERE action LIKE 'service_accounts:%'`).Scan(&entries); err != nil || entries != 7 {
		t.Errorf("%d audit entries (%v), want 7, refusals too", entries, err)
	}
}

func TestServiceAccount_GrantsAndScopes_LimitIt(t *testing.T) {
	t.Parallel()
	p := mount(t)
	admin := p.Login("admin")
	made := account(t, p, admin, "loader")
	of := path(admin) + "/" + made.ID.String()
	key := platformtest.Decode[credential.ShownKey](t, p.Do(admin.Token, http.MethodPost, of+"/keys", `{"name": "k", "scopes": ["service_accounts:read", "datasets:write"]}`).Want(t, http.StatusCreated))
	becomes(t, p, key.Key, path(admin), http.StatusForbidden) // no role yet

	grant(t, p, admin, made.ID, "compliance_officer")
	becomes(t, p, key.Key, path(admin), http.StatusOK)
	verifier, err := p.Env.Verifier(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	caller, err := verifier.Verify(context.Background(), key.Key)
	if err != nil || caller.Kind != auth.ServiceAccount || caller.UserID != made.ID || caller.SessionID != key.ID || caller.OrganizationID != admin.OrganizationID || !caller.Subject.Limited {
		t.Errorf("caller %+v, %v", caller, err)
	}
	p.Do(key.Key, http.MethodPost, path(admin), `{"name": "x"}`).Want(t, http.StatusForbidden)

	p.Do(admin.Token, http.MethodPatch, of, `{"disabled": true}`).Want(t, http.StatusOK)
	becomes(t, p, key.Key, path(admin), http.StatusUnauthorized)
	p.Do(admin.Token, http.MethodPatch, of, `{"disabled": false}`).Want(t, http.StatusOK)
	becomes(t, p, key.Key, path(admin), http.StatusOK)

	keys := platformtest.Decode[page.Page[credential.APIKey]](t, p.Do(admin.Token, http.MethodGet, of+"/keys", nil).Want(t, http.StatusOK)).Items
	if len(keys) != 1 || keys[0].ID != key.ID {
		t.Errorf("keys %+v", keys)
	}
	next := platformtest.Decode[credential.ShownKey](t, p.Do(admin.Token, http.MethodPost, of+"/keys/"+key.ID.String()+"/rotate", `{"overlap_minutes": 0}`).Want(t, http.StatusCreated))
	becomes(t, p, key.Key, path(admin), http.StatusUnauthorized)
	becomes(t, p, next.Key, path(admin), http.StatusOK)
	p.Do(admin.Token, http.MethodDelete, of+"/keys/"+key.ID.String(), nil).Want(t, http.StatusNoContent)
	becomes(t, p, next.Key, path(admin), http.StatusUnauthorized)

	last := platformtest.Decode[credential.ShownKey](t, p.Do(admin.Token, http.MethodPost, of+"/keys", `{"name": "k", "scopes": ["service_accounts:read"]}`).Want(t, http.StatusCreated))
	becomes(t, p, last.Key, path(admin), http.StatusOK)
	p.Do(admin.Token, http.MethodDelete, of, nil).Want(t, http.StatusNoContent)
	becomes(t, p, last.Key, path(admin), http.StatusUnauthorized)
}

func TestServiceAccount_KeyBeyondTheCaller_IsRefused(t *testing.T) {
	t.Parallel()
	p := mount(t)
	owner := p.Login("owner")
	_, err := p.DB(database.Users).Exec(context.Background(),
		`INSERT INTO roles (organization_id, name, permissions) VALUES ($1, 'keeper', '{service_accounts:read,service_accounts:write}')`, owner.OrganizationID)
	if err != nil {
		t.Fatal(err)
	}
	keeper := p.LoginTo(owner.OrganizationID, "keeper")
	made := account(t, p, owner, "loader")
	keys := path(owner) + "/" + made.ID.String() + "/keys"
	mighty := platformtest.Decode[credential.ShownKey](t, p.Do(owner.Token, http.MethodPost, keys, `{"name": "k", "scopes": ["members:write"]}`).Want(t, http.StatusCreated))

	p.Do(keeper.Token, http.MethodPost, keys, `{"name": "k", "scopes": ["members:write"]}`).Want(t, http.StatusForbidden)
	p.Do(keeper.Token, http.MethodPost, keys+"/"+mighty.ID.String()+"/rotate", `{"overlap_minutes": 0}`).Want(t, http.StatusForbidden)
	p.Do(keeper.Token, http.MethodPost, keys, `{"name": "k", "scopes": ["platform:users"]}`).Want(t, http.StatusUnprocessableEntity)

	p.Do(owner.Token, http.MethodPatch, path(owner)+"/"+made.ID.String(), `{"disabled": true}`).Want(t, http.StatusOK)
	p.Do(keeper.Token, http.MethodPatch, path(owner)+"/"+made.ID.String(), `{"name": "robber", "disabled": false}`).Want(t, http.StatusForbidden)
	becomes(t, p, mighty.Key, path(owner), http.StatusUnauthorized)
	p.Do(owner.Token, http.MethodPatch, path(owner)+"/"+made.ID.String(), `{"disabled": false}`).Want(t, http.StatusOK)

	// A key cannot create keys, otherwise whoever finds one could keep its rights forever.
	grant(t, p, owner, made.ID, "owner")
	writer := platformtest.Decode[credential.ShownKey](t, p.Do(owner.Token, http.MethodPost, keys, `{"name": "k", "scopes": ["service_accounts:write"]}`).Want(t, http.StatusCreated))
	p.Do(writer.Key, http.MethodPost, keys, `{"name": "k", "scopes": ["members:write"]}`).Want(t, http.StatusForbidden)
	p.Do(writer.Key, http.MethodPost, keys, `{"name": "k", "scopes": ["service_accounts:write"]}`).Want(t, http.StatusForbidden)
}

func TestServiceAccount_OfAnotherOrganization_IsNotFound(t *testing.T) {
	t.Parallel()
	p := mount(t)
	admin, stranger, viewer := p.Login("admin"), p.Login("admin"), p.Login("viewer")
	made, theirs := account(t, p, admin, "loader"), account(t, p, stranger, "loader")
	of := path(admin) + "/" + made.ID.String()
	key := platformtest.Decode[credential.ShownKey](t, p.Do(admin.Token, http.MethodPost, of+"/keys", `{"name": "k", "scopes": ["datasets:read"]}`).Want(t, http.StatusCreated))
	requests := []struct{ method, path, body string }{
		{http.MethodGet, "", ""}, {http.MethodPatch, "", `{"disabled": true}`}, {http.MethodDelete, "", ""},
		{http.MethodGet, "/keys", ""}, {http.MethodPost, "/keys", `{"name": "k", "scopes": ["datasets:read"]}`},
		{http.MethodDelete, "/keys/" + key.ID.String(), ""}, {http.MethodPost, "/keys/" + key.ID.String() + "/rotate", `{"overlap_minutes": 0}`},
	}
	for _, r := range requests {
		var body any
		if r.body != "" {
			body = r.body
		}
		p.Do(stranger.Token, r.method, of+r.path, body).Want(t, http.StatusNotFound)
		p.Do(stranger.Token, r.method, path(stranger)+"/"+made.ID.String()+r.path, body).Want(t, http.StatusNotFound)
		p.Do(viewer.Token, r.method, of+r.path, body).Want(t, http.StatusForbidden)
		p.Do("", r.method, of+r.path, body).Want(t, http.StatusUnauthorized)
	}
	for _, end := range []string{"", "/rotate"} { // another account's key
		method, body := http.MethodDelete, any(nil)
		if end != "" {
			method, body = http.MethodPost, `{"overlap_minutes": 0}`
		}
		p.Do(stranger.Token, method, path(stranger)+"/"+theirs.ID.String()+"/keys/"+key.ID.String()+end, body).Want(t, http.StatusNotFound)
	}
	p.Do(stranger.Token, http.MethodPost, path(admin), `{"name": "x"}`).Want(t, http.StatusNotFound)
	p.Do(stranger.Token, http.MethodGet, path(admin), nil).Want(t, http.StatusNotFound)
	p.Do(admin.Token, http.MethodGet, of, nil).Want(t, http.StatusOK)
}

func TestRefusalsAreOnRecord(t *testing.T) {
	t.Parallel()
	p := mount(t)
	admin := p.Login("admin")
	first, second := account(t, p, admin, "nightly"), account(t, p, admin, "weekly")
	p.Do(admin.Token, http.MethodPost, path(admin), `{"name": "nightly"}`).Want(t, http.StatusConflict)
	p.Do(admin.Token, http.MethodPatch, path(admin)+"/"+second.ID.String(), `{"name": "nightly"}`).Want(t, http.StatusConflict)
	p.Do(admin.Token, http.MethodDelete, path(admin)+"/"+uuid.NewString(), nil).Want(t, http.StatusNotFound)
	p.Do(admin.Token, http.MethodDelete, path(admin)+"/"+first.ID.String(), nil).Want(t, http.StatusNoContent)
	var got []string
	err := p.DB(database.Users).QueryRow(context.Background(),
		`SELECT array_agg(action ORDER BY id) FROM audit_entries WHERE result = 'refused' AND organization_id = $1`, admin.OrganizationID).Scan(&got)
	if diff := cmp.Diff([]string{"service_accounts:create", "service_accounts:change", "service_accounts:delete"}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
