package users_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"function/functions/users"
	acceptinvitation "function/functions/users/accept-invitation"
	approvemember "function/functions/users/approve-member"
	"function/functions/users/explain"
	"function/functions/users/grants"
	"function/functions/users/invitations"
	"function/functions/users/login"
	"function/functions/users/members"
	organizationsettings "function/functions/users/organization-settings"
	"function/functions/users/organizations"
	"function/functions/users/profile"
	purgeorganizations "function/functions/users/purge-organizations"
	"function/functions/users/refresh"
	"function/functions/users/register"
	rejectmember "function/functions/users/reject-member"
	rolechanges "function/functions/users/role-changes"
	"function/functions/users/roles"
	switchorganization "function/functions/users/switch-organization"
	teammembers "function/functions/users/team-members"
	"function/functions/users/teams"
	transferownership "function/functions/users/transfer-ownership"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/page"
	"function/shared/platformtest"
)

func mountOrganizations(t *testing.T) *platformtest.Platform {
	t.Helper()
	return platformtest.New(t,
		function.Endpoint(register.Operation, register.New),
		function.Endpoint(login.Operation, login.New),
		function.Endpoint(refresh.Operation, refresh.New),
		function.Endpoint(profile.Operation, profile.New),
		function.Service("users-organizations", organizations.New, organizations.Parts...),
		function.Service("users-organization-settings", organizationsettings.New, organizationsettings.Parts...),
		function.Scheduled("users-purge-organizations", purgeorganizations.Schedule, purgeorganizations.New),
		function.Service("users-members", members.New, members.Parts...),
		function.Endpoint(approvemember.Operation, approvemember.New),
		function.Endpoint(rejectmember.Operation, rejectmember.New),
		function.Endpoint(transferownership.Operation, transferownership.New),
		function.Service("users-invitations", invitations.New, invitations.Parts...),
		function.Endpoint(acceptinvitation.Operation, acceptinvitation.New),
		function.Service("users-teams", teams.New, teams.Parts...),
		function.Service("users-team-members", teammembers.New, teammembers.Parts...),
		function.Service("users-roles", roles.New, roles.Parts...),
		function.Service("users-grants", grants.New, grants.Parts...),
		function.Service("users-role-changes", rolechanges.New, rolechanges.Parts...),
		function.Endpoint(switchorganization.Operation, switchorganization.New),
		function.Endpoint(explain.Operation, explain.New),
	)
}

// in is a path of an organization.
func in(organization uuid.UUID, rest string) string {
	return "/v1/organizations/" + organization.String() + rest
}

func member(organization uuid.UUID, person platformtest.Caller, rest string) string {
	return in(organization, "/members/"+person.UserID.String()+rest)
}

// sql runs a statement on the domain's database.
func sql(t *testing.T, p *platformtest.Platform, statement string, arguments ...any) {
	t.Helper()
	if _, err := p.DB(database.Users).Exec(context.Background(), statement, arguments...); err != nil {
		t.Fatal(err)
	}
}

// ask reads one value from it.
func ask[T any](t *testing.T, p *platformtest.Platform, query string, arguments ...any) T {
	t.Helper()
	var v T
	if err := p.DB(database.Users).QueryRow(context.Background(), query, arguments...).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

const roleOf = `SELECT role FROM memberships WHERE user_id = $1 AND organization_id = $2`

// again is another session of a person, which no verifier remembers, in an organization.
func again(t *testing.T, p *platformtest.Platform, c platformtest.Caller) string {
	t.Helper()
	return p.Again(c).Token
}

func recorded(t *testing.T, p *platformtest.Platform, organization uuid.UUID, action, result string) int {
	t.Helper()
	return ask[int](t, p, `SELECT count(*) FROM audit_entries WHERE organization_id = $1 AND action = $2 AND result = $3`, organization, action, result)
}

func TestOrganizationIsFoundedRenamedDeletedAndRestored(t *testing.T) {
	t.Parallel()
	p := mountOrganizations(t)
	ada, stranger := p.Login("owner"), p.Login("owner")

	made := platformtest.Decode[users.Organization](t, p.Do(ada.Token, http.MethodPost, "/v1/organizations", `{"name": "Engines"}`).Want(t, http.StatusCreated))
	mine := platformtest.Decode[page.Page[organizations.MyOrganization]](t, p.Do(ada.Token, http.MethodGet, "/v1/organizations", nil).Want(t, http.StatusOK))
	if len(mine.Items) != 2 || mine.Items[0].ID != made.ID || mine.Items[0].Role != "owner" || mine.Items[0].Name != "Engines" {
		t.Errorf("my organizations %+v, want the new one and the old one", mine.Items)
	}
	for _, body := range []string{`{"name": ""}`, `{"name": "a\u0000b"}`, `{}`, `{"name": "x", "settings": {}}`} {
		p.Do(ada.Token, http.MethodPost, "/v1/organizations", body).Want(t, http.StatusUnprocessableEntity)
	}

	p.Do(ada.Token, http.MethodGet, in(made.ID, ""), nil).Want(t, http.StatusNotFound) // the session acts in the other one
	own := ada.OrganizationID
	p.Do(ada.Token, http.MethodPatch, in(own, ""), `{"name": "Looms"}`).Want(t, http.StatusOK)
	if got := platformtest.Decode[users.Organization](t, p.Do(ada.Token, http.MethodGet, in(own, ""), nil).Want(t, http.StatusOK)); got.Name != "Looms" {
		t.Errorf("organization is called %q, want Looms", got.Name)
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		p.Do(stranger.Token, method, in(own, ""), nil).Want(t, http.StatusNotFound)
	}

	p.Do(ada.Token, http.MethodPost, in(own, "/restore"), nil).Want(t, http.StatusNotFound) // nothing to restore
	deleted := platformtest.Decode[users.Organization](t, p.Do(ada.Token, http.MethodDelete, in(own, ""), nil).Want(t, http.StatusOK))
	if deleted.DeletedAt == nil {
		t.Error("the deleted organization does not tell when it was deleted")
	}
	p.Do(again(t, p, ada), http.MethodGet, in(own, ""), nil).Want(t, http.StatusForbidden)
	p.Do(stranger.Token, http.MethodPost, in(own, "/restore"), nil).Want(t, http.StatusNotFound)
	p.Do(ada.Token, http.MethodPost, in(own, "/restore"), nil).Want(t, http.StatusOK)
	p.Do(again(t, p, ada), http.MethodGet, in(own, ""), nil).Want(t, http.StatusOK)
	for _, action := range []string{"organizations:rename", "organizations:delete", "organizations:restore"} {
		if n := recorded(t, p, own, action, "done"); n != 1 {
			t.Errorf("%d audit entries of %s, want 1", n, action)
		}
	}
}

func TestPurgeDisposesOfWhatIsPastTheGraceAndHousesThoseLeft(t *testing.T) {
	t.Parallel()
	p := mountOrganizations(t)
	gone, kept := p.Login("owner"), p.Login("owner")
	homeless := p.LoginTo(gone.OrganizationID, "viewer")
	elsewhere := p.LoginTo(gone.OrganizationID, "member")
	sql(t, p, `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'viewer', 'active')`, elsewhere.UserID, kept.OrganizationID)
	sql(t, p, `UPDATE organizations SET deleted_at = now() - interval '29 days' WHERE id = $1`, kept.OrganizationID)
	sql(t, p, `UPDATE organizations SET deleted_at = now() - interval '31 days' WHERE id = $1`, gone.OrganizationID)
	p.Do(gone.Token, http.MethodPost, in(gone.OrganizationID, "/restore"), nil).Want(t, http.StatusNotFound) // too late

	for range 2 {
		p.Wake("users-purge-organizations").Want(t, http.StatusNoContent)
	}

	if ask[bool](t, p, `SELECT EXISTS (SELECT FROM organizations WHERE id = $1)`, gone.OrganizationID) {
		t.Error("the organization past its grace is still there")
	}
	if !ask[bool](t, p, `SELECT EXISTS (SELECT FROM organizations WHERE id = $1)`, kept.OrganizationID) {
		t.Error("an organization within its grace is gone")
	}
	for _, person := range []platformtest.Caller{gone, homeless} {
		if got := ask[string](t, p, `SELECT string_agg(role, ' ') FROM memberships WHERE user_id = $1`, person.UserID); got != "owner" {
			t.Errorf("roles %q of a person left without an organization, want to own a new one", got)
		}
	}
	if got := ask[uuid.UUID](t, p, `SELECT organization_id FROM memberships WHERE user_id = $1`, elsewhere.UserID); got != kept.OrganizationID {
		t.Errorf("somebody who has another organization is in %s", got)
	}
	if told := platformtest.Published[events.OrganizationDeleted](p, 1); len(told) != 1 || told[0].Data.OrganizationID != gone.OrganizationID {
		t.Errorf("events %+v, want one about %s", told, gone.OrganizationID)
	}
	if recorded(t, p, gone.OrganizationID, "organizations:purge", "done") != 1 {
		t.Error("the purge is not in the audit trail")
	}
}

func TestSettingsAreMergedAndBounded(t *testing.T) {
	t.Parallel()
	p := mountOrganizations(t)
	owner := p.Login("owner")
	admin, viewer, stranger := p.LoginTo(owner.OrganizationID, "admin"), p.LoginTo(owner.OrganizationID, "viewer"), p.Login("owner")
	path := in(owner.OrganizationID, "/settings")
	patch := func(token, body string) platformtest.Answer {
		return p.Do(token, http.MethodPatch, path, body, "Content-Type", "application/merge-patch+json")
	}

	got := platformtest.Decode[users.Settings](t, patch(owner.Token, `{"password_min_length": 15, "session_life_hours": 8}`).Want(t, http.StatusOK))
	want := users.DefaultSettings
	want.PasswordMinLength, want.SessionLifeHours = 15, 8
	if got != want {
		t.Errorf("settings %+v, want %+v", got, want)
	}
	want.SessionLifeHours = users.DefaultSettings.SessionLifeHours
	patch(owner.Token, `{"session_life_hours": null}`).Want(t, http.StatusOK)
	if got := platformtest.Decode[users.Settings](t, p.Do(viewer.Token, http.MethodGet, path, nil).Want(t, http.StatusOK)); got != want {
		t.Errorf("settings %+v, want %+v", got, want)
	}
	for _, body := range []string{`{"password_min_length": 7}`, `{"password_min_length": "15"}`, `{"unknown": 1}`, `{"search_by_name": 1}`, `[]`, `null`, `{"session_idle_minutes": 1e9}`, `{"password_min_length": 8.5}`} {
		patch(owner.Token, body).Want(t, http.StatusUnprocessableEntity)
	}
	patch(viewer.Token, `{}`).Want(t, http.StatusForbidden)
	patch(stranger.Token, `{}`).Want(t, http.StatusNotFound)

	// To demand less needs a fresh proof; nothing else of the patch is done either.
	sql(t, p, `UPDATE organizations SET settings = '{"require_second_factor": true}' WHERE id = $1`, owner.OrganizationID)
	sql(t, p, `UPDATE sessions SET second_factor_at = now() - interval '1 hour'`)
	stale, fresh := again(t, p, owner), p.Again(admin)
	sql(t, p, `UPDATE sessions SET second_factor_at = now() - interval '1 hour' WHERE id <> $1`, fresh.SessionID)
	sql(t, p, `UPDATE sessions SET second_factor_at = now() WHERE id = $1`, fresh.SessionID)
	patch(stale, `{"require_second_factor": false, "password_history": 3}`).Want(t, http.StatusUnauthorized)
	patch(stale, `{"password_history": 4}`).Want(t, http.StatusOK)
	after := platformtest.Decode[users.Settings](t, patch(fresh.Token, `{"require_second_factor": null}`).Want(t, http.StatusOK))
	if after.RequireSecondFactor || after.PasswordHistory != 4 {
		t.Errorf("settings %+v, want no second factor and a history of 4", after)
	}
}

func TestShorterSessionsHoldAtOnce(t *testing.T) {
	t.Parallel()
	p := mountOrganizations(t)
	owner, elsewhere := p.Login("owner"), p.Login("owner")
	member := p.LoginTo(owner.OrganizationID, "member")
	sql(t, p, `UPDATE sessions SET created_at = now() - interval '3 hours', refreshed_at = now() - interval '40 minutes', expires_at = now() + interval '7 days'`)
	set := func(body string) {
		t.Helper()
		p.Do(owner.Token, http.MethodPatch, in(owner.OrganizationID, "/settings"), body, "Content-Type", "application/merge-patch+json").Want(t, http.StatusOK)
	}
	minutes := func(c platformtest.Caller) int {
		t.Helper()
		return ask[int](t, p, `SELECT round(extract(epoch FROM expires_at - now()) / 60)::int FROM sessions WHERE id = $1`, c.SessionID)
	}
	set(`{"session_idle_minutes": 60}`)
	if got := minutes(member); got != 20 {
		t.Errorf("a session that was refreshed 40 minutes ago lasts for %d minutes, want 20 of 60", got)
	}
	set(`{"session_life_hours": 3, "session_idle_minutes": null}`)
	for range 1000 {
		if p.Do(member.Token, http.MethodGet, in(owner.OrganizationID, "/settings"), nil).Status == http.StatusUnauthorized {
			if got := minutes(elsewhere); got != 7*24*60 {
				t.Errorf("a session of another organization lasts for %d minutes", got)
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("a session that is older than the organization allows goes on")
}
