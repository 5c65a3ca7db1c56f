package membership_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"

	acceptinvitation "function/functions/users/accept-invitation"
	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/functions/users/internal/userstest"
	"function/functions/users/invitations"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
)

func mountInvited(t *testing.T, confirmation bool) *platformtest.Platform {
	t.Helper()
	more := []function.Declaration{
		invitations.Service,
		acceptinvitation.Service,
	}
	return platformtest.NewWith(t, func(c *function.Config) { c.RegistrationConfirmation = confirmation }, append(more, userstest.MailedFlows...)...)
}

func byInvitation(token string) string { return `, "invitation": "` + token + `"` }

func TestRegistrationByInvitationIsAMembershipAtOnce(t *testing.T) {
	t.Parallel()
	for _, confirmation := range []bool{false, true} {
		t.Run(fmt.Sprintf("confirmation %t", confirmation), func(t *testing.T) {
			t.Parallel()
			p := mountInvited(t, confirmation)
			owner := p.Login("owner")
			_, token := userstest.Invite(t, p, owner, "new@example.com", "analyst")

			account := platformtest.Decode[person.Account](t, userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("New@Example.com", byInvitation(token)), http.StatusCreated))

			userstest.Equal(t, "organization", owner.OrganizationID, account.OrganizationID)
			userstest.Equal(t, "address", "new@example.com", account.Email)
			userstest.Equal(t, "members", 1, userstest.Count(t, p, `SELECT count(*) FROM memberships WHERE user_id = $1 AND organization_id = $2 AND role = 'analyst' AND status = 'active'`, account.ID, owner.OrganizationID))
			userstest.Equal(t, "verified addresses", 1, userstest.Count(t, p, `SELECT count(*) FROM users WHERE id = $1 AND email_verified_at IS NOT NULL`, account.ID))
			userstest.Equal(t, "organizations", 1, userstest.Count(t, p, `SELECT count(*) FROM organizations`))
			userstest.Equal(t, "mails", 1, len(p.Mail(1))) // only the invitation, since nothing must be confirmed
			userstest.LogIn(p, "new@example.com", "correct horse").Want(t, http.StatusOK)
			event := platformtest.Published[events.UserRegistered](p, 1)[0].Data
			userstest.Equal(t, "registered", []any{account.ID, owner.OrganizationID, "analyst"}, []any{event.UserID, event.OrganizationID, event.Role})
			userstest.Equal(t, "approved", account.ID, platformtest.Published[events.MembershipApproved](p, 1)[0].Data.UserID)
			userstest.Equal(t, "audit", []string{"invitations:accept done", "users:register done"}, append(userstest.Audited(t, p, "invitations:accept"), userstest.Audited(t, p, "users:register")...))
			userstest.Equal(t, "counted", 1, userstest.Count(t, p, `SELECT sum(value)::int FROM metric_counters WHERE name = 'user_registrations_total'`))
			userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("new@example.com", byInvitation(token)), http.StatusUnprocessableEntity)
		})
	}
}

func TestRegistrationByAWrongInvitationTellsNothing(t *testing.T) {
	t.Parallel()
	for _, confirmation := range []bool{false, true} {
		t.Run(fmt.Sprintf("confirmation %t", confirmation), func(t *testing.T) {
			t.Parallel()
			p := mountInvited(t, confirmation)
			owner := p.Login("owner")
			taken := p.Login("owner").Email
			token := func(email string) string {
				_, token := userstest.Invite(t, p, owner, email, "member")
				return token
			}
			expired, revoked, deleted := token("expired@example.com"), token("revoked@example.com"), token("other@example.com")
			userstest.Exec(t, p, `UPDATE invitations SET expires_at = now() WHERE token_hash = $1`, store.TokenHash(expired))
			userstest.Exec(t, p, `UPDATE invitations SET ended_at = now(), end_reason = 'revoked' WHERE token_hash = $1`, store.TokenHash(revoked))
			accounts := userstest.Count(t, p, `SELECT count(*) FROM users`)
			want := ""
			for name, test := range map[string][2]string{
				"never given out":                {"new@example.com", store.NewToken()},
				"never given out, taken address": {taken, store.NewToken()},
				"another address's":              {"new@example.com", deleted},
				"another's, taken address":       {taken, deleted},
				"expired":                        {"expired@example.com", expired},
				"revoked":                        {"revoked@example.com", revoked},
				"NUL":                            {taken, `\u0000`},
			} {
				got := userstest.Detail(t, userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody(test[0], byInvitation(test[1])), http.StatusUnprocessableEntity))
				if want == "" {
					want = got
				}
				userstest.Equal(t, name, want, got)
			}
			// The token is checked even before the password.
			weak := `{"email": "` + taken + `", "password": "password1", "first_name": "A", "last_name": "B"` + byInvitation(store.NewToken()) + `}`
			userstest.Equal(t, "weak password", want, userstest.Detail(t, userstest.Post(t, p, "", userstest.RegisterPath, weak, http.StatusUnprocessableEntity)))
			userstest.Exec(t, p, `UPDATE organizations SET deleted_at = now() WHERE id = $1`, owner.OrganizationID)
			userstest.Equal(t, "organization that is being deleted", want, userstest.Detail(t, userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("other@example.com", byInvitation(deleted)), http.StatusUnprocessableEntity)))

			for _, bad := range []string{byInvitation(""), byInvitation(deleted) + `, "organization_id": "` + uuid.NewString() + `"`, `, "invitation": 7`} {
				userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("other@example.com", bad), http.StatusUnprocessableEntity)
			}
			userstest.Equal(t, "accounts", accounts, userstest.Count(t, p, `SELECT count(*) FROM users`))
			userstest.Equal(t, "registrations", 0, userstest.Count(t, p, `SELECT count(*) FROM registrations`))
		})
	}
}

func TestRegistrationByInvitationOfAnAccountLeavesTheTokenGood(t *testing.T) {
	t.Parallel()
	p := mountInvited(t, true)
	owner, ada := p.Login("owner"), p.Login("owner")
	_, token := userstest.Invite(t, p, owner, ada.Email, "viewer")
	userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody(ada.Email, byInvitation(token)), http.StatusConflict)
	userstest.Equal(t, "members", 1, userstest.Count(t, p, `SELECT count(*) FROM memberships WHERE organization_id = $1`, owner.OrganizationID))
	userstest.Accept(p, ada, token).Want(t, http.StatusOK)

	// A password that the organization's rules refuse leaves the token valid, too.
	_, token = userstest.Invite(t, p, owner, "new@example.com", "viewer")
	userstest.Exec(t, p, `UPDATE organizations SET settings = '{"password_min_length": 20}' WHERE id = $1`, owner.OrganizationID)
	userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("new@example.com", byInvitation(token)), http.StatusUnprocessableEntity)
	userstest.Exec(t, p, `UPDATE organizations SET settings = '{}' WHERE id = $1`, owner.OrganizationID)
	userstest.Exec(t, p, `UPDATE memberships SET role = 'owner' WHERE user_id = $1`, ada.UserID)
	userstest.Exec(t, p, `UPDATE memberships SET role = 'viewer' WHERE user_id = $1`, owner.UserID)
	userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("new@example.com", byInvitation(token)), http.StatusConflict) // who invited may do so no more
	userstest.Equal(t, "accounts", 0, userstest.Count(t, p, `SELECT count(*) FROM users WHERE password_hash IS NOT NULL`))
}

func TestRegistrationsByOneInvitationAtOnceOpenOneAccount(t *testing.T) {
	t.Parallel()
	p := mountInvited(t, true)
	owner := p.Login("owner")
	_, token := userstest.Invite(t, p, owner, "new@example.com", "member")
	statuses := userstest.Concurrently(4, func(int) platformtest.Answer {
		return p.Do("", http.MethodPost, userstest.RegisterPath, userstest.PersonBody("new@example.com", byInvitation(token)))
	})
	userstest.Equal(t, "opened", 1, statuses[http.StatusCreated])
	userstest.Equal(t, "refused", 3, statuses[http.StatusConflict]+statuses[http.StatusUnprocessableEntity])
	userstest.Equal(t, "members", 2, userstest.Count(t, p, `SELECT count(*) FROM memberships WHERE organization_id = $1`, owner.OrganizationID))
}

// The lower case of the Kelvin sign is k, so this other address has the index of Mike's. The
// token proves Mike's address, which the account gets.
func TestRegistrationByInvitationOpensTheInvitedAddress(t *testing.T) {
	t.Parallel()
	p := mountInvited(t, true)
	_, token := userstest.Invite(t, p, p.Login("owner"), "mike@example.com", "member")
	account := platformtest.Decode[person.Account](t, userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("mi\u212ae@example.com", byInvitation(token)), http.StatusCreated))
	userstest.Equal(t, "address", "mike@example.com", account.Email)
}
