package users_test

import (
	"net/http"
	"strings"
	"testing"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"

	"github.com/google/uuid"

	"function/shared/events"
	"function/shared/platformtest"
)

const (
	registerPath = "/v1/users/register"
	confirmPath  = "/v1/users/email/confirm"
)

func tokenBody(token string) map[string]string { return map[string]string{"token": token} }

// confirmBody confirms a registration of [person].
func confirmBody(token string) map[string]string {
	return map[string]string{"token": token, "password": "correct horse"}
}

func TestRegistrationOpensTheAccountOnceConfirmed(t *testing.T) {
	t.Parallel()
	p := mountMail(t, true)
	post(t, p, "", registerPath, personBody("Ada@example.com", ""), http.StatusAccepted)
	logIn(p, "ada@example.com", "correct horse").Want(t, http.StatusUnauthorized)
	answerRequests[events.RegistrationRequested](t, p, 1)
	answerRequests[events.RegistrationRequested](t, p, 1)
	mails := p.Mail(1)
	equal(t, "mails after a second delivery", 1, len(mails))
	equal(t, "accounts before the confirmation", 0, count(t, p, `SELECT count(*) FROM users`))

	account := platformtest.Decode[person.Account](t, post(t, p, "", confirmPath, confirmBody(p.Token(mails[0])), http.StatusCreated))

	if account.Email != "ada@example.com" || account.FirstName != "Wilhelmina" || account.ID == uuid.Nil || account.OrganizationID == uuid.Nil {
		t.Errorf("account %+v is not the person who registered", account)
	}
	logIn(p, "ada@example.com", "correct horse").Want(t, http.StatusOK)
	event := platformtest.Published[events.UserRegistered](p, 1)[0].Data
	if event.UserID != account.ID || event.OrganizationID != account.OrganizationID {
		t.Errorf("event %+v is not about %+v", event, account)
	}
	equal(t, "verified addresses", 1, count(t, p, `SELECT count(*) FROM users WHERE email_verified_at IS NOT NULL`))
	equal(t, "registrations left", 0, count(t, p, `SELECT count(*) FROM registrations`))
	equal(t, "counted", 1, count(t, p, `SELECT sum(value)::int FROM metric_counters WHERE name = 'user_registrations_total'`))
	equal(t, "audit", []string{"registrations:begin done", "registrations:mail done"}, audited(t, p, "registrations:"))
	equal(t, "audit", []string{"users:register done"}, audited(t, p, "users:register"))
}

func TestRegistrationTellsNobodyWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	p := mountMail(t, true)
	p.Login("owner")
	taken := p.Login("owner").Email
	written := func() [4]int {
		return [4]int{
			count(t, p, `SELECT count(*) FROM registrations`), count(t, p, `SELECT count(*) FROM audit_entries`),
			count(t, p, `SELECT count(*) FROM mails`), count(t, p, `SELECT count(*) FROM mailed_tokens`),
		}
	}
	first := post(t, p, "", registerPath, personBody("new@example.com", ""), http.StatusAccepted)
	equal(t, "rows for a new address", [4]int{1, 1, 0, 0}, written())
	second := post(t, p, "", registerPath, personBody(taken, ""), http.StatusAccepted)
	equal(t, "rows for a taken address", [4]int{2, 2, 0, 0}, written())
	equal(t, "bodies", string(first.Body), string(second.Body))
	first.Header.Del("Date")
	second.Header.Del("Date")
	equal(t, "headers", first.Header, second.Header)
	unknown := `, "organization_id": "` + uuid.NewString() + `"`
	equal(t, "answers for an unknown organization",
		detail(t, post(t, p, "", registerPath, personBody("new@example.com", unknown), http.StatusUnprocessableEntity)),
		detail(t, post(t, p, "", registerPath, personBody(taken, unknown), http.StatusUnprocessableEntity)))

	answerRequests[events.RegistrationRequested](t, p, 2)

	equal(t, "mails", 2, len(p.Mail(2)))
	p.Token(p.MailTo("new@example.com"))
	if m := p.MailTo(taken); strings.Contains(m.Text, "token=") || !strings.Contains(m.Text, "/password/forgot") {
		t.Errorf("the owner of the address is mailed a token, or no way to a new password:\n%s", m.Text)
	}
	equal(t, "registrations that can be confirmed", 1, count(t, p, `SELECT count(*) FROM registrations`))
}

func TestRegistrationMailsGoToTheOwnersOwnAddress(t *testing.T) {
	t.Parallel()
	p := mountMail(t, true)
	post(t, p, "", registerPath, personBody("mike@example.com", ""), http.StatusAccepted)
	answerRequests[events.RegistrationRequested](t, p, 1)
	post(t, p, "", confirmPath, confirmBody(p.Token(p.MailTo("mike@example.com"))), http.StatusCreated)

	// The Kelvin sign's lower case is k: an address that looks up Mike's and is another.
	post(t, p, "", registerPath, personBody("mi\u212ae@example.com", ""), http.StatusAccepted)
	post(t, p, "", "/v1/users/password/forgot", map[string]string{"email": "mi\u212ae@example.com"}, http.StatusAccepted)
	answerRequests[events.RegistrationRequested](t, p, 2)
	answerRequests[events.PasswordResetRequested](t, p, 1)

	for _, m := range p.Mail(3) {
		equal(t, "recipient of "+m.Subject, "mike@example.com", m.To)
	}
}

func TestTokensThatAreNotGoodHaveOneAnswer(t *testing.T) {
	t.Parallel()
	p := mountMail(t, true)
	token := func(email string, n int) string {
		post(t, p, "", registerPath, personBody(email, ""), http.StatusAccepted)
		answerRequests[events.RegistrationRequested](t, p, n)
		return p.Token(p.MailTo(email))
	}
	used, replaced := token("ada@example.com", 1), token("ada@example.com", 2)
	expired := token("eve@example.com", 3)
	post(t, p, "", confirmPath, confirmBody(used), http.StatusCreated)
	exec(t, p, `UPDATE registrations SET expires_at = now()`)

	want := detail(t, post(t, p, "", confirmPath, confirmBody(""), http.StatusUnprocessableEntity))
	for name, token := range map[string]string{
		"used": used, "of an address that another one has opened": replaced, "expired": expired, "never given out": store.NewToken(), "NUL": "\x00",
	} {
		equal(t, name, want, detail(t, post(t, p, "", confirmPath, confirmBody(token), http.StatusUnprocessableEntity)))
	}
	for _, path := range []string{"/v1/users/email/verify", "/v1/users/email/change/confirm"} {
		equal(t, path, want, detail(t, post(t, p, "", path, heldBody(used), http.StatusUnprocessableEntity)))
	}
	equal(t, "reset", want, detail(t, post(t, p, "", resetPath, resetBody(used), http.StatusUnprocessableEntity)))
	post(t, p, "", confirmPath, confirmBody(strings.Repeat("x", 101)), http.StatusUnprocessableEntity)
	post(t, p, "", confirmPath, `{}`, http.StatusUnprocessableEntity)
	equal(t, "accounts", 1, count(t, p, `SELECT count(*) FROM users`))
}

func TestOneConfirmationOfManyAtOnceWins(t *testing.T) {
	t.Parallel()
	p := mountMail(t, true)
	var tokens []string
	for n := range 2 {
		post(t, p, "", registerPath, personBody("ada@example.com", ""), http.StatusAccepted)
		answerRequests[events.RegistrationRequested](t, p, n+1)
		tokens = append(tokens, p.Token(p.MailTo("ada@example.com")))
	}
	statuses := atOnce(8, func(i int) platformtest.Answer {
		return p.Do("", http.MethodPost, confirmPath, confirmBody(tokens[i%2]))
	})
	equal(t, "answers", map[int]int{http.StatusCreated: 1, http.StatusUnprocessableEntity: 7}, statuses)
	equal(t, "accounts and organizations", 2, count(t, p, `SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM organizations)`))
	equal(t, "counted", 1, count(t, p, `SELECT sum(value)::int FROM metric_counters WHERE name = 'user_registrations_total'`))
}

func TestConfirmedRegistrationMayAskToJoin(t *testing.T) {
	t.Parallel()
	p := mountMail(t, true)
	owner := p.Login("owner")
	post(t, p, "", registerPath, personBody("ada@example.com", `, "organization_id": "`+owner.OrganizationID.String()+`"`), http.StatusAccepted)
	answerRequests[events.RegistrationRequested](t, p, 1)
	account := platformtest.Decode[person.Account](t, post(t, p, "", confirmPath, confirmBody(p.Token(p.MailTo("ada@example.com"))), http.StatusCreated))
	equal(t, "requests to join", 1,
		count(t, p, `SELECT count(*) FROM memberships WHERE user_id = $1 AND organization_id = $2 AND role = 'member' AND status = 'requested'`, account.ID, owner.OrganizationID))
	equal(t, "entries in the organization's trail", 1, count(t, p, `SELECT count(*) FROM audit_entries WHERE organization_id = $1 AND action = 'users:register'`, owner.OrganizationID))
}

func TestConfirmationThatFailsHalfWayCanBeDoneAgain(t *testing.T) {
	t.Parallel()
	p := mountMail(t, true)
	post(t, p, "", registerPath, personBody("ada@example.com", ""), http.StatusAccepted)
	answerRequests[events.RegistrationRequested](t, p, 1)
	token := p.Token(p.MailTo("ada@example.com"))
	for _, table := range []string{"memberships", "audit_entries", "outbox"} {
		mend := failHalfWay(t, p, table)
		post(t, p, "", confirmPath, confirmBody(token), http.StatusInternalServerError)
		equal(t, "left behind with "+table+" broken", 0, count(t, p, `SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM organizations)`))
		mend()
	}
	post(t, p, "", confirmPath, confirmBody(token), http.StatusCreated)
}

func TestNobodyFloodsAMailbox(t *testing.T) {
	t.Parallel()
	p := mountMail(t, true)
	for i, email := range []string{"ada@example.com", "ADA@example.com", "ada@EXAMPLE.com", "ada@example.com", "ada@example.com"} {
		post(t, p, "", registerPath, personBody(email, ""), http.StatusAccepted)
		answerRequests[events.RegistrationRequested](t, p, i+1)
	}
	equal(t, "confirmations mailed", 3, len(p.Mail(3)))
	equal(t, "registrations that the last mail is good for, too", 5, count(t, p, `SELECT count(*) FROM registrations`))
	post(t, p, "", confirmPath, confirmBody(p.Token(p.Mail(3)[0])), http.StatusCreated)
	for range 5 {
		post(t, p, "", forgotPath, map[string]string{"email": "ada@example.com"}, http.StatusAccepted)
	}
	events := platformtest.Published[events.PasswordResetRequested](p, 5)
	atOnce(5, func(i int) platformtest.Answer { return platformtest.Deliver(p, "users-mail-tokens", events[i]) })
	equal(t, "mails with those for a new password", 6, len(p.Mail(6)))
	equal(t, "requests left", 0, count(t, p, `SELECT count(*) FROM password_reset_requests`))
}

func registering(email, password, first string) map[string]string {
	return map[string]string{"email": email, "password": password, "first_name": first, "last_name": "Lovelace"}
}

// An attacker registers somebody's address so often that nothing more is mailed there. The
// owner, who registers then, has only the mails that the attacker has caused.
func TestNobodyPreparesAnAccountForItsLaterOwner(t *testing.T) {
	t.Parallel()
	p := mountMail(t, true)
	for range 3 {
		post(t, p, "", registerPath, registering("ada@example.com", "attackers horse", "Mallory"), http.StatusAccepted)
	}
	answerRequests[events.RegistrationRequested](t, p, 3)
	post(t, p, "", registerPath, registering("ada@example.com", "correct horse", "Ada"), http.StatusAccepted)
	post(t, p, "", registerPath, registering("ada@example.com", "attackers horse", "Mallory"), http.StatusAccepted)
	answerRequests[events.RegistrationRequested](t, p, 5)
	mails := p.Mail(3)
	equal(t, "mails", 3, len(mails))

	token := p.Token(mails[1])
	post(t, p, "", confirmPath, tokenBody(token), http.StatusUnprocessableEntity)
	wrong := detail(t, post(t, p, "", confirmPath, map[string]string{"token": token, "password": "another battery"}, http.StatusUnprocessableEntity))
	if !strings.HasPrefix(wrong, "body.password:") && !strings.Contains(wrong, "register again") {
		t.Errorf("a wrong password is answered by %q", wrong)
	}
	equal(t, "accounts", 0, count(t, p, `SELECT count(*) FROM users`))
	account := platformtest.Decode[person.Account](t, post(t, p, "", confirmPath, confirmBody(token), http.StatusCreated))

	equal(t, "first name", "Ada", account.FirstName)
	logIn(p, "ada@example.com", "correct horse").Want(t, http.StatusOK)
	logIn(p, "ada@example.com", "attackers horse").Want(t, http.StatusUnauthorized)
	equal(t, "registrations left", 0, count(t, p, `SELECT count(*) FROM registrations`))
}

// A version before this one has hashed each password with a salt of its own.
func TestRegistrationFromBeforeTheUpgradeIsConfirmed(t *testing.T) {
	t.Parallel()
	p := mountMail(t, true)
	post(t, p, "", registerPath, personBody("ada@example.com", ""), http.StatusAccepted)
	answerRequests[events.RegistrationRequested](t, p, 1)
	hasher, err := p.Env.Hasher()
	if err != nil {
		t.Fatal(err)
	}
	hash, err := hasher.Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	exec(t, p, `UPDATE registrations SET password_hash = '`+hash+`'`)
	post(t, p, "", confirmPath, confirmBody(p.Token(p.MailTo("ada@example.com"))), http.StatusCreated)
}
