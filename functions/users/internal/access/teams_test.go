package access_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/functions/users/internal/session"
	"function/functions/users/internal/userstest"
	teammembers "function/functions/users/team-members"
	"function/shared/page"
	"function/shared/platformtest"
	"function/shared/policy"
)

func moveTeam(p *platformtest.Platform, by platformtest.Caller, team uuid.UUID, parent any) platformtest.Answer {
	return p.Do(by.Token, http.MethodPut, userstest.OrganizationPath(by.OrganizationID, "/teams/"+team.String()+"/parent"), map[string]any{"parent_id": parent})
}

func TestTeams_Nested_ListedAndMoved(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner, stranger := p.Login("owner"), p.Login("owner")
	organization := owner.OrganizationID
	viewer := p.LoginTo(organization, "viewer")
	chain := []uuid.UUID{team(t, p, owner, "0", uuid.Nil)}
	for i := 1; i < 10; i++ {
		chain = append(chain, team(t, p, owner, fmt.Sprint(i), chain[i-1]))
	}
	create := func(c platformtest.Caller, body string) platformtest.Answer {
		return p.Do(c.Token, http.MethodPost, userstest.OrganizationPath(c.OrganizationID, "/teams"), body)
	}
	create(owner, `{"name": "deep", "parent_id": "`+chain[9].String()+`"}`).Want(t, http.StatusUnprocessableEntity)
	create(owner, `{"name": "0"}`).Want(t, http.StatusConflict)
	create(owner, `{"name": ""}`).Want(t, http.StatusUnprocessableEntity)
	create(owner, `{"name": "lost", "parent_id": "`+uuid.NewString()+`"}`).Want(t, http.StatusNotFound)
	create(stranger, `{"name": "theirs", "parent_id": "`+chain[0].String()+`"}`).Want(t, http.StatusNotFound)
	create(viewer, `{"name": "mine"}`).Want(t, http.StatusForbidden)

	moveTeam(p, owner, chain[0], chain[0]).Want(t, http.StatusUnprocessableEntity)
	moveTeam(p, owner, chain[0], chain[9]).Want(t, http.StatusUnprocessableEntity)
	moveTeam(p, stranger, chain[3], nil).Want(t, http.StatusNotFound)
	side := team(t, p, owner, "side", uuid.Nil)
	moveTeam(p, owner, chain[0], side).Want(t, http.StatusUnprocessableEntity) // eleven deep
	moveTeam(p, owner, chain[5], side).Want(t, http.StatusOK)
	moveTeam(p, owner, chain[5], nil).Want(t, http.StatusOK)

	path := userstest.OrganizationPath(organization, "/teams/"+side.String())
	p.Do(owner.Token, http.MethodPatch, path, `{"name": "0"}`).Want(t, http.StatusConflict)
	renamed := platformtest.Decode[access.Team](t, p.Do(owner.Token, http.MethodPatch, path, `{"name": "outside"}`).Want(t, http.StatusOK))
	if renamed.Name != "outside" || renamed.ID != side {
		t.Errorf("team %+v, want it renamed", renamed)
	}
	p.Do(viewer.Token, http.MethodGet, path, nil).Want(t, http.StatusOK)
	p.Do(stranger.Token, http.MethodGet, userstest.OrganizationPath(stranger.OrganizationID, "/teams/"+side.String()), nil).Want(t, http.StatusNotFound)
	p.Do(stranger.Token, http.MethodDelete, userstest.OrganizationPath(stranger.OrganizationID, "/teams/"+side.String()), nil).Want(t, http.StatusNotFound)
	p.Do(owner.Token, http.MethodDelete, userstest.OrganizationPath(organization, "/teams/"+chain[0].String()), nil).Want(t, http.StatusConflict)
	p.Do(owner.Token, http.MethodDelete, path, nil).Want(t, http.StatusOK)
	p.Do(owner.Token, http.MethodDelete, path, nil).Want(t, http.StatusNotFound)
	list := platformtest.Decode[page.Page[access.Team]](t, p.Do(viewer.Token, http.MethodGet, userstest.OrganizationPath(organization, "/teams"), nil).Want(t, http.StatusOK))
	if len(list.Items) != 10 {
		t.Errorf("%d teams, want 10", len(list.Items))
	}
}

func TestMoveTeam_Concurrent_MakesNoCycle(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	for i := range 5 {
		a, b := team(t, p, owner, fmt.Sprint("a", i), uuid.Nil), team(t, p, owner, fmt.Sprint("b", i), uuid.Nil)
		statuses := make([]int, 2)
		var wg sync.WaitGroup
		wg.Go(func() { statuses[0] = moveTeam(p, owner, a, b).Status })
		wg.Go(func() { statuses[1] = moveTeam(p, owner, b, a).Status })
		wg.Wait()
		if slices.Sort(statuses); !slices.Equal(statuses, []int{200, 422}) {
			t.Errorf("two moves at once were answered %v, want one winner", statuses)
		}
	}
}

func TestTeamsGiveTheirRolesOnlyByThoseWhoMayGiveThem(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	organization := owner.OrganizationID
	userstest.Define(p, owner, "organizer", policy.TeamsWrite, policy.TeamsRead).Want(t, http.StatusOK)
	organizer, ada, stranger := p.LoginTo(organization, "organizer"), p.LoginTo(organization, "viewer"), p.Login("owner")
	mighty, plain := team(t, p, owner, "mighty", uuid.Nil), team(t, p, owner, "plain", uuid.Nil)
	grantTo(p, owner, "admin", "team_id", mighty).Want(t, http.StatusOK)
	inner := team(t, p, organizer, "inner", mighty) // nobody is in it
	join := func(c platformtest.Caller, team uuid.UUID, who platformtest.Caller) platformtest.Answer {
		return p.Do(c.Token, http.MethodPut, userstest.OrganizationPath(organization, "/teams/"+team.String()+"/members/"+who.UserID.String()), nil)
	}

	join(organizer, plain, organizer).Want(t, http.StatusOK)
	join(organizer, plain, organizer).Want(t, http.StatusOK) // again
	join(organizer, mighty, organizer).Want(t, http.StatusForbidden)
	join(organizer, inner, organizer).Want(t, http.StatusForbidden)
	moveTeam(p, organizer, plain, mighty).Want(t, http.StatusForbidden)
	join(owner, plain, stranger).Want(t, http.StatusNotFound)
	join(owner, uuid.New(), ada).Want(t, http.StatusNotFound)

	join(owner, inner, ada).Want(t, http.StatusOK)
	p.Do(p.Again(ada).Token, http.MethodGet, userstest.OrganizationPath(organization, "/roles"), nil).Want(t, http.StatusOK) // an admin through the outer team
	leave := userstest.OrganizationPath(organization, "/teams/"+inner.String()+"/members/"+ada.UserID.String())
	p.Do(organizer.Token, http.MethodDelete, leave, nil).Want(t, http.StatusForbidden)
	p.Do(organizer.Token, http.MethodDelete, userstest.OrganizationPath(organization, "/teams/"+inner.String()), nil).Want(t, http.StatusForbidden)
	p.Do(organizer.Token, http.MethodGet, userstest.OrganizationPath(organization, "/teams/"+organization.String()+"/members"), nil).Want(t, http.StatusNotFound) // no team
	list := platformtest.Decode[page.Page[teammembers.TeamMember]](t, p.Do(organizer.Token, http.MethodGet, userstest.OrganizationPath(organization, "/teams/"+inner.String()+"/members"), nil).Want(t, http.StatusOK))
	if len(list.Items) != 1 || list.Items[0].UserID != ada.UserID {
		t.Errorf("team members %+v, want Ada", list.Items)
	}
	p.Do(owner.Token, http.MethodDelete, leave, nil).Want(t, http.StatusOK)
	p.Do(owner.Token, http.MethodDelete, leave, nil).Want(t, http.StatusNotFound)
	p.Do(p.Again(ada).Token, http.MethodGet, userstest.OrganizationPath(organization, "/roles"), nil).Want(t, http.StatusForbidden)

	userstest.ExecSQL(t, p, `UPDATE sessions SET authenticated_at = now() - interval '1 hour'`)
	stale := p.Again(owner)
	userstest.ExecSQL(t, p, `UPDATE sessions SET authenticated_at = now() - interval '1 hour'`)
	join(stale, mighty, ada).Want(t, http.StatusUnauthorized)
	join(stale, plain, ada).Want(t, http.StatusOK)
}

func TestRolesOfATeamAreTakenAsTheyAreGiven(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	organization := owner.OrganizationID
	userstest.Define(p, owner, "organizer", policy.TeamsWrite, policy.TeamsRead).Want(t, http.StatusOK)
	organizer, ada, old := p.LoginTo(organization, "organizer"), p.LoginTo(organization, "viewer"), userstest.StaleSession(t, p, owner)
	mighty := team(t, p, owner, "mighty", uuid.Nil)
	grantTo(p, owner, "admin", "team_id", mighty).Want(t, http.StatusOK)
	side, inner := team(t, p, owner, "side", mighty), team(t, p, owner, "inner", mighty)
	of := userstest.OrganizationPath(organization, "/teams/"+inner.String())
	leave := of + "/members/" + ada.UserID.String()
	p.Do(owner.Token, http.MethodPut, leave, nil).Want(t, http.StatusOK)

	for what, ask := range map[string]func(platformtest.Caller) platformtest.Answer{
		"moved":   func(by platformtest.Caller) platformtest.Answer { return moveTeam(p, by, inner, nil) },
		"deleted": func(by platformtest.Caller) platformtest.Answer { return p.Do(by.Token, http.MethodDelete, of, nil) },
		"left":    func(by platformtest.Caller) platformtest.Answer { return p.Do(by.Token, http.MethodDelete, leave, nil) },
	} {
		if a := ask(organizer); a.Status != http.StatusForbidden || !strings.Contains(string(a.Body), "take the roles of the team away") {
			t.Errorf("%s by who may give no roles: %d %s", what, a.Status, a.Body)
		}
		if a := ask(old); a.Status != http.StatusUnauthorized {
			t.Errorf("%s without a fresh proof: %d", what, a.Status)
		}
	}
	moveTeam(p, organizer, inner, side).Want(t, http.StatusOK) // nobody's rights change
	p.Do(p.Again(ada).Token, http.MethodGet, userstest.OrganizationPath(organization, "/roles"), nil).Want(t, http.StatusOK)
	moveTeam(p, owner, inner, nil).Want(t, http.StatusOK)
	p.Do(p.Again(ada).Token, http.MethodGet, userstest.OrganizationPath(organization, "/roles"), nil).Want(t, http.StatusForbidden)
	p.Do(organizer.Token, http.MethodDelete, leave, nil).Want(t, http.StatusOK)
	p.Do(organizer.Token, http.MethodDelete, of, nil).Want(t, http.StatusOK)
}

func TestSessionSwitchesBetweenOrganizations(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	other, stranger := p.Login("owner"), p.Login("owner")
	home := userstest.Registered(t, p, "ada@example.com", "")
	first := userstest.LoggedIn(t, p, "ada@example.com")
	change := func(token string, organization uuid.UUID) platformtest.Answer {
		return p.Do(token, http.MethodPost, "/v1/users/sessions/organization", map[string]any{"organization_id": organization})
	}
	change(first.AccessToken, other.OrganizationID).Want(t, http.StatusNotFound)
	userstest.ExecSQL(t, p, `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'viewer', 'requested')`, home.ID, other.OrganizationID)
	change(first.AccessToken, other.OrganizationID).Want(t, http.StatusNotFound) // not approved yet
	userstest.ExecSQL(t, p, `UPDATE memberships SET status = 'active' WHERE user_id = $1`, home.ID)
	userstest.ExecSQL(t, p, `UPDATE organizations SET settings = '{"session_life_hours": 1}' WHERE id = $1`, other.OrganizationID)

	second := platformtest.Decode[session.Tokens](t, change(first.AccessToken, other.OrganizationID).Want(t, http.StatusOK))

	p.Do(second.AccessToken, http.MethodGet, userstest.OrganizationPath(other.OrganizationID, ""), nil).Want(t, http.StatusOK)
	p.Do(second.AccessToken, http.MethodGet, userstest.OrganizationPath(home.OrganizationID, ""), nil).Want(t, http.StatusNotFound)
	p.Do(second.AccessToken, http.MethodGet, userstest.OrganizationPath(other.OrganizationID, "/roles"), nil).Want(t, http.StatusForbidden) // a viewer here
	userstest.WaitUntilRefused(t, p, first.AccessToken)
	userstest.Exchange(p, first.RefreshToken).Want(t, http.StatusUnauthorized)
	p.Do(second.AccessToken, http.MethodGet, userstest.OrganizationPath(other.OrganizationID, ""), nil).Want(t, http.StatusOK) // the session goes on
	if !userstest.QueryValue[bool](t, p, `SELECT absolute_end <= created_at + interval '1 hour' AND expires_at <= absolute_end FROM sessions WHERE user_id = $1`, home.ID) {
		t.Error("the session outlives the stricter organization's limit")
	}
	third := platformtest.Decode[session.Tokens](t, userstest.Exchange(p, second.RefreshToken).Want(t, http.StatusOK))
	p.Do(third.AccessToken, http.MethodGet, userstest.OrganizationPath(other.OrganizationID, ""), nil).Want(t, http.StatusOK)

	change(third.AccessToken, stranger.OrganizationID).Want(t, http.StatusNotFound)
	userstest.ExecSQL(t, p, `UPDATE organizations SET deleted_at = now() WHERE id = $1`, home.OrganizationID)
	change(third.AccessToken, home.OrganizationID).Want(t, http.StatusNotFound) // being deleted
	userstest.ExecSQL(t, p, `UPDATE organizations SET deleted_at = NULL`)
	userstest.ExecSQL(t, p, `UPDATE sessions SET created_at = now() - interval '31 days' WHERE user_id = $1`, home.ID)
	change(third.AccessToken, home.OrganizationID).Want(t, http.StatusUnauthorized) // too old for it
}
