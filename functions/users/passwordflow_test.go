package users_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"

	"function/shared/events"
	"function/shared/platformtest"
)

const (
	forgotPath = "/v1/users/password/forgot"
	resetPath  = "/v1/users/password/reset"
	changePath = "/v1/users/password/change"
)

func resetBody(token string) map[string]string {
	return map[string]string{"token": token, "password": newPassword}
}

func changeBody(current, next string) map[string]string {
	return map[string]string{"current_password": current, "new_password": next}
}

// forgotten asks for a new password, as the nth who does, and returns the token.
func forgotten(t *testing.T, p *platformtest.Platform, email string, n int) string {
	t.Helper()
	post(t, p, "", forgotPath, map[string]string{"email": email}, http.StatusAccepted)
	answerRequests[events.PasswordResetRequested](t, p, n)
	return p.Token(p.MailTo(strings.TrimSpace(email)))
}

func TestForgottenPasswordIsReplaced(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	registered(t, p, "ada@example.com", "")
	session := loggedIn(t, p, "ada@example.com")
	exec(t, p, `UPDATE users SET must_change_password = true`)
	earlier, token := forgotten(t, p, "ada@example.com", 1), forgotten(t, p, " ADA@example.com", 2)

	short := map[string]string{"token": token, "password": "short"}
	post(t, p, "", resetPath, short, http.StatusUnprocessableEntity)
	post(t, p, "", resetPath, resetBody(token), http.StatusNoContent)

	logIn(p, "ada@example.com", "correct horse").Want(t, http.StatusUnauthorized)
	logIn(p, "ada@example.com", newPassword).Want(t, http.StatusOK)
	refused(t, p, session.AccessToken)
	exchange(p, session.RefreshToken).Want(t, http.StatusUnauthorized)
	post(t, p, "", resetPath, resetBody(token), http.StatusUnprocessableEntity)
	post(t, p, "", resetPath, resetBody(earlier), http.StatusUnprocessableEntity)
	equal(t, "accounts that must change the password, or are not verified", 0, count(t, p, `SELECT count(*) FROM users WHERE must_change_password OR email_verified_at IS NULL`))
	if m := p.MailTo("ada@example.com"); !strings.Contains(m.Subject, "was changed") {
		t.Errorf("newest mail is %q, want one that tells of the change", m.Subject)
	}
	equal(t, "audit", []string{"passwords:forget done", "passwords:mail_reset done", "passwords:forget done", "passwords:mail_reset done", "passwords:reset done", "passwords:reset refused", "passwords:reset refused"}, audited(t, p, "passwords:"))
}

func TestForgotTellsNobodyWhoHasAnAccount(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	known := p.Login("owner").Email
	var bodies []string
	for _, email := range []string{known, "nobody@example.com", "", "no address\x00", strings.Repeat("x", 254)} {
		bodies = append(bodies, string(post(t, p, "", forgotPath, map[string]string{"email": email}, http.StatusAccepted).Body))
	}
	equal(t, "bodies", make([]string, 5), bodies)
	equal(t, "rows written for each", 5, count(t, p, `SELECT count(*) FROM password_reset_requests`))
	answerRequests[events.PasswordResetRequested](t, p, 5)
	mails := p.Mail(1)
	if len(mails) != 1 || mails[0].To != known {
		t.Errorf("%d mails, the first to %s; want one to %s", len(mails), mails[0].To, known)
	}
}

func TestOneResetOfManyAtOnceWins(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	registered(t, p, "ada@example.com", "")
	tokens := []string{forgotten(t, p, "ada@example.com", 1), forgotten(t, p, "ada@example.com", 2)}
	statuses := atOnce(8, func(i int) platformtest.Answer {
		return p.Do("", http.MethodPost, resetPath, resetBody(tokens[i%2]))
	})
	if statuses[http.StatusNoContent] != 1 || statuses[http.StatusUnprocessableEntity]+statuses[http.StatusConflict] != 7 {
		t.Errorf("answers %v, want one 204 and otherwise refusals", statuses)
	}
	equal(t, "resets in the trail", 1, count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'passwords:reset' AND result = 'done'`))
}

func TestResetThatFailsHalfWayCanBeDoneAgain(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	registered(t, p, "ada@example.com", "")
	session := loggedIn(t, p, "ada@example.com")
	token := forgotten(t, p, "ada@example.com", 1)
	for _, table := range []string{"mails", "audit_entries"} {
		mend := failHalfWay(t, p, table)
		post(t, p, "", resetPath, resetBody(token), http.StatusInternalServerError)
		post(t, p, session.AccessToken, changePath, changeBody("correct horse", newPassword), http.StatusInternalServerError)
		mend()
		p.Do(session.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
		logIn(p, "ada@example.com", "correct horse").Want(t, http.StatusOK)
	}
	post(t, p, "", resetPath, resetBody(token), http.StatusNoContent)
}

func TestExpiredResetTokenIsRefused(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	registered(t, p, "ada@example.com", "")
	token := forgotten(t, p, "ada@example.com", 1)
	equal(t, "tokens good for an hour", 1, count(t, p, `SELECT count(*) FROM mailed_tokens WHERE purpose = 'password_reset' AND expires_at BETWEEN now() + interval '50 minutes' AND now() + interval '1 hour'`))
	exec(t, p, `UPDATE mailed_tokens SET expires_at = now()`)
	post(t, p, "", resetPath, resetBody(token), http.StatusUnprocessableEntity)
	logIn(p, "ada@example.com", "correct horse").Want(t, http.StatusOK)
}

func TestChangeOfPasswordEndsTheOtherSessions(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	registered(t, p, "ada@example.com", "")
	own, other := loggedIn(t, p, "ada@example.com"), loggedIn(t, p, "ada@example.com")
	reset := forgotten(t, p, "ada@example.com", 1)
	exec(t, p, `UPDATE users SET must_change_password = true`)

	post(t, p, own.AccessToken, changePath, changeBody("correct horse", newPassword), http.StatusNoContent)

	refused(t, p, other.AccessToken)
	p.Do(own.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
	exchange(p, own.RefreshToken).Want(t, http.StatusOK)
	logIn(p, "ada@example.com", "correct horse").Want(t, http.StatusUnauthorized)
	logIn(p, "ada@example.com", newPassword).Want(t, http.StatusOK)
	post(t, p, "", resetPath, resetBody(reset), http.StatusUnprocessableEntity)
	equal(t, "accounts that must change the password", 0, count(t, p, `SELECT count(*) FROM users WHERE must_change_password`))
	if m := p.MailTo("ada@example.com"); !strings.Contains(m.Subject, "was changed") {
		t.Errorf("newest mail is %q, want one that tells of the change", m.Subject)
	}
}

func TestChangeOfPasswordIsRefused(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	registered(t, p, "ada@example.com", "")
	token := loggedIn(t, p, "ada@example.com").AccessToken
	post(t, p, "", changePath, changeBody("correct horse", newPassword), http.StatusUnauthorized)
	post(t, p, token, changePath, changeBody("correct horse", "correct horse"), http.StatusUnprocessableEntity)
	post(t, p, token, changePath, changeBody("correct horse", "short"), http.StatusUnprocessableEntity)
	wrong := atOnce(8, func(int) platformtest.Answer {
		return p.Do(token, http.MethodPost, changePath, changeBody("wrong horse", newPassword))
	})
	equal(t, "answers to guesses, after right proofs", map[int]int{http.StatusUnprocessableEntity: 5, http.StatusTooManyRequests: 3}, wrong)
	answer := post(t, p, token, changePath, changeBody("correct horse", newPassword), http.StatusTooManyRequests)
	if answer.Header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	if n := count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'passwords:change' AND result = 'refused'`); n != 10 {
		t.Errorf("%d refusals in the trail, want 10", n)
	}
	own := platformtest.Decode[session.Tokens](t, logIn(p, "ada@example.com", "correct horse").Want(t, http.StatusOK)).AccessToken
	for i := range 7 { // whoever guesses in another session is not in the way, and right ones are not counted
		present, next := "correct horse", newPassword
		if i%2 == 1 {
			present, next = next, present
		}
		post(t, p, own, changePath, changeBody(present, next), http.StatusNoContent)
	}
}

func TestOneChangeOfManyAtOnceWins(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	registered(t, p, "ada@example.com", "")
	token := loggedIn(t, p, "ada@example.com").AccessToken
	statuses := atOnce(4, func(int) platformtest.Answer {
		return p.Do(token, http.MethodPost, changePath, changeBody("correct horse", newPassword))
	})
	if statuses[http.StatusNoContent] != 1 || statuses[http.StatusConflict]+statuses[http.StatusUnprocessableEntity] != 3 {
		t.Errorf("answers %v, want one 204, and 409 or 422", statuses)
	}
	logIn(p, "ada@example.com", newPassword).Want(t, http.StatusOK)
}

func TestTheStrictestRulesOfAllOrganizationsHold(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	ada := registered(t, p, "ada@example.com", "")
	for _, settings := range []string{`{"password_min_length": 20, "password_history": 1}`, `{"password_min_length": 10, "password_history": 5}`, `{}`} {
		strict := p.Login("owner").OrganizationID
		exec(t, p, `UPDATE organizations SET settings = $2::jsonb WHERE id = $1`, strict, settings)
		exec(t, p, `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'member', 'active')`, ada.ID, strict)
	}
	env := *p.Env
	env.Name = "test"
	store, err := store.Open(t.Context(), &env)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := credential.CredentialsOf(t.Context(), store, ada.ID)
	if want := (credential.PasswordRules{MinLength: 20, History: 5}); err != nil || credentials.Rules != want {
		t.Errorf("rules %+v (%v), want the strictest of all organizations, %+v", credentials.Rules, err, want)
	}
}

func TestResetByMailEndsNewKeysAndTellsWhatElseActsAsThePerson(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	ada := registered(t, p, "ada@example.com", "")
	post(t, p, "", verifyPath, heldBody(p.Token(p.MailTo(ada.Email))), http.StatusNoContent)
	for name, age := range map[string]string{"theirs": "1 day", "hers": "40 days"} {
		exec(t, p, `
WITH k AS (INSERT INTO api_keys (id, organization_id, user_id, name, scopes) VALUES (gen_random_uuid(), $1, $2, $3, '{}') RETURNING id)
INSERT INTO api_key_secrets (hash, key_id, hint, created_at, expires_at) SELECT $3::text::bytea, id, '', now() - $4::text::interval, now() + interval '1 day' FROM k`,
			ada.OrganizationID, ada.ID, name, age)
	}
	exec(t, p, `INSERT INTO passkeys (id, user_id, credential_id, name, credential) VALUES (gen_random_uuid(), $1, '1', '', ''), (gen_random_uuid(), $1, '2', '', '')`, ada.ID)
	exec(t, p, `INSERT INTO external_identities (id, issuer, subject_index, user_id) VALUES (gen_random_uuid(), 'https://issuer.example', '', $1)`, ada.ID)

	post(t, p, "", resetPath, resetBody(forgotten(t, p, ada.Email, 1)), http.StatusNoContent)
	equal(t, "keys left", 1, count(t, p, `SELECT count(*) FROM api_keys WHERE revoked_at IS NULL AND name = 'hers'`))
	equal(t, "keys revoked", 1, count(t, p, `SELECT count(*) FROM api_keys WHERE revoked_at IS NOT NULL AND name = 'theirs'`))
	equal(t, "revocations in the trail", []string{"api_keys:revoke done"}, audited(t, p, "api_keys:"))
	told, revoked, _ := strings.Cut(p.MailTo(ada.Email).Text, "were revoked")
	for _, line := range []string{"- passkey: 2,", "- login of another issuer: 1,", "- API key: 1,"} {
		if !strings.Contains(told, line) {
			t.Errorf("the mail does not tell of %q:\n%s", line, told)
		}
	}
	if !strings.Contains(revoked, "- API key: 1,") {
		t.Errorf("the mail does not tell what was revoked:\n%s", revoked)
	}
}

func TestReset_FirstProofOfTheAddress_RemovesWhatAStrangerAdded(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	ada := registered(t, p, "ada@example.com", "") // by a stranger
	strangers := loggedIn(t, p, ada.Email)
	post(t, p, strangers.AccessToken, changeEmailPath, emailBody("stranger@example.com"), http.StatusAccepted)
	change := p.Token(p.MailTo("stranger@example.com"))
	for _, statement := range added {
		exec(t, p, statement, ada.ID, ada.OrganizationID)
	}

	post(t, p, "", resetPath, resetBody(forgotten(t, p, ada.Email, 1)), http.StatusNoContent)

	platformtest.Decode[session.Tokens](t, logIn(p, ada.Email, newPassword).Want(t, http.StatusOK))
	equal(t, "what the stranger has left", 0, count(t, p, left, ada.ID))
	refused(t, p, strangers.AccessToken)
	post(t, p, "", confirmChange, map[string]string{"token": change, "password": newPassword}, http.StatusUnprocessableEntity)
	equal(t, "trail", []string{"users:disown done", "users:register done"}, slices.Sorted(slices.Values(audited(t, p, "users:"))))
	var cleared bool
	for _, m := range p.Mail(1) {
		cleared = cleared || m.Subject == "Your account was cleared" && strings.Contains(m.Text, "- passkey: 1,")
	}
	if !cleared {
		t.Error("the person is not mailed what was removed")
	}
}

// added is what a person may add to their account and organization; left counts it.
var added = []string{
	`INSERT INTO passkeys (id, user_id, credential_id, name, credential) SELECT gen_random_uuid(), $1, '1', '', '' WHERE $2::uuid IS NOT NULL`,
	`INSERT INTO totp_secrets (user_id, secret, confirmed_at) SELECT $1, '', now() WHERE $2::uuid IS NOT NULL`,
	`INSERT INTO external_identities (id, issuer, subject_index, user_id) SELECT gen_random_uuid(), 'https://issuer.example', '', $1 WHERE $2::uuid IS NOT NULL`,
	`INSERT INTO api_keys (id, organization_id, user_id, name, scopes, created_at) VALUES (gen_random_uuid(), $2, $1, 'old', '{}', now() - interval '1 year')`,
	`WITH a AS (INSERT INTO service_accounts (id, organization_id, name, created_by) VALUES (gen_random_uuid(), $2, 'robot', $1) RETURNING id)
	 INSERT INTO api_keys (id, organization_id, service_account_id, name, scopes) SELECT gen_random_uuid(), $2, id, 'robot', '{}' FROM a`,
	`INSERT INTO invitations (id, organization_id, token_hash, email_index, wrapped_key, email, role, invited_by, created_at, expires_at)
	 VALUES (gen_random_uuid(), $2, '1', '1', '', '', 'owner', $1, now(), now() + interval '1 day')`,
}

const left = `
SELECT (SELECT count(*) FROM passkeys WHERE user_id = $1) + (SELECT count(*) FROM totp_secrets WHERE user_id = $1)
     + (SELECT count(*) FROM external_identities WHERE user_id = $1) + (SELECT count(*) FROM api_keys WHERE revoked_at IS NULL)
     + (SELECT count(*) FROM invitations WHERE ended_at IS NULL) + (SELECT count(*) FROM mailed_tokens WHERE used_at IS NULL)`

func TestReset_OfAProvedAccount_LeavesSecondFactors(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	ada := registered(t, p, "ada@example.com", "")
	post(t, p, "", verifyPath, heldBody(p.Token(p.MailTo(ada.Email))), http.StatusNoContent)
	exec(t, p, added[0], ada.ID, ada.OrganizationID)
	exec(t, p, `UPDATE users SET email_verified_at = NULL`) // as provisioning does that replaces an address
	post(t, p, "", resetPath, resetBody(forgotten(t, p, ada.Email, 1)), http.StatusNoContent)
	equal(t, "passkeys", 1, count(t, p, `SELECT count(*) FROM passkeys`))
}

func TestMailedToken_AskedAgain_IsTheOnlyOne(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	registered(t, p, "ada@example.com", "")
	earlier, newest := forgotten(t, p, "ada@example.com", 1), forgotten(t, p, "ada@example.com", 2)
	post(t, p, "", resetPath, resetBody(earlier), http.StatusUnprocessableEntity)
	post(t, p, "", resetPath, resetBody(newest), http.StatusNoContent)
}
