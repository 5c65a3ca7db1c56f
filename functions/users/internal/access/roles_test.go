package access_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/users/explain"
	"function/functions/users/internal/access"
	"function/functions/users/internal/userstest"
	"function/functions/users/members"
	"function/functions/users/roles"
	"function/shared/events"
	"function/shared/page"
	"function/shared/platformtest"
	"function/shared/policy"
)

func roleChange(t *testing.T, a platformtest.Answer, status int) access.PendingRoleChange {
	t.Helper()
	return platformtest.Decode[access.PendingRoleChange](t, a.Want(t, status))
}

func grantTo(p *platformtest.Platform, by platformtest.Caller, role, kind string, id uuid.UUID) platformtest.Answer {
	return p.Do(by.Token, http.MethodPost, userstest.OrganizationPath(by.OrganizationID, "/grants"), map[string]any{"role": role, kind: id})
}

func TestOwnRoleIsDefinedGrantedAndDeleted(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	organization := owner.OrganizationID
	ada := p.LoginTo(organization, "viewer")
	list := func(c platformtest.Caller) int {
		return p.Do(p.Again(c).Token, http.MethodGet, userstest.OrganizationPath(organization, "/roles"), nil).Status
	}

	userstest.Define(p, owner, "auditor", policy.RolesRead, policy.AuditRead, policy.RolesRead).Want(t, http.StatusOK)
	got := platformtest.Decode[struct{ Items []roles.Role }](t, p.Do(owner.Token, http.MethodGet, userstest.OrganizationPath(organization, "/roles"), nil).Want(t, http.StatusOK)).Items
	want := roles.Role{Name: "auditor", Description: "what auditors do", Permissions: []policy.Permission{policy.AuditRead, policy.RolesRead}}
	if diff := cmp.Diff(want, got[len(got)-1]); diff != "" || len(got) != len(policy.BuiltIn())+1 {
		t.Errorf("%d roles, the last is not the new one: %s", len(got), diff)
	}

	if status := list(ada); status != http.StatusForbidden {
		t.Errorf("status %d before the grant, want 403", status)
	}
	granted := roleChange(t, grantTo(p, owner, "auditor", "user_id", ada.UserID), http.StatusOK)
	grantTo(p, owner, "auditor", "user_id", ada.UserID).Want(t, http.StatusConflict)
	if status := list(ada); status != http.StatusOK {
		t.Errorf("status %d after the grant, want 200", status)
	}
	path := userstest.OrganizationPath(organization, "/roles/auditor")
	p.Do(owner.Token, http.MethodDelete, path, nil).Want(t, http.StatusConflict)
	p.Do(owner.Token, http.MethodDelete, userstest.OrganizationPath(organization, "/grants/"+granted.Change.GrantID.String()), nil).Want(t, http.StatusOK)
	if status := list(ada); status != http.StatusForbidden {
		t.Errorf("status %d after the grant was taken back, want 403", status)
	}
	p.Do(owner.Token, http.MethodDelete, path, nil).Want(t, http.StatusOK)
	p.Do(owner.Token, http.MethodDelete, path, nil).Want(t, http.StatusNotFound)
	for action, n := range map[string]int{"roles:define": 1, "roles:grant": 1, "roles:revoke": 1, "roles:delete": 1} {
		if got := userstest.CountAudit(t, p, organization, action, "done"); got != n {
			t.Errorf("%d audit entries of %s, want %d", got, action, n)
		}
	}
	if userstest.CountAudit(t, p, organization, "roles:delete", "refused") != 2 {
		t.Error("refusals are not in the audit trail")
	}
}

func TestRolesRefuseBadInput(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner, stranger := p.Login("owner"), p.Login("owner")
	organization := owner.OrganizationID
	userstest.Define(p, owner, "own", policy.RolesRead).Want(t, http.StatusOK)
	userstest.Define(p, owner, "admin", policy.RolesRead).Want(t, http.StatusUnprocessableEntity)
	userstest.Define(p, owner, "platform_admin", policy.RolesRead).Want(t, http.StatusUnprocessableEntity)
	userstest.Define(p, owner, "x", policy.PlatformUsers).Want(t, http.StatusUnprocessableEntity)
	userstest.Define(p, owner, "xx", policy.PlatformUsers).Want(t, http.StatusUnprocessableEntity)
	userstest.Define(p, owner, "xx", "everything:everywhere").Want(t, http.StatusUnprocessableEntity)
	userstest.Define(p, owner, "xx").Want(t, http.StatusUnprocessableEntity)
	p.Do(owner.Token, http.MethodDelete, userstest.OrganizationPath(organization, "/roles/owner"), nil).Want(t, http.StatusConflict)

	ada := p.LoginTo(organization, "viewer")
	for _, role := range []string{"nothing", "platform_admin", "", "Owner", "owner; DROP TABLE roles", "\x00"} {
		userstest.Assign(p, owner, ada, role).Want(t, http.StatusUnprocessableEntity)
		grantTo(p, owner, role, "user_id", ada.UserID).Want(t, http.StatusUnprocessableEntity)
	}
	grantTo(p, owner, "owner", "user_id", ada.UserID).Want(t, http.StatusUnprocessableEntity)
	grantTo(p, owner, "own", "user_id", uuid.Nil).Want(t, http.StatusUnprocessableEntity)
	p.Do(owner.Token, http.MethodPost, userstest.OrganizationPath(organization, "/grants"), map[string]any{"role": "own", "user_id": ada.UserID, "team_id": uuid.New()}).Want(t, http.StatusUnprocessableEntity)
	for _, kind := range []string{"user_id", "team_id", "service_account_id"} {
		grantTo(p, owner, "own", kind, uuid.New()).Want(t, http.StatusNotFound)
	}

	// Another organization's people, roles and grants do not exist.
	grantTo(p, owner, "own", "user_id", stranger.UserID).Want(t, http.StatusNotFound)
	userstest.Assign(p, owner, stranger, "viewer").Want(t, http.StatusNotFound)
	userstest.Assign(p, stranger, stranger, "own").Want(t, http.StatusUnprocessableEntity)
	granted := roleChange(t, grantTo(p, owner, "own", "user_id", ada.UserID), http.StatusOK)
	p.Do(stranger.Token, http.MethodDelete, userstest.OrganizationPath(stranger.OrganizationID, "/grants/"+granted.Change.GrantID.String()), nil).Want(t, http.StatusNotFound)
}

func TestRoles_BeyondTheActorsRights_AreRefused(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	organization := owner.OrganizationID
	admin, ada := p.LoginTo(organization, "admin"), p.LoginTo(organization, "viewer")

	userstest.Assign(p, admin, ada, "owner").Want(t, http.StatusForbidden)
	userstest.Assign(p, admin, admin, "owner").Want(t, http.StatusForbidden)
	userstest.Assign(p, admin, owner, "viewer").Want(t, http.StatusForbidden)
	p.Do(admin.Token, http.MethodPost, userstest.MemberPath(organization, owner, "/suspend"), nil).Want(t, http.StatusForbidden)
	p.Do(admin.Token, http.MethodDelete, userstest.MemberPath(organization, owner, ""), nil).Want(t, http.StatusForbidden)
	p.Do(admin.Token, http.MethodPost, userstest.OrganizationPath(organization, "/invitations"), `{"email": "a@example.com", "role": "owner"}`).Want(t, http.StatusForbidden)
	userstest.Define(p, admin, "eraser", policy.OrganizationsDelete).Want(t, http.StatusForbidden)
	userstest.Define(p, owner, "eraser", policy.OrganizationsDelete).Want(t, http.StatusOK)
	userstest.Define(p, admin, "eraser", policy.OrganizationsRead).Want(t, http.StatusForbidden)
	userstest.Assign(p, admin, ada, "eraser").Want(t, http.StatusForbidden)
	grantTo(p, admin, "eraser", "user_id", admin.UserID).Want(t, http.StatusForbidden)

	// A member who may assign roles but do little else.
	userstest.Define(p, owner, "giver", policy.RolesWrite, policy.MembersWrite, policy.MembersRead).Want(t, http.StatusOK)
	giver := p.LoginTo(organization, "giver")
	userstest.Assign(p, giver, giver, "admin").Want(t, http.StatusForbidden)
	userstest.Assign(p, giver, ada, "giver").Want(t, http.StatusForbidden) // would take away the viewer's rights
	p.Do(giver.Token, http.MethodDelete, userstest.MemberPath(organization, admin, ""), nil).Want(t, http.StatusForbidden)

	userstest.Assign(p, admin, ada, "admin").Want(t, http.StatusOK)
	userstest.Assign(p, owner, ada, "owner").Want(t, http.StatusOK)
	if got := userstest.QueryValue[string](t, p, userstest.RoleOf, ada.UserID, organization); got != "owner" {
		t.Errorf("role %s, want owner", got)
	}
	if userstest.CountAudit(t, p, organization, "roles:assign", "refused") == 0 {
		t.Error("refusals are not in the audit trail")
	}
	if told := platformtest.Published[events.MembershipChanged](p, 2); told[len(told)-1].Data.UserID != ada.UserID {
		t.Errorf("events %+v are not about %s", told, ada.UserID)
	}

	// Role changes need step-up authentication.
	stale := p.Again(owner)
	userstest.ExecSQL(t, p, `UPDATE sessions SET authenticated_at = now() - interval '1 hour'`)
	userstest.Assign(p, stale, ada, "viewer").Want(t, http.StatusUnauthorized)
}

func TestRoleIsNotDeletedWhileItIsBeingGranted(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	ada := p.LoginTo(owner.OrganizationID, "viewer")
	for i := range 5 {
		role := fmt.Sprintf("own_%d", i)
		userstest.Define(p, owner, role, policy.DatasetsRead).Want(t, http.StatusOK)
		var granted, deleted int
		var wg sync.WaitGroup
		wg.Go(func() { granted = grantTo(p, owner, role, "user_id", ada.UserID).Status })
		wg.Go(func() {
			deleted = p.Do(owner.Token, http.MethodDelete, userstest.OrganizationPath(owner.OrganizationID, "/roles/"+role), nil).Status
		})
		wg.Wait()
		if got := []int{granted, deleted}; !slices.Equal(got, []int{200, 409}) && !slices.Equal(got, []int{422, 200}) {
			t.Errorf("grant and deletion at once answered %v: one of them wins", got)
		}
	}
}

func TestOrganizationIsNeverWithoutAnOwner(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	organization := owner.OrganizationID
	p.Do(owner.Token, http.MethodPost, userstest.OrganizationPath(organization, "/leave"), nil).Want(t, http.StatusConflict)
	p.Do(owner.Token, http.MethodPost, userstest.MemberPath(organization, owner, "/suspend"), nil).Want(t, http.StatusConflict)
	p.Do(owner.Token, http.MethodDelete, userstest.MemberPath(organization, owner, ""), nil).Want(t, http.StatusConflict)
	userstest.Assign(p, owner, owner, "admin").Want(t, http.StatusConflict)

	for range 5 { // two owners who leave at once
		first, second := p.Login("owner"), platformtest.Caller{}
		second = p.LoginTo(first.OrganizationID, "owner")
		statuses := make([]int, 2)
		var wg sync.WaitGroup
		for i, c := range []platformtest.Caller{first, second} {
			wg.Go(func() {
				statuses[i] = p.Do(c.Token, http.MethodPost, userstest.OrganizationPath(first.OrganizationID, "/leave"), nil).Status
			})
		}
		wg.Wait()
		slices.Sort(statuses)
		if !slices.Equal(statuses, []int{http.StatusNoContent, http.StatusConflict}) {
			t.Errorf("two owners who leave at once were answered %v, want one 204 and one 409", statuses)
		}
	}
}

func TestOwnershipIsTransferredAtomically(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	organization := owner.OrganizationID
	ada, admin, stranger := p.LoginTo(organization, "viewer"), p.LoginTo(organization, "admin"), p.Login("owner")
	to := func(by, c platformtest.Caller) platformtest.Answer {
		return p.Do(by.Token, http.MethodPost, userstest.OrganizationPath(organization, "/ownership"), map[string]any{"user_id": c.UserID})
	}
	to(admin, ada).Want(t, http.StatusForbidden)
	to(stranger, ada).Want(t, http.StatusNotFound)
	to(owner, stranger).Want(t, http.StatusNotFound)
	to(owner, owner).Want(t, http.StatusUnprocessableEntity)
	userstest.ExecSQL(t, p, `UPDATE memberships SET status = 'suspended' WHERE user_id = $1`, ada.UserID)
	to(owner, ada).Want(t, http.StatusConflict)
	userstest.ExecSQL(t, p, `UPDATE memberships SET status = 'active' WHERE user_id = $1`, ada.UserID)

	to(owner, ada).Want(t, http.StatusOK)

	for c, want := range map[uuid.UUID]string{owner.UserID: "admin", ada.UserID: "owner"} {
		if got := userstest.QueryValue[string](t, p, userstest.RoleOf, c, organization); got != want {
			t.Errorf("role %s, want %s", got, want)
		}
	}
	to(p.Again(owner), ada).Want(t, http.StatusForbidden)
}

func TestMembersAreListedSuspendedRestoredAndRemoved(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	organization := owner.OrganizationID
	ada, viewer, stranger := p.LoginTo(organization, "member"), p.LoginTo(organization, "viewer"), p.Login("owner")
	elsewhere := p.Again(ada)
	userstest.ExecSQL(t, p, `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'viewer', 'active')`, ada.UserID, stranger.OrganizationID)
	userstest.ExecSQL(t, p, `UPDATE sessions SET organization_id = $2 WHERE id = $1`, elsewhere.SessionID, stranger.OrganizationID)
	userstest.ExecSQL(t, p, `INSERT INTO totp_secrets (user_id, secret, confirmed_at) VALUES ($1, '', now())`, ada.UserID)

	var seen []members.Member
	for cursor := ""; ; {
		got := platformtest.Decode[page.Page[members.Member]](t, p.Do(owner.Token, http.MethodGet, userstest.OrganizationPath(organization, "/members?limit=2&cursor="+cursor), nil).Want(t, http.StatusOK))
		seen = append(seen, got.Items...)
		if cursor = got.NextCursor; cursor == "" {
			break
		}
	}
	yes, no := true, false
	want := members.Member{UserID: ada.UserID, Email: ada.Email, EmailVerified: &no, FirstName: "Ada", LastName: "Lovelace", Role: "member", Status: "active", SecondFactor: &yes}
	if len(seen) != 3 {
		t.Fatalf("%d members, want 3", len(seen))
	}
	want.JoinedAt = seen[1].JoinedAt
	if diff := cmp.Diff(want, seen[1]); diff != "" {
		t.Error(diff)
	}
	one := platformtest.Decode[members.Member](t, p.Do(viewer.Token, http.MethodGet, userstest.MemberPath(organization, ada, ""), nil).Want(t, http.StatusOK))
	if one.SecondFactor != nil || one.Email != ada.Email {
		t.Errorf("a viewer sees %+v, want the name and not the second factor", one)
	}
	p.Do(stranger.Token, http.MethodGet, userstest.MemberPath(stranger.OrganizationID, owner, ""), nil).Want(t, http.StatusNotFound)
	p.Do(owner.Token, http.MethodGet, userstest.OrganizationPath(organization, "/members?cursor=x"), nil).Want(t, http.StatusUnprocessableEntity)

	p.Do(owner.Token, http.MethodPost, userstest.MemberPath(organization, ada, "/suspend"), nil).Want(t, http.StatusOK)
	p.Do(owner.Token, http.MethodPost, userstest.MemberPath(organization, ada, "/suspend"), nil).Want(t, http.StatusNotFound)
	if got := userstest.QueryValue[string](t, p, `SELECT end_reason FROM sessions WHERE id = $1`, ada.SessionID); got != "suspended" {
		t.Errorf("the session in the organization ended as %s, want suspended", got)
	}
	if !userstest.QueryValue[bool](t, p, `SELECT ended_at IS NULL FROM sessions WHERE id = $1`, elsewhere.SessionID) {
		t.Error("a session in another organization ended")
	}
	p.Do(p.Again(ada).Token, http.MethodGet, userstest.OrganizationPath(organization, "/members"), nil).Want(t, http.StatusForbidden)
	p.Do(owner.Token, http.MethodPost, userstest.MemberPath(organization, ada, "/restore"), nil).Want(t, http.StatusOK)
	p.Do(p.Again(ada).Token, http.MethodGet, userstest.OrganizationPath(organization, "/members"), nil).Want(t, http.StatusOK)

	grantTo(p, owner, "admin", "user_id", ada.UserID).Want(t, http.StatusOK)
	userstest.ExecSQL(t, p, `INSERT INTO api_keys (id, organization_id, user_id, name, scopes) VALUES ($1, $2, $3, 'k', '{}')`, uuid.New(), organization, ada.UserID)
	p.Do(owner.Token, http.MethodDelete, userstest.MemberPath(organization, ada, ""), nil).Want(t, http.StatusNoContent)
	p.Do(owner.Token, http.MethodDelete, userstest.MemberPath(organization, ada, ""), nil).Want(t, http.StatusNotFound)
	if n := userstest.QueryValue[int](t, p, `SELECT count(*) FROM role_grants WHERE user_id = $1`, ada.UserID); n != 0 {
		t.Errorf("%d grants of somebody who was removed", n)
	}
	if userstest.QueryValue[bool](t, p, `SELECT bool_or(revoked_at IS NULL) FROM api_keys WHERE user_id = $1`, ada.UserID) {
		t.Error("a key of somebody who was removed would live again with their return")
	}
	if told := platformtest.Published[events.MembershipEnded](p, 1); told[0].Data.UserID != ada.UserID || told[0].Data.OrganizationID != organization {
		t.Errorf("event %+v is not about the removal", told[0].Data)
	}

	p.Do(viewer.Token, http.MethodPost, userstest.OrganizationPath(organization, "/leave"), nil).Want(t, http.StatusNoContent) // and has no other
	if got := userstest.QueryValue[string](t, p, `SELECT role FROM memberships WHERE user_id = $1`, viewer.UserID); got != "owner" {
		t.Errorf("role %s of somebody who left their only organization, want to own a new one", got)
	}
	p.Do(stranger.Token, http.MethodPost, userstest.OrganizationPath(organization, "/leave"), nil).Want(t, http.StatusNotFound)
}

func TestExplainTellsWhereEveryRoleComesFrom(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	organization := owner.OrganizationID
	ada, stranger := p.LoginTo(organization, "viewer"), p.Login("owner")
	userstest.Define(p, owner, "auditor", policy.AuditRead).Want(t, http.StatusOK)
	outer := team(t, p, owner, "Engineering", uuid.Nil)
	inner := team(t, p, owner, "Looms", outer)
	p.Do(owner.Token, http.MethodPut, userstest.OrganizationPath(organization, "/teams/"+inner.String()+"/members/"+ada.UserID.String()), nil).Want(t, http.StatusOK)
	toTeam := roleChange(t, grantTo(p, owner, "auditor", "team_id", outer), http.StatusOK).Change.GrantID
	toAda := roleChange(t, grantTo(p, owner, "analyst", "user_id", ada.UserID), http.StatusOK).Change.GrantID
	ask := func(c platformtest.Caller, body map[string]any) platformtest.Answer {
		return p.Do(p.Again(c).Token, http.MethodPost, "/v1/authorize/explain", body)
	}

	got := platformtest.Decode[explain.Answer](t, ask(ada, map[string]any{"permission": "audit:read"}).Want(t, http.StatusOK))
	want := explain.Answer{
		Allowed: true, Reason: "A custom role of the organization allows audit:read",
		Roles: []explain.Held{
			{Role: "analyst", Source: "grant", GrantID: &toAda, BuiltIn: true, Permissions: policy.Permissions("analyst")},
			{Role: "viewer", Source: "membership", BuiltIn: true, Permissions: policy.Permissions("viewer")},
			{Role: "auditor", Source: "team", GrantID: &toTeam, TeamPath: []string{"Looms", "Engineering"}, Permissions: []policy.Permission{policy.AuditRead}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	about := map[string]any{"permission": "audit:read", "user_id": ada.UserID}
	if diff := cmp.Diff(want, platformtest.Decode[explain.Answer](t, ask(owner, about).Want(t, http.StatusOK))); diff != "" {
		t.Error(diff)
	}
	ask(ada, map[string]any{"permission": "audit:read", "user_id": owner.UserID}).Want(t, http.StatusForbidden)
	ask(stranger, about).Want(t, http.StatusNotFound)
	ask(owner, map[string]any{"permission": "everything"}).Want(t, http.StatusUnprocessableEntity)
	denied := platformtest.Decode[explain.Answer](t, ask(ada, map[string]any{"permission": "datasets:write"}).Want(t, http.StatusOK))
	if denied.Allowed || denied.Reason != "None of your roles allows datasets:write" {
		t.Errorf("decision %+v, want a refusal and why", denied)
	}
}

func team(t *testing.T, p *platformtest.Platform, by platformtest.Caller, name string, parent uuid.UUID) uuid.UUID {
	t.Helper()
	body := map[string]any{"name": name}
	if parent != uuid.Nil {
		body["parent_id"] = parent
	}
	return platformtest.Decode[access.Team](t, p.Do(by.Token, http.MethodPost, userstest.OrganizationPath(by.OrganizationID, "/teams"), body).Want(t, http.StatusCreated)).ID
}
