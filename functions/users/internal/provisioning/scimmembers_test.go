package provisioning_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/userstest"
	serviceaccounts "function/functions/users/service-accounts"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

// The provisioning system's service account needs no other right than to provision.
func TestProvisionedInvitationIsAsAnyOther(t *testing.T) {
	t.Parallel()
	p := provisionWith(t, func(*function.Config) {}, serviceaccounts.Service)
	p.exec(`UPDATE organizations SET name = 'Win a prize at evil.example' WHERE id = $1`, p.admin.OrganizationID)
	p.exec(`INSERT INTO roles (organization_id, name, description, permissions) VALUES ($1, 'provisioner', '', '{provisioning:write}')`, p.admin.OrganizationID)
	of := userstest.OrganizationPath(p.admin.OrganizationID, "/service-accounts")
	account := platformtest.Decode[serviceaccounts.Account](t, p.Do(p.admin.Token, http.MethodPost, of, `{"name": "idp"}`).Want(t, http.StatusCreated)).ID
	p.exec(`INSERT INTO role_grants (id, organization_id, role, service_account_id, granted_by) VALUES ($1, $2, 'provisioner', $3, $4)`, uuid.New(), p.admin.OrganizationID, account, p.admin.UserID)
	key := platformtest.Decode[credential.ShownKey](t, p.Do(p.admin.Token, http.MethodPost, of+"/"+account.String()+"/keys", `{"name": "idp", "scopes": ["provisioning:write"]}`).Want(t, http.StatusCreated))
	idp := p
	idp.idp.Token = key.Key

	invited := p.Login("owner")
	id := idp.create(invited.Email)
	m := p.MailTo(invited.Email)
	if strings.Contains(m.Text, "evil.example") || !strings.Contains(m.Text, "https://platform.example/invitations/accept#token=") {
		t.Errorf("the mail repeats what somebody has typed, or does not lead to the page:\n%s", m.Text)
	}
	userstest.Accept(p.Platform, invited, p.Token(m)).Want(t, http.StatusOK)
	if got := p.call(http.StatusOK, http.MethodGet, "/Users/"+id, nil); got["active"] != true {
		t.Errorf("%v", got)
	}

	// Once the provisioning system loses a right, its open invitations lose it, too.
	late := p.Login("owner")
	idp.create(late.Email)
	p.exec(`DELETE FROM role_grants WHERE service_account_id = $1`, account)
	userstest.Accept(p.Platform, late, p.Token(p.MailTo(late.Email))).Want(t, http.StatusConflict)
}

func TestNobodyIsProvisionedWithoutMail(t *testing.T) {
	t.Parallel()
	p := provisionWith(t, func(c *function.Config) { c.SMTPURL = "" })
	for _, email := range []string{"new@example.com", p.Login("owner").Email, p.LoginTo(p.admin.OrganizationID, "member").Email} {
		p.Do(p.idp.Token, http.MethodPost, "/scim/v2/Users", user(email)).Want(t, http.StatusServiceUnavailable)
	}
	if n := p.count(`SELECT (SELECT count(*) FROM provisioned_people) + (SELECT count(*) FROM invitations) + (SELECT count(*) FROM mails)`); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}

// Other domains follow the events, which are the same for a provisioning system as for an admin.
func TestProvisioningTellsOfMembersAsAnAdminDoes(t *testing.T) {
	t.Parallel()
	p := provision(t)
	member := p.LoginTo(p.admin.OrganizationID, "analyst")
	id := p.create(member.Email)
	active := func(on bool) {
		p.call(http.StatusOK, http.MethodPatch, "/Users/"+id, patch(fmt.Sprintf(`{"op": "replace", "path": "active", "value": %t}`, on)))
	}
	active(false)
	active(false) // again: nothing changes
	if n := p.count(`SELECT count(*) FROM sessions WHERE user_id = $1 AND end_reason = 'suspended'`, member.UserID); n != 1 {
		t.Errorf("%d sessions ended by the suspension, want 1", n)
	}
	active(true)
	var told []string
	for _, e := range platformtest.Published[events.MembershipChanged](p.Platform, 2) {
		told = append(told, e.Data.Role+" "+e.Data.Status)
		userstest.Equal(t, "who", []uuid.UUID{member.UserID, p.admin.OrganizationID}, []uuid.UUID{e.Data.UserID, e.Data.OrganizationID})
	}
	slices.Sort(told)
	userstest.Equal(t, "events", []string{"analyst active", "analyst suspended"}, told)

	p.exec(`INSERT INTO api_keys (id, user_id, organization_id, name, scopes) VALUES ($1, $2, $3, 'key', '{}')`, uuid.New(), member.UserID, p.admin.OrganizationID)
	p.call(http.StatusNoContent, http.MethodDelete, "/Users/"+id, nil)
	ended := platformtest.Published[events.MembershipEnded](p.Platform, 1)
	userstest.Equal(t, "who", []uuid.UUID{member.UserID, p.admin.OrganizationID}, []uuid.UUID{ended[0].Data.UserID, ended[0].Data.OrganizationID})
	if n := p.count(`SELECT count(*) FROM api_keys WHERE user_id IS NOT NULL AND revoked_at IS NULL`); n != 0 {
		t.Error("the person's key is still good in the organization")
	}

	// An account that is opened suspended is told of as such, and one that is closed, too.
	// The third event is of the organization that the removed member was left with.
	body := strings.Replace(user("off@example.com"), `"active": true`, `"active": false`, 1)
	closed := p.call(http.StatusCreated, http.MethodPost, "/Users", body)["id"].(string)
	if last := platformtest.Published[events.MembershipChanged](p.Platform, 4); !slices.ContainsFunc(last, func(e events.Received[events.MembershipChanged]) bool {
		return e.Data.UserID != member.UserID && e.Data.Status == "suspended"
	}) {
		t.Errorf("events %+v, want one of an account that is suspended", last)
	}
	p.call(http.StatusNoContent, http.MethodDelete, "/Users/"+closed, nil)
	platformtest.Published[events.MembershipEnded](p.Platform, 2)
	if told := len(platformtest.Published[events.UserRegistered](p.Platform, 0)) + len(platformtest.Published[events.MembershipApproved](p.Platform, 0)); told != 0 {
		t.Errorf("%d events of people who were let in, want none", told)
	}
}

func TestAcceptanceLinksWhatWasProvisioned(t *testing.T) {
	t.Parallel()
	p := provision(t)
	invited := p.Login("owner")
	id := p.create(invited.Email)
	p.call(http.StatusCreated, http.MethodPost, "/Groups", `{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "Engineers", "members": [{"value": "`+id+`"}]}`)
	userstest.Accept(p.Platform, invited, p.Token(p.MailTo(invited.Email))).Want(t, http.StatusOK)
	if n := p.count(`SELECT count(*) FROM provisioned_people WHERE user_id = $1 AND wrapped_key IS NULL`, invited.UserID); n != 1 {
		t.Error("the new member is not linked")
	}
	if n := p.count(`SELECT count(*) FROM team_members WHERE user_id = $1 AND organization_id = $2`, invited.UserID, p.admin.OrganizationID); n != 1 {
		t.Error("the new member is not in the team that waited")
	}
	got := p.call(http.StatusOK, http.MethodGet, "/Users/"+id, nil)
	if got["active"] != true || got["name"].(object)["familyName"] != "Kowalska" || len(got["groups"].([]any)) != 1 {
		t.Errorf("%v", got)
	}
}

// Whichever comes first, there is no deadlock and no owner is suspended.
func TestProvisioningAndAcceptanceAtOnce(t *testing.T) {
	t.Parallel()
	p := provision(t)
	invited := p.Login("owner")
	id := p.create(invited.Email)
	token := p.Token(p.MailTo(invited.Email))
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { userstest.Accept(p.Platform, invited, token) })
		all.Go(func() {
			p.call(http.StatusOK, http.MethodPatch, "/Users/"+id, patch(fmt.Sprintf(`{"op": "replace", "path": "title", "value": "%d"}`, i)))
		})
	}
	all.Wait()
	if n := p.count(`SELECT count(*) FROM provisioned_people p JOIN memberships m ON m.user_id = p.user_id AND m.organization_id = p.organization_id WHERE p.id = $1 AND m.status = 'active'`, id); n != 1 {
		t.Errorf("%d linked members, want 1", n)
	}
}
