package access_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/functions/users/internal/userstest"
	"function/shared/page"
	"function/shared/platformtest"
	"function/shared/policy"
)

// separated is an organization that requires a second person's approval of role changes, with
// its owner, two admins and a compliance officer.
type separated struct {
	*platformtest.Platform
	owner, admin, other, officer platformtest.Caller
}

func separate(t *testing.T) separated {
	t.Helper()
	p := userstest.MountOrganizations(t)
	s := separated{Platform: p, owner: p.Login("owner")}
	settings := userstest.OrganizationPath(s.owner.OrganizationID, "/settings")
	p.Do(s.owner.Token, http.MethodPatch, settings, `{"require_second_person": true}`).Want(t, http.StatusConflict) // nobody else could approve
	s.admin, s.other = p.LoginTo(s.owner.OrganizationID, "admin"), p.LoginTo(s.owner.OrganizationID, "admin")
	s.officer = p.LoginTo(s.owner.OrganizationID, "compliance_officer")
	p.Do(s.owner.Token, http.MethodPatch, settings, `{"require_second_person": true}`).Want(t, http.StatusOK)
	return s
}

func (s separated) decide(by platformtest.Caller, id uuid.UUID, verb string) platformtest.Answer {
	return s.Do(by.Token, http.MethodPost, userstest.OrganizationPath(s.owner.OrganizationID, "/role-changes/"+id.String()+"/"+verb), nil)
}

func TestRoleChange_SecondPersonRequired_IsPending(t *testing.T) {
	t.Parallel()
	s := separate(t)
	organization := s.owner.OrganizationID
	ada, stranger := s.LoginTo(organization, "viewer"), s.Login("owner")

	pending := roleChange(t, userstest.Assign(s.Platform, s.admin, ada, "admin"), http.StatusAccepted)
	if pending.Status != "pending" || pending.ID == uuid.Nil || pending.ExpiresAt == nil || pending.RequestedBy != s.admin.UserID {
		t.Errorf("change %+v, want one that waits", pending)
	}
	if got := userstest.QueryValue[string](t, s.Platform, userstest.RoleOf, ada.UserID, organization); got != "viewer" {
		t.Errorf("role %s before the approval, want viewer", got)
	}
	list := platformtest.Decode[page.Page[access.PendingRoleChange]](t, s.Do(s.officer.Token, http.MethodGet, userstest.OrganizationPath(organization, "/role-changes"), nil).Want(t, http.StatusOK))
	if diff := cmp.Diff([]access.PendingRoleChange{pending}, list.Items); diff != "" {
		t.Error(diff)
	}

	s.decide(s.admin, pending.ID, "approve").Want(t, http.StatusForbidden) // the requester
	s.decide(ada, pending.ID, "approve").Want(t, http.StatusForbidden)
	s.decide(stranger, pending.ID, "approve").Want(t, http.StatusNotFound)
	s.decide(s.officer, uuid.New(), "approve").Want(t, http.StatusNotFound)
	approved := roleChange(t, s.decide(s.officer, pending.ID, "approve"), http.StatusOK)
	if approved.Status != "approved" || *approved.DecidedBy != s.officer.UserID {
		t.Errorf("change %+v, want it approved by the officer", approved)
	}
	if got := userstest.QueryValue[string](t, s.Platform, userstest.RoleOf, ada.UserID, organization); got != "admin" {
		t.Errorf("role %s after the approval, want admin", got)
	}
	for _, verb := range []string{"approve", "reject"} {
		s.decide(s.other, pending.ID, verb).Want(t, http.StatusConflict)
	}

	about := roleChange(t, userstest.Assign(s.Platform, s.admin, s.officer, "viewer"), http.StatusAccepted)
	s.decide(s.officer, about.ID, "approve").Want(t, http.StatusForbidden) // it changes the officer's own rights
	s.decide(s.officer, about.ID, "reject").Want(t, http.StatusForbidden)
	s.decide(s.other, about.ID, "reject").Want(t, http.StatusOK)
	if got := userstest.QueryValue[string](t, s.Platform, userstest.RoleOf, s.officer.UserID, organization); got != "compliance_officer" {
		t.Errorf("role %s after a rejection, want compliance_officer", got)
	}

	late := roleChange(t, userstest.Assign(s.Platform, s.admin, ada, "viewer"), http.StatusAccepted)
	userstest.ExecSQL(t, s.Platform, `UPDATE role_changes SET expires_at = now() WHERE id = $1`, late.ID)
	s.decide(s.officer, late.ID, "approve").Want(t, http.StatusConflict)
	for action, n := range map[string]int{"role_changes:request": 3, "role_changes:approve": 1, "role_changes:reject": 1} {
		if got := userstest.CountAudit(t, s.Platform, organization, action, "done"); got != n {
			t.Errorf("%d audit entries of %s, want %d", got, action, n)
		}
	}
	if got := userstest.CountAudit(t, s.Platform, organization, "role_changes:approve", "refused"); got < 4 {
		t.Errorf("%d refusals in the audit trail, want each", got)
	}
}

func TestEveryKindOfChangeWaitsAndTakesEffect(t *testing.T) {
	t.Parallel()
	s := separate(t)
	organization := s.owner.OrganizationID
	ada := s.LoginTo(organization, "viewer")
	inner, outer := team(t, s.Platform, s.admin, "Looms", uuid.Nil), team(t, s.Platform, s.admin, "Engineering", uuid.Nil)
	spare := team(t, s.Platform, s.admin, "Spare", outer)
	var granted uuid.UUID
	join := userstest.OrganizationPath(organization, "/teams/"+outer.String()+"/members/"+ada.UserID.String())
	s.Do(s.admin.Token, http.MethodPut, join, nil).Want(t, http.StatusOK) // a team without roles gives nobody a role
	s.Do(s.admin.Token, http.MethodDelete, join, nil).Want(t, http.StatusOK)
	for _, step := range []struct {
		what   string
		ask    func() platformtest.Answer
		effect string
	}{
		{"define", func() platformtest.Answer { return userstest.Define(s.Platform, s.owner, "own", policy.DatasetsWrite) },
			`SELECT EXISTS (SELECT FROM roles WHERE organization_id = $1 AND name = 'own')`},
		{"grant", func() platformtest.Answer { return grantTo(s.Platform, s.owner, "own", "team_id", outer) },
			`SELECT EXISTS (SELECT FROM role_grants WHERE organization_id = $1)`},
		{"join a team with roles", func() platformtest.Answer { return s.Do(s.owner.Token, http.MethodPut, join, nil) },
			`SELECT EXISTS (SELECT FROM team_members WHERE organization_id = $1)`},
		{"move into a team with roles", func() platformtest.Answer {
			return s.Do(s.owner.Token, http.MethodPut, userstest.OrganizationPath(organization, "/teams/"+inner.String()+"/parent"), map[string]any{"parent_id": outer})
		}, `SELECT EXISTS (SELECT FROM teams WHERE id <> '` + spare.String() + `' AND organization_id = $1 AND parent_id IS NOT NULL)`},
		{"delete a team in one with roles", func() platformtest.Answer {
			return s.Do(s.owner.Token, http.MethodDelete, userstest.OrganizationPath(organization, "/teams/"+spare.String()), nil)
		}, `SELECT count(*) = 2 FROM teams WHERE organization_id = $1`},
		{"move out of a team with roles", func() platformtest.Answer { return moveTeam(s.Platform, s.owner, inner, nil) },
			`SELECT NOT EXISTS (SELECT FROM teams WHERE organization_id = $1 AND parent_id IS NOT NULL)`},
		{"leave a team with roles", func() platformtest.Answer { return s.Do(s.owner.Token, http.MethodDelete, join, nil) },
			`SELECT NOT EXISTS (SELECT FROM team_members WHERE organization_id = $1)`},
		{"revoke", func() platformtest.Answer {
			granted = userstest.QueryValue[uuid.UUID](t, s.Platform, `SELECT id FROM role_grants`)
			return s.Do(s.owner.Token, http.MethodDelete, userstest.OrganizationPath(organization, "/grants/"+granted.String()), nil)
		}, `SELECT NOT EXISTS (SELECT FROM role_grants WHERE organization_id = $1)`},
		{"delete", func() platformtest.Answer {
			return s.Do(s.owner.Token, http.MethodDelete, userstest.OrganizationPath(organization, "/roles/own"), nil)
		}, `SELECT NOT EXISTS (SELECT FROM roles WHERE organization_id = $1 AND name = 'own')`},
		{"transfer", func() platformtest.Answer {
			return s.Do(s.owner.Token, http.MethodPost, userstest.OrganizationPath(organization, "/ownership"), map[string]any{"user_id": ada.UserID})
		}, `SELECT count(*) = 3 FROM memberships WHERE organization_id = $1 AND role = 'admin'`},
		{"end", func() platformtest.Answer {
			return s.Do(s.admin.Token, http.MethodDelete, userstest.OrganizationPath(organization, "/settings/require_second_person"), nil)
		}, `SELECT NOT settings ? 'require_second_person' FROM organizations WHERE id = $1`},
	} {
		pending := roleChange(t, step.ask(), http.StatusAccepted)
		if userstest.QueryValue[bool](t, s.Platform, step.effect, organization) {
			t.Errorf("%s: took effect before the approval", step.what)
		}
		s.decide(s.officer, pending.ID, "approve").Want(t, http.StatusOK)
		if !userstest.QueryValue[bool](t, s.Platform, step.effect, organization) {
			t.Errorf("%s: has no effect after the approval", step.what)
		}
	}
	userstest.Assign(s.Platform, s.admin, s.other, "viewer").Want(t, http.StatusOK) // at once again
}

func TestRoleChange_Bypasses_NeedASecondPersonToo(t *testing.T) {
	t.Parallel()
	s := separate(t)
	organization := s.owner.OrganizationID
	s.Do(s.owner.Token, http.MethodPatch, userstest.OrganizationPath(organization, "/settings"), `{"require_second_person": false}`).Want(t, http.StatusConflict)
	s.Do(s.owner.Token, http.MethodPatch, userstest.OrganizationPath(organization, "/settings"), `{"require_second_person": null}`).Want(t, http.StatusConflict)
	s.Do(s.owner.Token, http.MethodPost, userstest.OrganizationPath(organization, "/invitations"), `{"email": "a@example.com", "role": "admin"}`).Want(t, http.StatusConflict)
	newcomer := s.LoginTo(organization, "viewer")
	userstest.ExecSQL(t, s.Platform, `UPDATE memberships SET status = 'requested' WHERE user_id = $1`, newcomer.UserID)
	s.Do(s.owner.Token, http.MethodPost, userstest.MemberPath(organization, newcomer, "/approve"), `{"role": "admin"}`).Want(t, http.StatusConflict)
	userstest.Assign(s.Platform, s.owner, newcomer, "admin").Want(t, http.StatusConflict)

	// An approver cannot decide on a grant to a team of theirs, or on a role that they have.
	looms := team(t, s.Platform, s.owner, "Looms", uuid.Nil)
	inner := team(t, s.Platform, s.owner, "Spindles", looms)
	s.Do(s.owner.Token, http.MethodPut, userstest.OrganizationPath(organization, "/teams/"+inner.String()+"/members/"+s.officer.UserID.String()), nil).Want(t, http.StatusOK)
	toTeam := roleChange(t, grantTo(s.Platform, s.owner, "admin", "team_id", looms), http.StatusAccepted)
	s.decide(s.officer, toTeam.ID, "approve").Want(t, http.StatusForbidden)
	userstest.ExecSQL(t, s.Platform, `INSERT INTO roles (organization_id, name, permissions) VALUES ($1, 'own', '{roles:approve}')`, organization)
	userstest.ExecSQL(t, s.Platform, `UPDATE memberships SET role = 'own' WHERE user_id = $1`, s.officer.UserID)
	widened := roleChange(t, userstest.Define(s.Platform, s.owner, "own", policy.RolesApprove, policy.RolesWrite), http.StatusAccepted)
	s.decide(s.officer, widened.ID, "approve").Want(t, http.StatusForbidden)
	s.decide(s.other, widened.ID, "approve").Want(t, http.StatusOK)
}

func TestRoleChange_RequesterLostTheRight_CannotBeApproved(t *testing.T) {
	t.Parallel()
	s := separate(t)
	organization := s.owner.OrganizationID
	ada := s.LoginTo(organization, "viewer")
	for name, spoil := range map[string]string{
		"demoted":   `UPDATE memberships SET role = 'viewer' WHERE user_id = $1`,
		"suspended": `UPDATE memberships SET status = 'suspended' WHERE user_id = $1`,
		"locked":    `UPDATE users SET suspended_at = now() WHERE id = $1`,
		"removed":   `DELETE FROM memberships WHERE user_id = $1`,
	} {
		wanting := s.LoginTo(organization, "admin")
		pending := roleChange(t, userstest.Assign(s.Platform, wanting, ada, "member"), http.StatusAccepted)
		userstest.ExecSQL(t, s.Platform, spoil, wanting.UserID)
		s.decide(s.officer, pending.ID, "approve").Want(t, http.StatusConflict)
		if got := userstest.QueryValue[string](t, s.Platform, userstest.RoleOf, ada.UserID, organization); got != "viewer" {
			t.Errorf("%s: the change took effect", name)
		}
		if userstest.QueryValue[bool](t, s.Platform, `SELECT decision IS NOT NULL FROM role_changes WHERE id = $1`, pending.ID) {
			t.Errorf("%s: the change counts as decided", name)
		}
		s.decide(s.officer, pending.ID, "reject").Want(t, http.StatusOK)
	}
	pending := roleChange(t, grantTo(s.Platform, s.admin, "member", "user_id", ada.UserID), http.StatusAccepted)
	s.Do(s.owner.Token, http.MethodDelete, userstest.MemberPath(organization, ada, ""), nil).Want(t, http.StatusNoContent)
	s.decide(s.officer, pending.ID, "approve").Want(t, http.StatusNotFound) // nobody to grant it to
}

func TestApprove_Concurrent_OneSucceeds(t *testing.T) {
	t.Parallel()
	s := separate(t)
	ada := s.LoginTo(s.owner.OrganizationID, "viewer")
	for range 3 {
		pending := roleChange(t, grantTo(s.Platform, s.admin, "analyst", "user_id", ada.UserID), http.StatusAccepted)
		statuses := make([]int, 3)
		var wg sync.WaitGroup
		for i, by := range []platformtest.Caller{s.officer, s.other, s.owner} {
			wg.Go(func() { statuses[i] = s.decide(by, pending.ID, []string{"approve", "approve", "reject"}[i]).Status })
		}
		wg.Wait()
		slices.Sort(statuses)
		if !slices.Equal(statuses, []int{200, 409, 409}) {
			t.Errorf("three decisions at once were answered %v, want one 200", statuses)
		}
		userstest.ExecSQL(t, s.Platform, `DELETE FROM role_grants`)
	}
}

func TestRoleChange_Withdrawn_AndApproversAreMailed(t *testing.T) {
	t.Parallel()
	s := separate(t)
	organization := s.owner.OrganizationID
	ada, stranger := s.LoginTo(organization, "viewer"), s.Login("owner")
	pending := roleChange(t, userstest.Assign(s.Platform, s.admin, ada, "member"), http.StatusAccepted)
	var told []string
	for _, m := range s.Mail(3) {
		if !strings.Contains(m.Text, "/organizations/"+organization.String()+"/role-changes") {
			t.Errorf("the mail does not lead to the change: %s", m.Text)
		}
		told = append(told, m.To)
	}
	slices.Sort(told)
	want := []string{s.owner.Email, s.other.Email, s.officer.Email}
	if slices.Sort(want); !slices.Equal(told, want) {
		t.Errorf("told %v, want those who decide, and not who wanted it", told)
	}
	withdraw := func(by platformtest.Caller) platformtest.Answer {
		return s.Do(by.Token, http.MethodDelete, userstest.OrganizationPath(organization, "/role-changes/"+pending.ID.String()), nil)
	}
	withdraw(s.owner).Want(t, http.StatusForbidden)
	withdraw(ada).Want(t, http.StatusForbidden)
	withdraw(stranger).Want(t, http.StatusNotFound)
	s.decide(s.admin, pending.ID, "reject").Want(t, http.StatusForbidden)
	if got := roleChange(t, withdraw(userstest.StaleSession(t, s.Platform, s.admin)), http.StatusOK); got.Status != "withdrawn" || *got.DecidedBy != s.admin.UserID {
		t.Errorf("change %+v, want it withdrawn by who wanted it", got)
	}
	withdraw(s.admin).Want(t, http.StatusConflict)
	s.decide(s.officer, pending.ID, "approve").Want(t, http.StatusConflict)
	if userstest.CountAudit(t, s.Platform, organization, "role_changes:withdraw", "done") != 1 {
		t.Error("the withdrawal is not in the trail")
	}
}

func TestSecondPerson_ApproversLeave_TwoRemain(t *testing.T) {
	t.Parallel()
	s := separate(t)
	organization := s.owner.OrganizationID
	remove := func(who platformtest.Caller) platformtest.Answer {
		return s.Do(s.owner.Token, http.MethodDelete, userstest.MemberPath(organization, who, ""), nil)
	}
	remove(s.other).Want(t, http.StatusNoContent)
	statuses := make([]int, 2) // two of three leave concurrently
	var wg sync.WaitGroup
	for i, c := range []platformtest.Caller{s.admin, s.officer} {
		wg.Go(func() {
			statuses[i] = s.Do(c.Token, http.MethodPost, userstest.OrganizationPath(organization, "/leave"), nil).Status
		})
	}
	wg.Wait()
	left := s.officer
	if statuses[1] == http.StatusNoContent {
		left = s.admin
	}
	if slices.Sort(statuses); !slices.Equal(statuses, []int{http.StatusNoContent, http.StatusConflict}) {
		t.Fatalf("two who decide and leave at once were answered %v, want one 204 and one 409", statuses)
	}
	remove(left).Want(t, http.StatusConflict)
	s.Do(s.owner.Token, http.MethodPost, userstest.MemberPath(organization, left, "/suspend"), nil).Want(t, http.StatusConflict)
	s.Do(left.Token, http.MethodPost, userstest.OrganizationPath(organization, "/leave"), nil).Want(t, http.StatusConflict)

	// Nor can a role change that the other one approves.
	userstest.ExecSQL(t, s.Platform, `UPDATE memberships SET role = 'admin' WHERE user_id = $1`, left.UserID)
	own := roleChange(t, userstest.Assign(s.Platform, left, left, "viewer"), http.StatusAccepted)
	s.decide(s.owner, own.ID, "approve").Want(t, http.StatusConflict)
	s.LoginTo(organization, "admin")
	s.decide(s.owner, own.ID, "approve").Want(t, http.StatusOK)
	s.Do(left.Token, http.MethodPost, userstest.OrganizationPath(organization, "/leave"), nil).Want(t, http.StatusNoContent) // not an approver
}

func TestEndSecondPerson_AfterTheNotice_OwnerApprovesAlone(t *testing.T) {
	t.Parallel()
	s := separate(t)
	organization := s.owner.OrganizationID
	ada := s.LoginTo(organization, "viewer")
	end := func(by platformtest.Caller) access.PendingRoleChange {
		return roleChange(t, s.Do(by.Token, http.MethodDelete, userstest.OrganizationPath(organization, "/settings/require_second_person"), nil), http.StatusAccepted)
	}
	if asked := end(s.admin); asked.AloneFrom != nil {
		t.Error("an admin can end the rule alone")
	}
	rejected := end(s.owner)
	s.decide(s.officer, rejected.ID, "reject").Want(t, http.StatusOK)
	userstest.ExecSQL(t, s.Platform, `UPDATE role_changes SET alone_from = now() WHERE id = $1`, rejected.ID)
	s.decide(s.owner, rejected.ID, "approve").Want(t, http.StatusConflict)

	// The platform can suspend people whatever the organization's rules are.
	userstest.ExecSQL(t, s.Platform, `UPDATE users SET suspended_at = now() WHERE id = ANY ($1)`, []uuid.UUID{s.admin.UserID, s.other.UserID, s.officer.UserID})
	asked := end(s.owner)
	if asked.AloneFrom == nil || asked.AloneFrom.Sub(asked.RequestedAt) != 7*24*time.Hour || !asked.ExpiresAt.After(*asked.AloneFrom) {
		t.Fatalf("change %+v, want one that the owner can approve alone in a week", asked)
	}
	for _, told := range []platformtest.Caller{s.owner, ada} {
		if m := s.MailTo(told.Email); !strings.Contains(m.Subject, "is about to be turned off") {
			t.Errorf("mail %q, want it told that the rule is to end", m.Subject)
		}
	}
	s.decide(s.owner, asked.ID, "approve").Want(t, http.StatusForbidden) // not yet
	userstest.Assign(s.Platform, s.owner, ada, "admin").Want(t, http.StatusAccepted)

	userstest.ExecSQL(t, s.Platform, `UPDATE role_changes SET alone_from = now() - interval '1 second' WHERE id = $1`, asked.ID)
	s.decide(userstest.StaleSession(t, s.Platform, s.owner), asked.ID, "approve").Want(t, http.StatusUnauthorized)
	s.decide(s.owner, asked.ID, "approve").Want(t, http.StatusOK)
	userstest.Assign(s.Platform, s.owner, ada, "admin").Want(t, http.StatusOK)
	if m := s.MailTo(ada.Email); !strings.Contains(m.Subject, "was turned off") {
		t.Errorf("mail %q, want it told that the rule has ended", m.Subject)
	}
	if !userstest.QueryValue[bool](t, s.Platform, `SELECT (detail ->> 'alone')::boolean FROM audit_entries WHERE organization_id = $1 AND action = 'role_changes:approve' AND result = 'done'`, organization) {
		t.Error("the trail does not tell that it was ended alone")
	}
}

func TestNobodyElsesChangeIsApprovedAloneAndNoOtherKind(t *testing.T) {
	t.Parallel()
	s := separate(t)
	ada := s.LoginTo(s.owner.OrganizationID, "viewer")
	pending := roleChange(t, userstest.Assign(s.Platform, s.owner, ada, "admin"), http.StatusAccepted)
	s.decide(s.owner, pending.ID, "approve").Want(t, http.StatusForbidden)
	asked := roleChange(t, s.Do(s.owner.Token, http.MethodDelete, userstest.OrganizationPath(s.owner.OrganizationID, "/settings/require_second_person"), nil), http.StatusAccepted)
	userstest.ExecSQL(t, s.Platform, `UPDATE role_changes SET alone_from = now() WHERE id = $1`, asked.ID)
	userstest.ExecSQL(t, s.Platform, `UPDATE memberships SET role = 'owner' WHERE user_id = $1`, s.admin.UserID)
	userstest.ExecSQL(t, s.Platform, `UPDATE memberships SET role = 'admin' WHERE user_id = $1`, s.owner.UserID)
	s.decide(s.owner, asked.ID, "approve").Want(t, http.StatusForbidden) // no longer an owner
}
