package userstest

import (
	"net/http"
	"testing"

	"function/functions/users/internal/membership"
	"function/shared/platformtest"
)

func Invite(t *testing.T, p *platformtest.Platform, by platformtest.Caller, email, role string) (membership.Invitation, string) {
	t.Helper()
	body := map[string]string{"email": email, "role": role}
	i := platformtest.Decode[membership.Invitation](t, p.Do(by.Token, http.MethodPost, OrganizationPath(by.OrganizationID, "/invitations"), body).Want(t, http.StatusCreated))
	return i, p.Token(p.MailTo(email))
}

func Accept(p *platformtest.Platform, c platformtest.Caller, token string) platformtest.Answer {
	return p.Do(c.Token, http.MethodPost, "/v1/organizations/invitations/accept", map[string]string{"token": token})
}
