package membership_test

import (
	"net/http"
	"testing"

	"function/functions/users/internal/userstest"
	"function/functions/users/members"
	searchmembers "function/functions/users/search-members"
	"function/shared/page"
	"function/shared/platformtest"
)

// The name and address of a person who requests to join are only shown to those who decide on
// the request.
func TestMembers_RequestsToJoin_OnlyShownToApprovers(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, members.Service, searchmembers.Service)
	owner := p.Login("owner")
	viewer, asks := p.LoginTo(owner.OrganizationID, "viewer"), p.LoginTo(owner.OrganizationID, "member")
	userstest.Exec(t, p, `UPDATE memberships SET status = 'requested' WHERE user_id = $1`, asks.UserID)
	userstest.Exec(t, p, `UPDATE organizations SET settings = '{"search_by_name": true}' WHERE id = $1`, owner.OrganizationID)
	path := "/v1/organizations/" + owner.OrganizationID.String() + "/members"
	for _, test := range []struct {
		who               platformtest.Caller
		all, asking, find int
		one               int
	}{{owner, 3, 1, 3, http.StatusOK}, {viewer, 2, 0, 2, http.StatusNotFound}} {
		for query, want := range map[string]int{"": test.all, "?status=requested": test.asking, "/search?name=ada": test.find} {
			answer := p.Do(test.who.Token, http.MethodGet, path+query, nil).Want(t, http.StatusOK)
			if got := len(platformtest.Decode[page.Page[members.Member]](t, answer).Items); got != want {
				t.Errorf("%s: %s sees %d, want %d", query, test.who.Roles, got, want)
			}
		}
		p.Do(test.who.Token, http.MethodGet, path+"/"+asks.UserID.String(), nil).Want(t, test.one)
	}
}

func TestMembers_WhoAskToJoin_ShowWhetherTheAddressIsTheirs(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, members.Service)
	owner := p.Login("owner")
	asks := p.LoginTo(owner.OrganizationID, "member")
	userstest.Exec(t, p, `UPDATE memberships SET status = 'requested' WHERE user_id = $1`, asks.UserID)
	path := "/v1/organizations/" + owner.OrganizationID.String() + "/members?status=requested"
	for sql, want := range map[string]bool{`UPDATE users SET email_verified_at = NULL`: false, `UPDATE users SET email_verified_at = now()`: true} {
		userstest.Exec(t, p, sql)
		found := platformtest.Decode[page.Page[members.Member]](t, p.Do(owner.Token, http.MethodGet, path, nil).Want(t, http.StatusOK)).Items
		if len(found) != 1 || found[0].EmailVerified == nil || *found[0].EmailVerified != want {
			t.Errorf("%s: %+v", sql, found)
		}
	}
	viewer := p.LoginTo(owner.OrganizationID, "viewer")
	for _, m := range platformtest.Decode[page.Page[members.Member]](t, p.Do(viewer.Token, http.MethodGet, "/v1/organizations/"+owner.OrganizationID.String()+"/members", nil)).Items {
		if m.EmailVerified != nil {
			t.Error("a viewer sees whether an address is verified")
		}
	}
}

func TestRegistration_OrganizationRefusesRequests_IsRefusedAsUnknown(t *testing.T) {
	t.Parallel()
	for _, confirmation := range []bool{false, true} {
		p := userstest.MountMail(t, confirmation)
		organization := p.Login("owner").OrganizationID
		userstest.Exec(t, p, `UPDATE organizations SET settings = '{"refuse_requests": true}' WHERE id = $1`, organization)
		ask := map[string]any{"email": "ada@example.com", "password": "correct horse", "first_name": "Ada", "last_name": "L", "organization_id": organization}
		refused := userstest.Post(t, p, "", "/v1/users/register", ask, http.StatusUnprocessableEntity)
		ask["organization_id"] = "00000000-0000-7000-8000-000000000000"
		userstest.Equal(t, "answers", userstest.Detail(t, refused), userstest.Detail(t, userstest.Post(t, p, "", "/v1/users/register", ask, http.StatusUnprocessableEntity)))
	}
}

func TestRegistration_NamesItsOrganization(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	body := map[string]any{"email": "ada@example.com", "password": "correct horse", "first_name": "Ada", "last_name": "L", "organization_name": "Analytical  Engines"}
	userstest.Post(t, p, "", "/v1/users/register", body, http.StatusCreated)
	userstest.Equal(t, "named", 1, userstest.Count(t, p, `SELECT count(*) FROM organizations WHERE name = 'Analytical Engines'`))
	for _, email := range []string{"eve@example.com", "bob@example.com"} {
		userstest.Registered(t, p, email, "")
	}
	userstest.Equal(t, "names of the others", 2, userstest.Count(t, p, `SELECT count(DISTINCT name) FROM organizations WHERE name ~ '^Organization [0-9A-F]{6}$'`))
}

func TestRegistration_NameThatCannotBeSeen_IsRefused(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	for _, name := range []string{" ", "\u00a0\u3000", "\u202eadA", "A\u200bda", "\u200d", "\u2066Ada\u2069", "\ufeffAda", "\u3164", "Ada\n", "\u0301"} {
		for _, field := range []string{"first_name", "last_name", "organization_name"} {
			body := map[string]any{"email": "ada@example.com", "password": "correct horse", "first_name": "Ada", "last_name": "L"}
			body[field] = name
			userstest.Post(t, p, "", "/v1/users/register", body, http.StatusUnprocessableEntity)
		}
	}
}
