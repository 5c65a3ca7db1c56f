package users_test

import (
	"net/http"
	"testing"

	"function/functions/users/members"
	searchmembers "function/functions/users/search-members"
	"function/shared/page"
	"function/shared/platformtest"
)

// Who only asks to join is no colleague yet: their name and address are for those who decide.
func TestWhoAsksToJoinShowsToThoseWhoLetThemIn(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, members.Service, searchmembers.Service)
	owner := p.Login("owner")
	viewer, asks := p.LoginTo(owner.OrganizationID, "viewer"), p.LoginTo(owner.OrganizationID, "member")
	exec(t, p, `UPDATE memberships SET status = 'requested' WHERE user_id = $1`, asks.UserID)
	exec(t, p, `UPDATE organizations SET settings = '{"search_by_name": true}' WHERE id = $1`, owner.OrganizationID)
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
