package lifecycle_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/functions/users/internal/userstest"
	"function/shared/events"
	"function/shared/platformtest"
)

const confirmPath = "/v1/users/email/confirm"

func tokenBody(token string) map[string]string { return map[string]string{"token": token} }

// confirmBody returns the body that confirms a registration of [userstest.PersonBody].
func confirmBody(token string) map[string]string {
	return map[string]string{"token": token, "password": "correct horse"}
}

func TestRegistrationOpensTheAccountOnceConfirmed(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, true)
	userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("Ada@example.com", ""), http.StatusAccepted)
	userstest.LogIn(p, "ada@example.com", "correct horse").Want(t, http.StatusUnauthorized)
	userstest.DeliverRequests[events.RegistrationRequested](t, p, 1)
	userstest.DeliverRequests[events.RegistrationRequested](t, p, 1)
	mails := p.Mail(1)
	userstest.Equal(t, "mails after a second delivery", 1, len(mails))
	userstest.Equal(t, "accounts before the confirmation", 0, userstest.Count(t, p, `SELECT count(*) FROM users`))

	account := platformtest.Decode[person.Account](t, userstest.Post(t, p, "", confirmPath, confirmBody(p.Token(mails[0])), http.StatusCreated))

	if account.Email != "ada@example.com" || account.FirstName != "Wilhelmina" || account.ID == uuid.Nil || account.OrganizationID == uuid.Nil {
		t.Errorf("account %+v is not the person who registered", account)
	}
	userstest.LogIn(p, "ada@example.com", "correct horse").Want(t, http.StatusOK)
	event := platformtest.Published[events.UserRegistered](p, 1)[0].Data
	if event.UserID != account.ID || event.OrganizationID != account.OrganizationID {
		t.Errorf("event %+v is not about %+v", event, account)
	}
	userstest.Equal(t, "verified addresses", 1, userstest.Count(t, p, `SELECT count(*) FROM users WHERE email_verified_at IS NOT NULL`))
	userstest.Equal(t, "registrations left", 0, userstest.Count(t, p, `SELECT count(*) FROM registrations`))
	userstest.Equal(t, "counted", 1, userstest.Count(t, p, `SELECT sum(value)::int FROM metric_counters WHERE name = 'user_registrations_total'`))
	userstest.Equal(t, "audit", []string{"registrations:begin done", "registrations:mail done"}, userstest.Audited(t, p, "registrations:"))
	userstest.Equal(t, "audit", []string{"users:register done"}, userstest.Audited(t, p, "users:register"))
}

func TestRegistrationTellsNobodyWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, true)
	p.Login("owner")
	taken := p.Login("owner").Email
	written := func() [4]int {
		return [4]int{
			userstest.Count(t, p, `SELECT count(*) FROM registrations`), userstest.Count(t, p, `SELECT count(*) FROM audit_entries`),
			userstest.Count(t, p, `SELECT count(*) FROM mails`), userstest.Count(t, p, `SELECT count(*) FROM mailed_tokens`),
		}
	}
	first := userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("new@example.com", ""), http.StatusAccepted)
	userstest.Equal(t, "rows for a new address", [4]int{1, 1, 0, 0}, written())
	second := userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody(taken, ""), http.StatusAccepted)
	userstest.Equal(t, "rows for a taken address", [4]int{2, 2, 0, 0}, written())
	userstest.Equal(t, "bodies", string(first.Body), string(second.Body))
	first.Header.Del("Date")
	second.Header.Del("Date")
	userstest.Equal(t, "headers", first.Header, second.Header)
	unknown := `, "organization_id": "` + uuid.NewString() + `"`
	userstest.Equal(t, "answers for an unknown organization",
		userstest.Detail(t, userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("new@example.com", unknown), http.StatusUnprocessableEntity)),
		userstest.Detail(t, userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody(taken, unknown), http.StatusUnprocessableEntity)))

	userstest.DeliverRequests[events.RegistrationRequested](t, p, 2)

	userstest.Equal(t, "mails", 2, len(p.Mail(2)))
	p.Token(p.MailTo("new@example.com"))
	if m := p.MailTo(taken); strings.Contains(m.Text, "token=") || !strings.Contains(m.Text, "/password/forgot") {
		t.Errorf("the owner of the address is mailed a token, or no way to a new password:\n%s", m.Text)
	}
	userstest.Equal(t, "registrations that can be confirmed", 1, userstest.Count(t, p, `SELECT count(*) FROM registrations`))
}

func TestRegistrationMailsGoToTheOwnersOwnAddress(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, true)
	userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("mike@example.com", ""), http.StatusAccepted)
	userstest.DeliverRequests[events.RegistrationRequested](t, p, 1)
	userstest.Post(t, p, "", confirmPath, confirmBody(p.Token(p.MailTo("mike@example.com"))), http.StatusCreated)

	// The Kelvin sign's lower case is k: an address that looks up Mike's and is another.
	userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("mi\u212ae@example.com", ""), http.StatusAccepted)
	userstest.Post(t, p, "", "/v1/users/password/forgot", map[string]string{"email": "mi\u212ae@example.com"}, http.StatusAccepted)
	userstest.DeliverRequests[events.RegistrationRequested](t, p, 2)
	userstest.DeliverRequests[events.PasswordResetRequested](t, p, 1)

	for _, m := range p.Mail(3) {
		userstest.Equal(t, "recipient of "+m.Subject, "mike@example.com", m.To)
	}
}

func TestTokensThatAreNotGoodHaveOneAnswer(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, true)
	token := func(email string, n int) string {
		userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody(email, ""), http.StatusAccepted)
		userstest.DeliverRequests[events.RegistrationRequested](t, p, n)
		return p.Token(p.MailTo(email))
	}
	used, replaced := token("ada@example.com", 1), token("ada@example.com", 2)
	expired := token("eve@example.com", 3)
	userstest.Post(t, p, "", confirmPath, confirmBody(used), http.StatusCreated)
	userstest.Exec(t, p, `UPDATE registrations SET expires_at = now()`)

	want := userstest.Detail(t, userstest.Post(t, p, "", confirmPath, confirmBody(""), http.StatusUnprocessableEntity))
	for name, token := range map[string]string{
		"used": used, "of an address that another one has opened": replaced, "expired": expired, "never given out": store.NewToken(), "NUL": "\x00",
	} {
		userstest.Equal(t, name, want, userstest.Detail(t, userstest.Post(t, p, "", confirmPath, confirmBody(token), http.StatusUnprocessableEntity)))
	}
	for _, path := range []string{"/v1/users/email/verify", "/v1/users/email/change/confirm"} {
		userstest.Equal(t, path, want, userstest.Detail(t, userstest.Post(t, p, "", path, userstest.ProofBody(used), http.StatusUnprocessableEntity)))
	}
	userstest.Equal(t, "reset", want, userstest.Detail(t, userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(used), http.StatusUnprocessableEntity)))
	userstest.Post(t, p, "", confirmPath, confirmBody(strings.Repeat("x", 101)), http.StatusUnprocessableEntity)
	userstest.Post(t, p, "", confirmPath, `{}`, http.StatusUnprocessableEntity)
	userstest.Equal(t, "accounts", 1, userstest.Count(t, p, `SELECT count(*) FROM users`))
}

func TestOneConfirmationOfManyAtOnceWins(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, true)
	var tokens []string
	for n := range 2 {
		userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("ada@example.com", ""), http.StatusAccepted)
		userstest.DeliverRequests[events.RegistrationRequested](t, p, n+1)
		tokens = append(tokens, p.Token(p.MailTo("ada@example.com")))
	}
	statuses := userstest.Concurrently(8, func(i int) platformtest.Answer {
		return p.Do("", http.MethodPost, confirmPath, confirmBody(tokens[i%2]))
	})
	userstest.Equal(t, "answers", map[int]int{http.StatusCreated: 1, http.StatusUnprocessableEntity: 7}, statuses)
	userstest.Equal(t, "accounts and organizations", 2, userstest.Count(t, p, `SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM organizations)`))
	userstest.Equal(t, "counted", 1, userstest.Count(t, p, `SELECT sum(value)::int FROM metric_counters WHERE name = 'user_registrations_total'`))
}

func TestConfirmedRegistrationMayAskToJoin(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, true)
	owner := p.Login("owner")
	userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("ada@example.com", `, "organization_id": "`+owner.OrganizationID.String()+`"`), http.StatusAccepted)
	userstest.DeliverRequests[events.RegistrationRequested](t, p, 1)
	account := platformtest.Decode[person.Account](t, userstest.Post(t, p, "", confirmPath, confirmBody(p.Token(p.MailTo("ada@example.com"))), http.StatusCreated))
	userstest.Equal(t, "requests to join", 1,
		userstest.Count(t, p, `SELECT count(*) FROM memberships WHERE user_id = $1 AND organization_id = $2 AND role = 'member' AND status = 'requested'`, account.ID, owner.OrganizationID))
	userstest.Equal(t, "entries in the organization's trail", 1, userstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE organization_id = $1 AND action = 'users:register'`, owner.OrganizationID))
}

func TestConfirmationThatFailsHalfWayCanBeDoneAgain(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, true)
	userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("ada@example.com", ""), http.StatusAccepted)
	userstest.DeliverRequests[events.RegistrationRequested](t, p, 1)
	token := p.Token(p.MailTo("ada@example.com"))
	for _, table := range []string{"memberships", "audit_entries", "outbox"} {
		mend := userstest.BreakTable(t, p, table)
		userstest.Post(t, p, "", confirmPath, confirmBody(token), http.StatusInternalServerError)
		userstest.Equal(t, "left behind with "+table+" broken", 0, userstest.Count(t, p, `SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM organizations)`))
		mend()
	}
	userstest.Post(t, p, "", confirmPath, confirmBody(token), http.StatusCreated)
}

func TestRegistration_ManyForOneAddress_MailFew(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, true)
	for i, email := range []string{"ada@example.com", "ADA@example.com", "ada@EXAMPLE.com", "ada@example.com", "ada@example.com"} {
		userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody(email, ""), http.StatusAccepted)
		userstest.DeliverRequests[events.RegistrationRequested](t, p, i+1)
	}
	userstest.Equal(t, "confirmations mailed", 3, len(p.Mail(3)))
	userstest.Equal(t, "registrations that the last mail is good for, too", 5, userstest.Count(t, p, `SELECT count(*) FROM registrations`))
	userstest.Post(t, p, "", confirmPath, confirmBody(p.Token(p.Mail(3)[0])), http.StatusCreated)
	for range 5 {
		userstest.Post(t, p, "", userstest.ForgotPath, map[string]string{"email": "ada@example.com"}, http.StatusAccepted)
	}
	events := platformtest.Published[events.PasswordResetRequested](p, 5)
	userstest.Concurrently(5, func(i int) platformtest.Answer { return platformtest.Deliver(p, "users-mail-tokens", events[i]) })
	userstest.Equal(t, "mails with those for a new password", 6, len(p.Mail(6)))
	userstest.Equal(t, "requests left", 0, userstest.Count(t, p, `SELECT count(*) FROM password_reset_requests`))
}

// An attacker registers somebody's address so often that it gets no further mail. When the owner
// registers, they only have the mails that the attacker caused.
func TestRegistration_ByAStrangerFirst_OwnerGetsTheAccount(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, true)
	for range 3 {
		userstest.Post(t, p, "", userstest.RegisterPath, userstest.RegistrationBody("ada@example.com", "attackers horse", "Mallory"), http.StatusAccepted)
	}
	userstest.DeliverRequests[events.RegistrationRequested](t, p, 3)
	userstest.Post(t, p, "", userstest.RegisterPath, userstest.RegistrationBody("ada@example.com", "correct horse", "Ada"), http.StatusAccepted)
	userstest.Post(t, p, "", userstest.RegisterPath, userstest.RegistrationBody("ada@example.com", "attackers horse", "Mallory"), http.StatusAccepted)
	userstest.DeliverRequests[events.RegistrationRequested](t, p, 5)
	mails := p.Mail(3)
	userstest.Equal(t, "mails", 3, len(mails))

	token := p.Token(mails[1])
	userstest.Post(t, p, "", confirmPath, tokenBody(token), http.StatusUnprocessableEntity)
	wrong := userstest.Detail(t, userstest.Post(t, p, "", confirmPath, map[string]string{"token": token, "password": "another battery"}, http.StatusUnprocessableEntity))
	if !strings.HasPrefix(wrong, "body.password:") && !strings.Contains(wrong, "register again") {
		t.Errorf("a wrong password is answered by %q", wrong)
	}
	userstest.Equal(t, "accounts", 0, userstest.Count(t, p, `SELECT count(*) FROM users`))
	account := platformtest.Decode[person.Account](t, userstest.Post(t, p, "", confirmPath, confirmBody(token), http.StatusCreated))

	userstest.Equal(t, "first name", "Ada", account.FirstName)
	userstest.LogIn(p, "ada@example.com", "correct horse").Want(t, http.StatusOK)
	userstest.LogIn(p, "ada@example.com", "attackers horse").Want(t, http.StatusUnauthorized)
	userstest.Equal(t, "registrations left", 0, userstest.Count(t, p, `SELECT count(*) FROM registrations`))
}

// An earlier version hashed each password with a salt of its own.
func TestRegistrationFromBeforeTheUpgradeIsConfirmed(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, true)
	userstest.Post(t, p, "", userstest.RegisterPath, userstest.PersonBody("ada@example.com", ""), http.StatusAccepted)
	userstest.DeliverRequests[events.RegistrationRequested](t, p, 1)
	hasher, err := p.Env.Hasher()
	if err != nil {
		t.Fatal(err)
	}
	hash, err := hasher.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	userstest.Exec(t, p, `UPDATE registrations SET password_hash = '`+hash+`'`)
	userstest.Post(t, p, "", confirmPath, confirmBody(p.Token(p.MailTo("ada@example.com"))), http.StatusCreated)
}
