package membership_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	acceptinvitation "function/functions/users/accept-invitation"
	"function/functions/users/internal/membership"
	"function/functions/users/internal/userstest"
	"function/shared/events"
	"function/shared/page"
	"function/shared/platformtest"
)

func TestInvitation_InvitedAddress_AcceptsOnce(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner, ada, eve := p.Login("owner"), p.Login("owner"), p.Login("owner")
	i, token := userstest.Invite(t, p, owner, strings.ToUpper(ada.Email), "analyst")
	if i.Role != "analyst" || i.ExpiresAt.Sub(i.CreatedAt) != membership.InvitationLife {
		t.Errorf("invitation %+v, want one to be an analyst, for seven days", i)
	}
	open := platformtest.Decode[page.Page[membership.Invitation]](t, p.Do(owner.Token, http.MethodGet, userstest.OrganizationPath(owner.OrganizationID, "/invitations"), nil).Want(t, http.StatusOK))
	if len(open.Items) != 1 || open.Items[0].Email != i.Email || open.Items[0].ID != i.ID {
		t.Errorf("open invitations %+v, want %+v", open.Items, i)
	}

	userstest.Accept(p, eve, token).Want(t, http.StatusNotFound) // a mail that was passed on
	for _, wrong := range []string{"x", token + "A", token[1:], strings.ToLower(token)} {
		userstest.Accept(p, ada, wrong).Want(t, http.StatusNotFound)
	}
	userstest.Accept(p, ada, "").Want(t, http.StatusUnprocessableEntity)

	statuses := make([]int, 4)
	var wg sync.WaitGroup
	for n := range statuses {
		wg.Go(func() { statuses[n] = userstest.Accept(p, ada, token).Status })
	}
	wg.Wait()
	slices.Sort(statuses)
	if !slices.Equal(statuses, []int{200, 404, 404, 404}) {
		t.Errorf("acceptances at once were answered %v, want one 200", statuses)
	}
	if got := userstest.QueryValue[string](t, p, userstest.RoleOf+` AND status = 'active'`, ada.UserID, owner.OrganizationID); got != "analyst" {
		t.Errorf("role %s, want analyst", got)
	}
	if told := platformtest.Published[events.MembershipApproved](p, 1); len(told) != 1 || told[0].Data.UserID != ada.UserID || told[0].Data.Role != "analyst" {
		t.Errorf("events %+v, want one about %s", told, ada.UserID)
	}
	if userstest.CountAudit(t, p, owner.OrganizationID, "invitations:accept", "done") != 1 || userstest.CountAudit(t, p, eve.OrganizationID, "invitations:accept", "refused") != 1 {
		t.Error("acceptance and refusal are not in the audit trail")
	}
	_, token = userstest.Invite(t, p, owner, ada.Email, "viewer") // the response does not reveal that she is a member
	userstest.Accept(p, ada, token).Want(t, http.StatusConflict)
}

func TestAnInvitationFindsAnAccountThatHasAFormerIndex(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner, ada := p.Login("owner"), p.Login("owner")
	userstest.ExecSQL(t, p, `UPDATE users SET email_index = 'former' WHERE id = $1`, ada.UserID)
	_, token := userstest.Invite(t, p, owner, ada.Email, "viewer")
	userstest.Accept(p, ada, token).Want(t, http.StatusOK)
}

func TestInvitationIsReplacedRevokedAndExpires(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner, ada, stranger := p.Login("owner"), p.Login("owner"), p.Login("owner")
	viewer := p.LoginTo(owner.OrganizationID, "viewer")
	_, first := userstest.Invite(t, p, owner, ada.Email, "viewer")
	second, token := userstest.Invite(t, p, owner, ada.Email, "member")
	userstest.Accept(p, ada, first).Want(t, http.StatusNotFound)

	one := "/invitations/" + second.ID.String()
	p.Do(viewer.Token, http.MethodDelete, userstest.OrganizationPath(owner.OrganizationID, one), nil).Want(t, http.StatusForbidden)
	p.Do(stranger.Token, http.MethodDelete, userstest.OrganizationPath(owner.OrganizationID, one), nil).Want(t, http.StatusNotFound)
	p.Do(stranger.Token, http.MethodDelete, userstest.OrganizationPath(stranger.OrganizationID, one), nil).Want(t, http.StatusNotFound)
	p.Do(owner.Token, http.MethodDelete, userstest.OrganizationPath(owner.OrganizationID, one), nil).Want(t, http.StatusNoContent)
	p.Do(owner.Token, http.MethodDelete, userstest.OrganizationPath(owner.OrganizationID, one), nil).Want(t, http.StatusNotFound)
	userstest.Accept(p, ada, token).Want(t, http.StatusNotFound)

	_, token = userstest.Invite(t, p, owner, ada.Email, "viewer")
	userstest.ExecSQL(t, p, `UPDATE invitations SET expires_at = now() WHERE ended_at IS NULL`)
	userstest.Accept(p, ada, token).Want(t, http.StatusNotFound)

	userstest.ExecSQL(t, p, `DELETE FROM rate_limits`) // an hour later
	admin := p.LoginTo(owner.OrganizationID, "admin")
	_, token = userstest.Invite(t, p, admin, ada.Email, "member")
	userstest.ExecSQL(t, p, `UPDATE memberships SET role = 'viewer' WHERE user_id = $1`, admin.UserID) // who invited may do so no more
	userstest.Accept(p, ada, token).Want(t, http.StatusConflict)
	userstest.ExecSQL(t, p, `UPDATE organizations SET deleted_at = now() WHERE id = $1`, owner.OrganizationID)
	userstest.Accept(p, ada, token).Want(t, http.StatusNotFound)

	for _, body := range []string{`{"email": "x", "role": "viewer"}`, `{"email": "a@example.com, b@example.com", "role": "viewer"}`, `{"email": "a@example.com", "role": "nothing"}`, `{"email": "a@example.com"}`, `{"email": "a@example.com", "role": "platform_admin"}`} {
		p.Do(stranger.Token, http.MethodPost, userstest.OrganizationPath(stranger.OrganizationID, "/invitations"), body).Want(t, http.StatusUnprocessableEntity)
	}
}

func TestInvite_ConcurrentForOneAddress_LeavesOneOpen(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			p.Do(owner.Token, http.MethodPost, userstest.OrganizationPath(owner.OrganizationID, "/invitations"), `{"email": "ada@example.com", "role": "viewer"}`)
		})
	}
	wg.Wait()
	if n := userstest.QueryValue[int](t, p, `SELECT count(*) FROM invitations WHERE ended_at IS NULL`); n != 1 {
		t.Errorf("%d open invitations of one address, want 1", n)
	}
	for _, table := range []string{"invitations", "mails", "outbox", "audit_entries"} {
		if dump := userstest.QueryValue[string](t, p, `SELECT coalesce(string_agg(r::text, ' '), '') FROM `+table+` r`); strings.Contains(dump, "ada@") {
			t.Errorf("table %s holds the address in the clear", table)
		}
	}
}

func TestJoinRequestIsApprovedWithARoleOrRejected(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner, stranger := p.Login("owner"), p.Login("owner")
	organization := owner.OrganizationID
	requested := func() platformtest.Caller {
		c := p.LoginTo(organization, "member")
		userstest.ExecSQL(t, p, `UPDATE memberships SET status = 'requested' WHERE user_id = $1`, c.UserID)
		return c
	}
	ada, eve := requested(), requested()
	p.Do(owner.Token, http.MethodDelete, userstest.MemberPath(organization, ada, ""), nil).Want(t, http.StatusNotFound) // not a member yet
	p.Do(owner.Token, http.MethodPost, userstest.MemberPath(organization, ada, "/approve"), `{"role": "nothing"}`).Want(t, http.StatusUnprocessableEntity)
	p.Do(owner.Token, http.MethodPost, userstest.MemberPath(organization, ada, "/approve"), `{"role": "viewer"}`).Want(t, http.StatusOK)
	if got := userstest.QueryValue[string](t, p, userstest.RoleOf+` AND status = 'active'`, ada.UserID, organization); got != "viewer" {
		t.Errorf("role %s, want viewer", got)
	}
	p.Do(stranger.Token, http.MethodPost, userstest.MemberPath(organization, eve, "/reject"), nil).Want(t, http.StatusNotFound)
	p.Do(owner.Token, http.MethodPost, userstest.MemberPath(organization, ada, "/reject"), nil).Want(t, http.StatusNotFound)
	p.Do(owner.Token, http.MethodPost, userstest.MemberPath(organization, eve, "/reject"), nil).Want(t, http.StatusNoContent)
	if n := userstest.QueryValue[int](t, p, `SELECT count(*) FROM memberships WHERE user_id = $1 AND organization_id = $2`, eve.UserID, organization); n != 0 {
		t.Error("a rejected request is still there")
	}
	if userstest.CountAudit(t, p, organization, "members:approve", "done") != 1 || userstest.CountAudit(t, p, organization, "members:reject", "done") != 1 {
		t.Error("approval and rejection are not in the audit trail")
	}

	both := requested()
	statuses := make([]int, 2)
	var wg sync.WaitGroup
	for i, verb := range []string{"/approve", "/reject"} {
		wg.Go(func() {
			statuses[i] = p.Do(owner.Token, http.MethodPost, userstest.MemberPath(organization, both, verb), nil).Status
		})
	}
	wg.Wait()
	if !slices.Equal(statuses, []int{200, 404}) && !slices.Equal(statuses, []int{404, 204}) {
		t.Errorf("approval and rejection at once were answered %v, want one winner", statuses)
	}
}

func TestInvite_ManyForOneAddress_IsLimited(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner, other, ada := p.Login("owner"), p.Login("owner"), p.Login("owner")
	userstest.Invite(t, p, owner, ada.Email, "viewer")
	_, theirs := userstest.Invite(t, p, other, ada.Email, "member")
	_, token := userstest.Invite(t, p, owner, ada.Email, "viewer")
	for _, by := range []platformtest.Caller{owner, other} {
		body := map[string]string{"email": strings.ToUpper(ada.Email), "role": "analyst"}
		refused := p.Do(by.Token, http.MethodPost, userstest.OrganizationPath(by.OrganizationID, "/invitations"), body).Want(t, http.StatusTooManyRequests)
		if refused.Header.Get("Retry-After") == "" {
			t.Error("the refusal does not say when to come again")
		}
	}
	if n := len(p.Mail(3)); n != 3 {
		t.Errorf("%d mails, want 3", n)
	}
	userstest.Accept(p, ada, token).Want(t, http.StatusOK) // what was refused has replaced nothing
	userstest.Accept(p, ada, theirs).Want(t, http.StatusOK)
	if n := userstest.CountAudit(t, p, owner.OrganizationID, "invitations:create", "refused"); n != 1 {
		t.Errorf("%d refusals in the trail, want 1", n)
	}
}

func TestInvite_AtTheLimitOfOpenInvitations_IsRefused(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner := p.Login("owner")
	userstest.Invite(t, p, owner, "first@example.com", "viewer")
	userstest.ExecSQL(t, p, `
INSERT INTO invitations (id, organization_id, token_hash, email_index, wrapped_key, email, role, invited_by, expires_at)
SELECT gen_random_uuid(), $1, decode(lpad(to_hex(n), 8, '0'), 'hex'), decode(lpad(to_hex(n), 8, '0'), 'hex'), '', '', 'viewer', $1, now() + interval '1 day'
FROM generate_series(1, 999) n`, owner.OrganizationID)
	p.Do(owner.Token, http.MethodPost, userstest.OrganizationPath(owner.OrganizationID, "/invitations"), `{"email": "ada@example.com", "role": "viewer"}`).Want(t, http.StatusConflict)
	userstest.Invite(t, p, owner, "first@example.com", "analyst") // in place of its own
	userstest.ExecSQL(t, p, `UPDATE invitations SET expires_at = now() WHERE email = ''`)
	userstest.Invite(t, p, owner, "ada@example.com", "viewer")
}

func TestInvitationIsLookedUpBeforeItIsAccepted(t *testing.T) {
	t.Parallel()
	p := userstest.MountOrganizations(t)
	owner, ada := p.Login("owner"), p.Login("owner")
	const name = "You won! Call 555"
	userstest.ExecSQL(t, p, `UPDATE organizations SET name = $2 WHERE id = $1`, owner.OrganizationID, name)
	i, token := userstest.Invite(t, p, owner, ada.Email, "analyst")
	if strings.Contains(p.MailTo(ada.Email).Text, name) {
		t.Error("the mail says what a stranger has typed")
	}
	lookUp := func(token string) platformtest.Answer {
		return p.Do("", http.MethodPost, "/v1/organizations/invitations/look-up", map[string]string{"token": token})
	}
	got := platformtest.Decode[membership.Offer](t, lookUp(token).Want(t, http.StatusOK))
	if diff := cmp.Diff(membership.Offer{OrganizationName: name, Role: "analyst", ExpiresAt: i.ExpiresAt}, got); diff != "" {
		t.Error(diff)
	}
	lookUp(token[1:]).Want(t, http.StatusNotFound)
	lookUp("").Want(t, http.StatusUnprocessableEntity)
	userstest.ExecSQL(t, p, `UPDATE organizations SET deleted_at = now() WHERE id = $1`, owner.OrganizationID)
	lookUp(token).Want(t, http.StatusNotFound)
	userstest.ExecSQL(t, p, `UPDATE organizations SET deleted_at = NULL WHERE id = $1`, owner.OrganizationID)
	joined := platformtest.Decode[acceptinvitation.Accepted](t, userstest.Accept(p, ada, token).Want(t, http.StatusOK))
	if joined.OrganizationName != name || joined.Role != "analyst" || joined.UserID != ada.UserID {
		t.Errorf("answer %+v, want the membership and the organization's name", joined)
	}
	lookUp(token).Want(t, http.StatusNotFound)
	_, token = userstest.Invite(t, p, owner, "grace@example.com", "viewer")
	userstest.ExecSQL(t, p, `UPDATE invitations SET expires_at = now() WHERE ended_at IS NULL`)
	lookUp(token).Want(t, http.StatusNotFound)
}
