package membership_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/functions/users/internal/membership"
	"function/functions/users/internal/store"
	"function/functions/users/internal/userstest"
	"function/functions/users/organizations"
	"function/shared/events"
	"function/shared/page"
	"function/shared/platformtest"
	"function/shared/policy"
)

func TestOrganizationIsFoundedRenamedDeletedAndRestored(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	ada, stranger := p.Login("owner"), p.Login("owner")

	made := platformtest.Decode[membership.Organization](t, p.Do(ada.Token, http.MethodPost, "/v1/organizations", `{"name": "Engines"}`).Want(t, http.StatusCreated))
	mine := platformtest.Decode[page.Page[organizations.MyOrganization]](t, p.Do(ada.Token, http.MethodGet, "/v1/organizations", nil).Want(t, http.StatusOK))
	if len(mine.Items) != 2 || mine.Items[0].ID != made.ID || mine.Items[0].Role != "owner" || mine.Items[0].Name != "Engines" {
		t.Errorf("my organizations %+v, want the new one and the old one", mine.Items)
	}
	for _, body := range []string{`{"name": ""}`, `{"name": "a\u0000b"}`, `{}`, `{"name": "x", "settings": {}}`} {
		p.Do(ada.Token, http.MethodPost, "/v1/organizations", body).Want(t, http.StatusUnprocessableEntity)
	}

	p.Do(ada.Token, http.MethodGet, userstest.OrganizationPath(made.ID, ""), nil).Want(t, http.StatusNotFound) // the session acts in the other one
	own := ada.OrganizationID
	p.Do(ada.Token, http.MethodPatch, userstest.OrganizationPath(own, ""), `{"name": "Looms"}`).Want(t, http.StatusOK)
	if got := platformtest.Decode[membership.Organization](t, p.Do(ada.Token, http.MethodGet, userstest.OrganizationPath(own, ""), nil).Want(t, http.StatusOK)); got.Name != "Looms" {
		t.Errorf("organization is called %q, want Looms", got.Name)
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		p.Do(stranger.Token, method, userstest.OrganizationPath(own, ""), nil).Want(t, http.StatusNotFound)
	}

	p.Do(ada.Token, http.MethodPost, userstest.OrganizationPath(own, "/restore"), nil).Want(t, http.StatusNotFound) // nothing to restore
	deleted := platformtest.Decode[membership.Organization](t, p.Do(ada.Token, http.MethodDelete, userstest.OrganizationPath(own, ""), nil).Want(t, http.StatusOK))
	if deleted.DeletedAt == nil {
		t.Error("the deleted organization does not tell when it was deleted")
	}
	p.Do(userstest.NewSession(t, p, ada), http.MethodGet, userstest.OrganizationPath(own, ""), nil).Want(t, http.StatusForbidden)
	p.Do(stranger.Token, http.MethodPost, userstest.OrganizationPath(own, "/restore"), nil).Want(t, http.StatusNotFound)
	if theirs, mine := userstest.CountAudit(t, p, own, "organizations:restore", "refused"), userstest.CountAudit(t, p, stranger.OrganizationID, "organizations:restore", "refused"); theirs != 1 || mine != 1 {
		t.Errorf("%d refusals in the organization's trail and %d in the stranger's own, want the owner's and the stranger's", theirs, mine)
	}
	p.Do(ada.Token, http.MethodPost, userstest.OrganizationPath(own, "/restore"), nil).Want(t, http.StatusOK)
	p.Do(userstest.NewSession(t, p, ada), http.MethodGet, userstest.OrganizationPath(own, ""), nil).Want(t, http.StatusOK)
	for _, action := range []string{"organizations:rename", "organizations:delete", "organizations:restore"} {
		if n := userstest.CountAudit(t, p, own, action, "done"); n != 1 {
			t.Errorf("%d audit entries of %s, want 1", n, action)
		}
	}
}

func TestPurge_PastTheGracePeriod_DeletesAndGivesMembersANewOne(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	gone, kept := p.Login("owner"), p.Login("owner")
	homeless := p.LoginTo(gone.OrganizationID, "viewer")
	elsewhere := p.LoginTo(gone.OrganizationID, "member")
	userstest.ExecSQL(t, p, `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'viewer', 'active')`, elsewhere.UserID, kept.OrganizationID)
	userstest.ExecSQL(t, p, `UPDATE organizations SET deleted_at = now() - interval '29 days' WHERE id = $1`, kept.OrganizationID)
	userstest.ExecSQL(t, p, `UPDATE organizations SET deleted_at = now() - interval '31 days' WHERE id = $1`, gone.OrganizationID)
	p.Do(gone.Token, http.MethodPost, userstest.OrganizationPath(gone.OrganizationID, "/restore"), nil).Want(t, http.StatusNotFound) // too late

	for range 2 {
		p.Wake("users-purge-organizations").Want(t, http.StatusNoContent)
	}

	if userstest.QueryValue[bool](t, p, `SELECT EXISTS (SELECT FROM organizations WHERE id = $1)`, gone.OrganizationID) {
		t.Error("the organization past its grace is still there")
	}
	if !userstest.QueryValue[bool](t, p, `SELECT EXISTS (SELECT FROM organizations WHERE id = $1)`, kept.OrganizationID) {
		t.Error("an organization within its grace is gone")
	}
	for _, member := range []platformtest.Caller{gone, homeless} {
		if got := userstest.QueryValue[string](t, p, `SELECT string_agg(role, ' ') FROM memberships WHERE user_id = $1`, member.UserID); got != "owner" {
			t.Errorf("roles %q of a person left without an organization, want to own a new one", got)
		}
	}
	if got := userstest.QueryValue[uuid.UUID](t, p, `SELECT organization_id FROM memberships WHERE user_id = $1`, elsewhere.UserID); got != kept.OrganizationID {
		t.Errorf("somebody who has another organization is in %s", got)
	}
	if told := platformtest.Published[events.OrganizationDeleted](p, 1); len(told) != 1 || told[0].Data.OrganizationID != gone.OrganizationID {
		t.Errorf("events %+v, want one about %s", told, gone.OrganizationID)
	}
	if userstest.CountAudit(t, p, gone.OrganizationID, "organizations:purge", "done") != 1 {
		t.Error("the purge is not in the audit trail")
	}
}

func TestSettings_Patch_IsMergedAndValidated(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	admin, viewer, stranger := p.LoginTo(owner.OrganizationID, "admin"), p.LoginTo(owner.OrganizationID, "viewer"), p.Login("owner")
	path := userstest.OrganizationPath(owner.OrganizationID, "/settings")
	patch := func(token, body string) platformtest.Answer {
		return p.Do(token, http.MethodPatch, path, body, "Content-Type", "application/merge-patch+json")
	}

	got := platformtest.Decode[store.Settings](t, patch(owner.Token, `{"password_min_length": 15, "session_life_hours": 8}`).Want(t, http.StatusOK))
	want := store.DefaultSettings
	want.PasswordMinLength, want.SessionLifeHours = 15, 8
	if got != want {
		t.Errorf("settings %+v, want %+v", got, want)
	}
	want.SessionLifeHours = store.DefaultSettings.SessionLifeHours
	patch(owner.Token, `{"session_life_hours": null}`).Want(t, http.StatusOK)
	if got := platformtest.Decode[store.Settings](t, p.Do(viewer.Token, http.MethodGet, path, nil).Want(t, http.StatusOK)); got != want {
		t.Errorf("settings %+v, want %+v", got, want)
	}
	for _, body := range []string{`{"password_min_length": 7}`, `{"password_min_length": "15"}`, `{"unknown": 1}`, `{"search_by_name": 1}`, `[]`, `null`, `{"session_idle_minutes": 1e9}`, `{"password_min_length": 8.5}`} {
		patch(owner.Token, body).Want(t, http.StatusUnprocessableEntity)
	}
	patch(viewer.Token, `{}`).Want(t, http.StatusForbidden)
	patch(stranger.Token, `{}`).Want(t, http.StatusNotFound)

	// Relaxing a requirement needs step-up authentication; without it nothing of the patch is
	// applied.
	userstest.ExecSQL(t, p, `UPDATE organizations SET settings = '{"require_second_factor": true}' WHERE id = $1`, owner.OrganizationID)
	userstest.ExecSQL(t, p, `UPDATE sessions SET second_factor_at = now() - interval '1 hour'`)
	stale, fresh := userstest.NewSession(t, p, owner), p.Again(admin)
	userstest.ExecSQL(t, p, `UPDATE sessions SET second_factor_at = now() - interval '1 hour' WHERE id <> $1`, fresh.SessionID)
	userstest.ExecSQL(t, p, `UPDATE sessions SET second_factor_at = now() WHERE id = $1`, fresh.SessionID)
	patch(stale, `{"require_second_factor": false, "password_history": 3}`).Want(t, http.StatusUnauthorized)
	patch(stale, `{"password_history": 4}`).Want(t, http.StatusOK)
	after := platformtest.Decode[store.Settings](t, patch(fresh.Token, `{"require_second_factor": null}`).Want(t, http.StatusOK))
	if after.RequireSecondFactor || after.PasswordHistory != 4 {
		t.Errorf("settings %+v, want no second factor and a history of 4", after)
	}
}

func TestSettingsKnowTheirNamesInOneCaseOnly(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	path := userstest.OrganizationPath(owner.OrganizationID, "/settings")
	for _, body := range []string{`{"Require_Second_Factor": true}`, `{"REQUIRE_second_person": true}`, `{"require_\u017fecond_factor": true}`} {
		p.Do(owner.Token, http.MethodPatch, path, body).Want(t, http.StatusUnprocessableEntity)
	}
	p.Do(owner.Token, http.MethodPatch, path, `{"require_second_factor": true, "session_life_hours": 8e0, "password_history": null}`).Want(t, http.StatusOK)
	want := `{"session_life_hours": 8, "require_second_factor": true}`
	if got := userstest.QueryValue[string](t, p, `SELECT settings::text FROM organizations WHERE id = $1`, owner.OrganizationID); got != want {
		t.Errorf("stored %s, want %s", got, want)
	}
}

// Decisions has the same fields as Settings.
func TestDecisions_Fields_MatchSettings(t *testing.T) {
	t.Parallel()
	names := func(of reflect.Type) (all []string) {
		for _, field := range reflect.VisibleFields(of) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			all = append(all, name)
		}
		return all
	}
	if diff := cmp.Diff(names(reflect.TypeFor[store.Settings]()), names(reflect.TypeFor[store.Decisions]())); diff != "" {
		t.Error(diff)
	}
}

func TestWeakerSettingsNeedAFreshProofWhateverElseChanges(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	p.LoginTo(owner.OrganizationID, "admin")
	const strict = `{"password_history": 5, "session_life_hours": 8, "password_min_length": 15, "session_idle_minutes": 60, "require_second_factor": true}`
	userstest.ExecSQL(t, p, `UPDATE organizations SET settings = $2 WHERE id = $1`, owner.OrganizationID, strict)
	old := p.Again(owner)
	userstest.ExecSQL(t, p, `UPDATE sessions SET authenticated_at = now() - interval '1 hour', second_factor_at = now() - interval '1 hour' WHERE id = $1`, old.SessionID)
	for _, body := range []string{
		`{"require_second_factor": false, "require_second_person": true}`, `{"require_second_factor": null}`,
		`{"password_min_length": 14}`, `{"password_history": null}`, `{"session_idle_minutes": 61}`, `{"session_life_hours": null, "search_by_name": true}`,
	} {
		p.Do(old.Token, http.MethodPatch, userstest.OrganizationPath(owner.OrganizationID, "/settings"), body).Want(t, http.StatusUnauthorized)
		if got := userstest.QueryValue[string](t, p, `SELECT settings::text FROM organizations WHERE id = $1`, owner.OrganizationID); got != strict {
			t.Errorf("%s left %s", body, got)
		}
	}
	p.Do(old.Token, http.MethodPatch, userstest.OrganizationPath(owner.OrganizationID, "/settings"), `{"require_second_person": true, "password_min_length": 16}`).Want(t, http.StatusOK)
}

func TestPurge_OneFails_OthersAreDeleted(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	stuck, gone := p.Login("owner"), p.Login("owner")
	userstest.ExecSQL(t, p, `UPDATE organizations SET deleted_at = now() - interval '32 days' WHERE id = $1`, stuck.OrganizationID)
	userstest.ExecSQL(t, p, `UPDATE organizations SET deleted_at = now() - interval '31 days' WHERE id = $1`, gone.OrganizationID)
	userstest.ExecSQL(t, p, `CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'it stays'; END $$`)
	userstest.ExecSQL(t, p, `CREATE TRIGGER stay BEFORE DELETE ON organizations FOR EACH ROW WHEN (OLD.id = '`+stuck.OrganizationID.String()+`') EXECUTE FUNCTION stay()`)

	p.Wake("users-purge-organizations").Want(t, http.StatusInternalServerError)
	if got := userstest.QueryValue[uuid.UUID](t, p, `SELECT id FROM organizations WHERE deleted_at IS NOT NULL`); got != stuck.OrganizationID {
		t.Errorf("organization %s is left, want the one that fails", got)
	}
	userstest.ExecSQL(t, p, `DROP TRIGGER stay ON organizations`)
	p.Wake("users-purge-organizations").Want(t, http.StatusNoContent)
	if n := userstest.QueryValue[int](t, p, `SELECT count(*) FROM organizations WHERE deleted_at IS NOT NULL`); n != 0 {
		t.Errorf("%d organizations are left", n)
	}
}

func TestNamesThatLookTheSameAreTheSame(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	create := func(name string) platformtest.Answer {
		return p.Do(owner.Token, http.MethodPost, userstest.OrganizationPath(owner.OrganizationID, "/teams"), map[string]string{"name": name})
	}
	made := platformtest.Decode[access.Team](t, create("  Data \u00a0Science ").Want(t, http.StatusCreated))
	if made.Name != "Data Science" {
		t.Errorf("team is called %q, want its words with single spaces", made.Name)
	}
	for _, name := range []string{"data science", "DATA SCIENCE", "\uff24ata Science", "Data Sci\u200dence"} {
		create(name).Want(t, http.StatusConflict)
	}
	for _, name := range []string{" ", "a\u0000b", "a\nb", "a\u0085b", "a\u202eb", "a\u200bb", "\ufeffa"} {
		create(name).Want(t, http.StatusUnprocessableEntity)
		p.Do(owner.Token, http.MethodPost, "/v1/organizations", map[string]string{"name": name}).Want(t, http.StatusUnprocessableEntity)
	}
	for _, name := range []string{"Ärzte & Söhne", "データ", "داده\u200cها", "R+D (2)"} {
		create(name).Want(t, http.StatusCreated)
	}
	p.Do(owner.Token, http.MethodPatch, userstest.OrganizationPath(owner.OrganizationID, "/teams/"+made.ID.String()), `{"name": "ärzte & söhne"}`).Want(t, http.StatusConflict)
	p.Do(owner.Token, http.MethodPatch, userstest.OrganizationPath(owner.OrganizationID, "/teams/"+made.ID.String()), `{"name": "DATA science"}`).Want(t, http.StatusOK)
}

func TestOwner_Suspended_DoesNotCount(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	organization := owner.OrganizationID
	ada := p.LoginTo(organization, "admin")
	userstest.ExecSQL(t, p, `UPDATE users SET suspended_at = now() WHERE id = $1`, ada.UserID)
	p.Do(owner.Token, http.MethodPost, userstest.OrganizationPath(organization, "/ownership"), map[string]any{"user_id": ada.UserID}).Want(t, http.StatusConflict)
	userstest.Assign(p, owner, ada, "owner").Want(t, http.StatusConflict)

	userstest.ExecSQL(t, p, `UPDATE memberships SET role = 'owner' WHERE user_id = $1`, ada.UserID)
	p.Do(owner.Token, http.MethodPost, userstest.OrganizationPath(organization, "/leave"), nil).Want(t, http.StatusConflict) // the other one is suspended
	userstest.Assign(p, owner, owner, "admin").Want(t, http.StatusConflict)
	userstest.ExecSQL(t, p, `UPDATE users SET suspended_at = NULL WHERE id = $1`, ada.UserID)
	p.Do(owner.Token, http.MethodPost, userstest.OrganizationPath(organization, "/leave"), nil).Want(t, http.StatusNoContent)
}

func TestInvitation_RoleThatIsNotBasic_NeedsRolesWrite(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	organization := owner.OrganizationID
	userstest.Define(p, owner, "recruiter", policy.MembersRead, policy.MembersWrite, policy.OrganizationsRead, policy.TeamsRead, policy.DatasetsRead, policy.ReportsRead).Want(t, http.StatusOK)
	userstest.Define(p, owner, "guest", policy.OrganizationsRead).Want(t, http.StatusOK)
	recruiter, old := p.LoginTo(organization, "recruiter"), userstest.StaleSession(t, p, owner)
	ada := p.LoginTo(organization, "member")
	userstest.ExecSQL(t, p, `UPDATE memberships SET status = 'requested' WHERE user_id = $1`, ada.UserID)
	approve := func(by platformtest.Caller, role string) platformtest.Answer {
		return p.Do(by.Token, http.MethodPost, userstest.MemberPath(organization, ada, "/approve"), map[string]string{"role": role})
	}
	n := 0
	invited := func(by platformtest.Caller, role string) platformtest.Answer {
		n++
		return p.Do(by.Token, http.MethodPost, userstest.OrganizationPath(organization, "/invitations"), map[string]string{"email": fmt.Sprintf("%d@example.com", n), "role": role})
	}
	for _, role := range []string{"owner", "admin", "compliance_officer", "guest"} {
		approve(old, role).Want(t, http.StatusUnauthorized)
		invited(old, role).Want(t, http.StatusUnauthorized)
		invited(owner, role).Want(t, http.StatusCreated)
	}
	approve(recruiter, "guest").Want(t, http.StatusForbidden) // the recruiter has these rights but cannot assign roles
	invited(recruiter, "guest").Want(t, http.StatusForbidden)
	invited(recruiter, "viewer").Want(t, http.StatusCreated)
	for _, role := range []string{"member", "analyst", "viewer"} {
		invited(old, role).Want(t, http.StatusCreated)
	}
	approve(old, "viewer").Want(t, http.StatusOK)
}

func TestSettings_ShorterSessions_ApplyAtOnce(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner, elsewhere := p.Login("owner"), p.Login("owner")
	member := p.LoginTo(owner.OrganizationID, "member")
	userstest.ExecSQL(t, p, `UPDATE sessions SET created_at = now() - interval '3 hours', refreshed_at = now() - interval '40 minutes', expires_at = now() + interval '7 days'`)
	set := func(body string) {
		t.Helper()
		p.Do(owner.Token, http.MethodPatch, userstest.OrganizationPath(owner.OrganizationID, "/settings"), body, "Content-Type", "application/merge-patch+json").Want(t, http.StatusOK)
	}
	minutes := func(c platformtest.Caller) int {
		t.Helper()
		return userstest.QueryValue[int](t, p, `SELECT round(extract(epoch FROM expires_at - now()) / 60)::int FROM sessions WHERE id = $1`, c.SessionID)
	}
	set(`{"session_idle_minutes": 60}`)
	if got := minutes(member); got != 20 {
		t.Errorf("a session that was refreshed 40 minutes ago lasts for %d minutes, want 20 of 60", got)
	}
	set(`{"session_life_hours": 3, "session_idle_minutes": null}`)
	for range 1000 {
		if p.Do(member.Token, http.MethodGet, userstest.OrganizationPath(owner.OrganizationID, "/settings"), nil).Status == http.StatusUnauthorized {
			if got := minutes(elsewhere); got != 7*24*60 {
				t.Errorf("a session of another organization lasts for %d minutes", got)
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("a session that is older than the organization allows goes on")
}
