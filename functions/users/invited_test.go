package users_test

import (
	"fmt"
	"net/http"
	"testing"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"

	"github.com/google/uuid"

	acceptinvitation "function/functions/users/accept-invitation"
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
	return platformtest.NewWith(t, func(c *function.Config) { c.RegistrationConfirmation = confirmation }, append(more, mailedFlows...)...)
}

func byInvitation(token string) string { return `, "invitation": "` + token + `"` }

func TestRegistrationByInvitationIsAMembershipAtOnce(t *testing.T) {
	t.Parallel()
	for _, confirmation := range []bool{false, true} {
		t.Run(fmt.Sprintf("confirmation %t", confirmation), func(t *testing.T) {
			t.Parallel()
			p := mountInvited(t, confirmation)
			owner := p.Login("owner")
			_, token := invite(t, p, owner, "new@example.com", "analyst")

			account := platformtest.Decode[person.Account](t, post(t, p, "", registerPath, personBody("New@Example.com", byInvitation(token)), http.StatusCreated))

			equal(t, "organization", owner.OrganizationID, account.OrganizationID)
			equal(t, "address", "new@example.com", account.Email)
			equal(t, "members", 1, count(t, p, `SELECT count(*) FROM memberships WHERE user_id = $1 AND organization_id = $2 AND role = 'analyst' AND status = 'active'`, account.ID, owner.OrganizationID))
			equal(t, "verified addresses", 1, count(t, p, `SELECT count(*) FROM users WHERE id = $1 AND email_verified_at IS NOT NULL`, account.ID))
			equal(t, "organizations", 1, count(t, p, `SELECT count(*) FROM organizations`))
			equal(t, "mails", 1, len(p.Mail(1))) // the invitation: nothing is to be confirmed
			logIn(p, "new@example.com", "correct horse").Want(t, http.StatusOK)
			event := platformtest.Published[events.UserRegistered](p, 1)[0].Data
			equal(t, "registered", []any{account.ID, owner.OrganizationID, "analyst"}, []any{event.UserID, event.OrganizationID, event.Role})
			equal(t, "approved", account.ID, platformtest.Published[events.MembershipApproved](p, 1)[0].Data.UserID)
			equal(t, "audit", []string{"invitations:accept done", "users:register done"}, append(audited(t, p, "invitations:accept"), audited(t, p, "users:register")...))
			equal(t, "counted", 1, count(t, p, `SELECT sum(value)::int FROM metric_counters WHERE name = 'user_registrations_total'`))
			post(t, p, "", registerPath, personBody("new@example.com", byInvitation(token)), http.StatusUnprocessableEntity)
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
				_, token := invite(t, p, owner, email, "member")
				return token
			}
			expired, revoked, deleted := token("expired@example.com"), token("revoked@example.com"), token("other@example.com")
			exec(t, p, `UPDATE invitations SET expires_at = now() WHERE token_hash = $1`, store.TokenHash(expired))
			exec(t, p, `UPDATE invitations SET ended_at = now(), end_reason = 'revoked' WHERE token_hash = $1`, store.TokenHash(revoked))
			accounts := count(t, p, `SELECT count(*) FROM users`)
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
				got := detail(t, post(t, p, "", registerPath, personBody(test[0], byInvitation(test[1])), http.StatusUnprocessableEntity))
				if want == "" {
					want = got
				}
				equal(t, name, want, got)
			}
			// Not even the password is looked at before the token.
			weak := `{"email": "` + taken + `", "password": "password1", "first_name": "A", "last_name": "B"` + byInvitation(store.NewToken()) + `}`
			equal(t, "weak password", want, detail(t, post(t, p, "", registerPath, weak, http.StatusUnprocessableEntity)))
			exec(t, p, `UPDATE organizations SET deleted_at = now() WHERE id = $1`, owner.OrganizationID)
			equal(t, "organization that is being deleted", want, detail(t, post(t, p, "", registerPath, personBody("other@example.com", byInvitation(deleted)), http.StatusUnprocessableEntity)))

			for _, bad := range []string{byInvitation(""), byInvitation(deleted) + `, "organization_id": "` + uuid.NewString() + `"`, `, "invitation": 7`} {
				post(t, p, "", registerPath, personBody("other@example.com", bad), http.StatusUnprocessableEntity)
			}
			equal(t, "accounts", accounts, count(t, p, `SELECT count(*) FROM users`))
			equal(t, "registrations", 0, count(t, p, `SELECT count(*) FROM registrations`))
		})
	}
}

func TestRegistrationByInvitationOfAnAccountLeavesTheTokenGood(t *testing.T) {
	t.Parallel()
	p := mountInvited(t, true)
	owner, ada := p.Login("owner"), p.Login("owner")
	_, token := invite(t, p, owner, ada.Email, "viewer")
	post(t, p, "", registerPath, personBody(ada.Email, byInvitation(token)), http.StatusConflict)
	equal(t, "members", 1, count(t, p, `SELECT count(*) FROM memberships WHERE organization_id = $1`, owner.OrganizationID))
	accept(p, ada, token).Want(t, http.StatusOK)

	// A weak password, by what the organization demands, leaves it good, too.
	_, token = invite(t, p, owner, "new@example.com", "viewer")
	exec(t, p, `UPDATE organizations SET settings = '{"password_min_length": 20}' WHERE id = $1`, owner.OrganizationID)
	post(t, p, "", registerPath, personBody("new@example.com", byInvitation(token)), http.StatusUnprocessableEntity)
	exec(t, p, `UPDATE organizations SET settings = '{}' WHERE id = $1`, owner.OrganizationID)
	exec(t, p, `UPDATE memberships SET role = 'owner' WHERE user_id = $1`, ada.UserID)
	exec(t, p, `UPDATE memberships SET role = 'viewer' WHERE user_id = $1`, owner.UserID)
	post(t, p, "", registerPath, personBody("new@example.com", byInvitation(token)), http.StatusConflict) // who invited may do so no more
	equal(t, "accounts", 0, count(t, p, `SELECT count(*) FROM users WHERE password_hash IS NOT NULL`))
}

func TestRegistrationsByOneInvitationAtOnceOpenOneAccount(t *testing.T) {
	t.Parallel()
	p := mountInvited(t, true)
	owner := p.Login("owner")
	_, token := invite(t, p, owner, "new@example.com", "member")
	statuses := atOnce(4, func(int) platformtest.Answer {
		return p.Do("", http.MethodPost, registerPath, personBody("new@example.com", byInvitation(token)))
	})
	equal(t, "opened", 1, statuses[http.StatusCreated])
	equal(t, "refused", 3, statuses[http.StatusConflict]+statuses[http.StatusUnprocessableEntity])
	equal(t, "members", 2, count(t, p, `SELECT count(*) FROM memberships WHERE organization_id = $1`, owner.OrganizationID))
}

// The Kelvin sign's lower case is k: an address that looks up Mike's and is another. The
// token proves Mike's, so that is the account's.
func TestRegistrationByInvitationOpensTheInvitedAddress(t *testing.T) {
	t.Parallel()
	p := mountInvited(t, true)
	_, token := invite(t, p, p.Login("owner"), "mike@example.com", "member")
	account := platformtest.Decode[person.Account](t, post(t, p, "", registerPath, personBody("mi\u212ae@example.com", byInvitation(token)), http.StatusCreated))
	equal(t, "address", "mike@example.com", account.Email)
}
