package users_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"function/functions/users"
	serviceaccounts "function/functions/users/service-accounts"
	"function/shared/function"
	"function/shared/platformtest"
)

// A provisioning system may be a service account that may provision, and nothing else.
func TestProvisionedInvitationIsAsAnyOther(t *testing.T) {
	t.Parallel()
	p := provisionWith(t, func(*function.Config) {}, function.Service("users-service-accounts", serviceaccounts.New, serviceaccounts.Parts...))
	p.exec(`UPDATE organizations SET name = 'Win a prize at evil.example' WHERE id = $1`, p.admin.OrganizationID)
	p.exec(`INSERT INTO roles (organization_id, name, description, permissions) VALUES ($1, 'provisioner', '', '{provisioning:write}')`, p.admin.OrganizationID)
	of := in(p.admin.OrganizationID, "/service-accounts")
	account := platformtest.Decode[serviceaccounts.Account](t, p.Do(p.admin.Token, http.MethodPost, of, `{"name": "idp"}`).Want(t, http.StatusCreated)).ID
	p.exec(`INSERT INTO role_grants (id, organization_id, role, service_account_id, granted_by) VALUES ($1, $2, 'provisioner', $3, $4)`, uuid.New(), p.admin.OrganizationID, account, p.admin.UserID)
	key := platformtest.Decode[users.ShownKey](t, p.Do(p.admin.Token, http.MethodPost, of+"/"+account.String()+"/keys", `{"name": "idp", "scopes": ["provisioning:write"]}`).Want(t, http.StatusCreated))
	idp := p.as(platformtest.Caller{Caller: p.admin.Caller, Token: key.Key})

	invited := p.Login("owner")
	id := idp.create(invited.Email)
	m := p.MailTo(invited.Email)
	if strings.Contains(m.Text, "evil.example") || !strings.Contains(m.Text, "https://platform.example/invitations/accept#token=") {
		t.Errorf("the mail repeats what somebody has typed, or does not lead to the page:\n%s", m.Text)
	}
	accept(p.Platform, invited, p.Token(m)).Want(t, http.StatusOK)
	if got := p.call(http.StatusOK, http.MethodGet, "/Users/"+id, nil); got["active"] != true {
		t.Errorf("%v", got)
	}

	// What the provisioning system may do no more, its invitations allow no more.
	late := p.Login("owner")
	idp.create(late.Email)
	p.exec(`DELETE FROM role_grants WHERE service_account_id = $1`, account)
	accept(p.Platform, late, p.Token(p.MailTo(late.Email))).Want(t, http.StatusConflict)
}

func TestNobodyIsProvisionedWithoutMail(t *testing.T) {
	t.Parallel()
	p := provisionWith(t, func(c *function.Config) { c.SMTPURL = "" })
	for _, email := range []string{"new@example.com", p.Login("owner").Email, p.LoginTo(p.admin.OrganizationID, "member").Email} {
		p.Do(p.admin.Token, http.MethodPost, "/scim/v2/Users", user(email)).Want(t, http.StatusServiceUnavailable)
	}
	if n := p.count(`SELECT (SELECT count(*) FROM provisioned_people) + (SELECT count(*) FROM invitations) + (SELECT count(*) FROM mails)`); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}
