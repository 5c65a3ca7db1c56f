package credential_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/session"
	"function/functions/users/internal/userstest"
	"function/shared/events"
	"function/shared/platformtest"
)

func TestForgottenPasswordIsReplaced(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	userstest.Registered(t, p, "ada@example.com", "")
	session := userstest.LoggedIn(t, p, "ada@example.com")
	userstest.Exec(t, p, `UPDATE users SET must_change_password = true`)
	earlier, token := userstest.RequestReset(t, p, "ada@example.com", 1), userstest.RequestReset(t, p, " ADA@example.com", 2)

	short := map[string]string{"token": token, "password": "short"}
	userstest.Post(t, p, "", userstest.ResetPath, short, http.StatusUnprocessableEntity)
	userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(token), http.StatusNoContent)

	userstest.LogIn(p, "ada@example.com", "correct horse").Want(t, http.StatusUnauthorized)
	userstest.LogIn(p, "ada@example.com", userstest.NewPassword).Want(t, http.StatusOK)
	userstest.WaitUntilRefused(t, p, session.AccessToken)
	userstest.Exchange(p, session.RefreshToken).Want(t, http.StatusUnauthorized)
	userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(token), http.StatusUnprocessableEntity)
	userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(earlier), http.StatusUnprocessableEntity)
	userstest.Equal(t, "accounts that must change the password, or are not verified", 0, userstest.Count(t, p, `SELECT count(*) FROM users WHERE must_change_password OR email_verified_at IS NULL`))
	if m := p.MailTo("ada@example.com"); !strings.Contains(m.Subject, "was changed") {
		t.Errorf("newest mail is %q, want one that tells of the change", m.Subject)
	}
	userstest.Equal(t, "audit", []string{"passwords:forget done", "passwords:mail_reset done", "passwords:forget done", "passwords:mail_reset done", "passwords:reset done", "passwords:reset refused", "passwords:reset refused"}, userstest.Audited(t, p, "passwords:"))
}

func TestForgotPassword_UnknownAddress_SameResponse(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	known := p.Login("owner").Email
	var bodies []string
	for _, email := range []string{known, "nobody@example.com", "", "no address\x00", strings.Repeat("x", 254)} {
		bodies = append(bodies, string(userstest.Post(t, p, "", userstest.ForgotPath, map[string]string{"email": email}, http.StatusAccepted).Body))
	}
	userstest.Equal(t, "bodies", make([]string, 5), bodies)
	userstest.Equal(t, "rows written for each", 5, userstest.Count(t, p, `SELECT count(*) FROM password_reset_requests`))
	userstest.DeliverRequests[events.PasswordResetRequested](t, p, 5)
	mails := p.Mail(1)
	if len(mails) != 1 || mails[0].To != known {
		t.Errorf("%d mails, the first to %s; want one to %s", len(mails), mails[0].To, known)
	}
}

func TestOneResetOfManyAtOnceWins(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	userstest.Registered(t, p, "ada@example.com", "")
	tokens := []string{userstest.RequestReset(t, p, "ada@example.com", 1), userstest.RequestReset(t, p, "ada@example.com", 2)}
	statuses := userstest.Concurrently(8, func(i int) platformtest.Answer {
		return p.Do("", http.MethodPost, userstest.ResetPath, userstest.ResetBody(tokens[i%2]))
	})
	if statuses[http.StatusNoContent] != 1 || statuses[http.StatusUnprocessableEntity]+statuses[http.StatusConflict] != 7 {
		t.Errorf("answers %v, want one 204 and otherwise refusals", statuses)
	}
	userstest.Equal(t, "resets in the trail", 1, userstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'passwords:reset' AND result = 'done'`))
}

func TestResetThatFailsHalfWayCanBeDoneAgain(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	userstest.Registered(t, p, "ada@example.com", "")
	session := userstest.LoggedIn(t, p, "ada@example.com")
	token := userstest.RequestReset(t, p, "ada@example.com", 1)
	for _, table := range []string{"mails", "audit_entries"} {
		mend := userstest.BreakTable(t, p, table)
		userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(token), http.StatusInternalServerError)
		userstest.Post(t, p, session.AccessToken, userstest.ChangePath, userstest.ChangeBody("correct horse", userstest.NewPassword), http.StatusInternalServerError)
		mend()
		p.Do(session.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
		userstest.LogIn(p, "ada@example.com", "correct horse").Want(t, http.StatusOK)
	}
	userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(token), http.StatusNoContent)
}

func TestExpiredResetTokenIsRefused(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	userstest.Registered(t, p, "ada@example.com", "")
	token := userstest.RequestReset(t, p, "ada@example.com", 1)
	userstest.Equal(t, "tokens good for an hour", 1, userstest.Count(t, p, `SELECT count(*) FROM mailed_tokens WHERE purpose = 'password_reset' AND expires_at BETWEEN now() + interval '50 minutes' AND now() + interval '1 hour'`))
	userstest.Exec(t, p, `UPDATE mailed_tokens SET expires_at = now()`)
	userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(token), http.StatusUnprocessableEntity)
	userstest.LogIn(p, "ada@example.com", "correct horse").Want(t, http.StatusOK)
}

func TestChangeOfPasswordEndsTheOtherSessions(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	userstest.Registered(t, p, "ada@example.com", "")
	own, other := userstest.LoggedIn(t, p, "ada@example.com"), userstest.LoggedIn(t, p, "ada@example.com")
	reset := userstest.RequestReset(t, p, "ada@example.com", 1)
	userstest.Exec(t, p, `UPDATE users SET must_change_password = true`)

	userstest.Post(t, p, own.AccessToken, userstest.ChangePath, userstest.ChangeBody("correct horse", userstest.NewPassword), http.StatusNoContent)

	userstest.WaitUntilRefused(t, p, other.AccessToken)
	p.Do(own.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
	userstest.Exchange(p, own.RefreshToken).Want(t, http.StatusOK)
	userstest.LogIn(p, "ada@example.com", "correct horse").Want(t, http.StatusUnauthorized)
	userstest.LogIn(p, "ada@example.com", userstest.NewPassword).Want(t, http.StatusOK)
	userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(reset), http.StatusUnprocessableEntity)
	userstest.Equal(t, "accounts that must change the password", 0, userstest.Count(t, p, `SELECT count(*) FROM users WHERE must_change_password`))
	if m := p.MailTo("ada@example.com"); !strings.Contains(m.Subject, "was changed") {
		t.Errorf("newest mail is %q, want one that tells of the change", m.Subject)
	}
}

func TestChangeOfPasswordIsRefused(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	userstest.Registered(t, p, "ada@example.com", "")
	token := userstest.LoggedIn(t, p, "ada@example.com").AccessToken
	userstest.Post(t, p, "", userstest.ChangePath, userstest.ChangeBody("correct horse", userstest.NewPassword), http.StatusUnauthorized)
	userstest.Post(t, p, token, userstest.ChangePath, userstest.ChangeBody("correct horse", "correct horse"), http.StatusUnprocessableEntity)
	userstest.Post(t, p, token, userstest.ChangePath, userstest.ChangeBody("correct horse", "short"), http.StatusUnprocessableEntity)
	wrong := userstest.Concurrently(8, func(int) platformtest.Answer {
		return p.Do(token, http.MethodPost, userstest.ChangePath, userstest.ChangeBody("wrong horse", userstest.NewPassword))
	})
	userstest.Equal(t, "answers to guesses, after right proofs", map[int]int{http.StatusUnprocessableEntity: 5, http.StatusTooManyRequests: 3}, wrong)
	answer := userstest.Post(t, p, token, userstest.ChangePath, userstest.ChangeBody("correct horse", userstest.NewPassword), http.StatusTooManyRequests)
	if answer.Header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	if n := userstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'passwords:change' AND result = 'refused'`); n != 10 {
		t.Errorf("%d refusals in the trail, want 10", n)
	}
	own := platformtest.Decode[session.Tokens](t, userstest.LogIn(p, "ada@example.com", "correct horse").Want(t, http.StatusOK)).AccessToken
	for i := range 7 { // guesses in another session do not count, nor do correct passwords
		present, next := "correct horse", userstest.NewPassword
		if i%2 == 1 {
			present, next = next, present
		}
		userstest.Post(t, p, own, userstest.ChangePath, userstest.ChangeBody(present, next), http.StatusNoContent)
	}
}

func TestOneChangeOfManyAtOnceWins(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	userstest.Registered(t, p, "ada@example.com", "")
	token := userstest.LoggedIn(t, p, "ada@example.com").AccessToken
	statuses := userstest.Concurrently(4, func(int) platformtest.Answer {
		return p.Do(token, http.MethodPost, userstest.ChangePath, userstest.ChangeBody("correct horse", userstest.NewPassword))
	})
	if statuses[http.StatusNoContent] != 1 || statuses[http.StatusConflict]+statuses[http.StatusUnprocessableEntity] != 3 {
		t.Errorf("answers %v, want one 204, and 409 or 422", statuses)
	}
	userstest.LogIn(p, "ada@example.com", userstest.NewPassword).Want(t, http.StatusOK)
}

func TestTheStrictestRulesOfAllOrganizationsHold(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	for _, settings := range []string{`{"password_min_length": 20, "password_history": 1}`, `{"password_min_length": 10, "password_history": 5}`, `{}`} {
		strict := p.Login("owner").OrganizationID
		userstest.Exec(t, p, `UPDATE organizations SET settings = $2::jsonb WHERE id = $1`, strict, settings)
		userstest.Exec(t, p, `INSERT INTO memberships (user_id, organization_id, role, status) VALUES ($1, $2, 'member', 'active')`, ada.ID, strict)
	}
	env := *p.Env
	env.Name = "test"
	passwords, err := credential.OpenPasswords(t.Context(), &env)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := credential.CredentialsOf(t.Context(), passwords, ada.ID)
	if want := (credential.PasswordRules{MinLength: 20, History: 5}); err != nil || credentials.Rules != want {
		t.Errorf("rules %+v (%v), want the strictest of all organizations, %+v", credentials.Rules, err, want)
	}
}

func TestResetByMailEndsNewKeysAndTellsWhatElseActsAsThePerson(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	userstest.Post(t, p, "", userstest.VerifyPath, userstest.ProofBody(p.Token(p.MailTo(ada.Email))), http.StatusNoContent)
	for name, age := range map[string]string{"theirs": "1 day", "hers": "40 days"} {
		userstest.Exec(t, p, `
WITH k AS (INSERT INTO api_keys (id, organization_id, user_id, name, scopes) VALUES (gen_random_uuid(), $1, $2, $3, '{}') RETURNING id)
INSERT INTO api_key_secrets (hash, key_id, hint, created_at, expires_at) SELECT $3::text::bytea, id, '', now() - $4::text::interval, now() + interval '1 day' FROM k`,
			ada.OrganizationID, ada.ID, name, age)
	}
	userstest.Exec(t, p, `INSERT INTO passkeys (id, user_id, credential_id, name, credential) VALUES (gen_random_uuid(), $1, '1', '', ''), (gen_random_uuid(), $1, '2', '', '')`, ada.ID)
	userstest.Exec(t, p, `INSERT INTO external_identities (id, issuer, subject_index, user_id) VALUES (gen_random_uuid(), 'https://issuer.example', '', $1)`, ada.ID)

	userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(userstest.RequestReset(t, p, ada.Email, 1)), http.StatusNoContent)
	userstest.Equal(t, "keys left", 1, userstest.Count(t, p, `SELECT count(*) FROM api_keys WHERE revoked_at IS NULL AND name = 'hers'`))
	userstest.Equal(t, "keys revoked", 1, userstest.Count(t, p, `SELECT count(*) FROM api_keys WHERE revoked_at IS NOT NULL AND name = 'theirs'`))
	userstest.Equal(t, "revocations in the trail", []string{"api_keys:revoke done"}, userstest.Audited(t, p, "api_keys:"))
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
	p := userstest.MountMail(t, false)
	ada := userstest.Registered(t, p, "ada@example.com", "") // by a stranger
	strangers := userstest.LoggedIn(t, p, ada.Email)
	userstest.Post(t, p, strangers.AccessToken, userstest.ChangeEmailPath, userstest.EmailBody("stranger@example.com"), http.StatusAccepted)
	change := p.Token(p.MailTo("stranger@example.com"))
	for _, statement := range added {
		userstest.Exec(t, p, statement, ada.ID, ada.OrganizationID)
	}

	userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(userstest.RequestReset(t, p, ada.Email, 1)), http.StatusNoContent)

	platformtest.Decode[session.Tokens](t, userstest.LogIn(p, ada.Email, userstest.NewPassword).Want(t, http.StatusOK))
	userstest.Equal(t, "what the stranger has left", 0, userstest.Count(t, p, left, ada.ID))
	userstest.WaitUntilRefused(t, p, strangers.AccessToken)
	userstest.Post(t, p, "", userstest.ConfirmChange, map[string]string{"token": change, "password": userstest.NewPassword}, http.StatusUnprocessableEntity)
	userstest.Equal(t, "trail", []string{"users:disown done", "users:register done"}, slices.Sorted(slices.Values(userstest.Audited(t, p, "users:"))))
	var cleared bool
	for _, m := range p.Mail(1) {
		cleared = cleared || m.Subject == "Your account was cleared" && strings.Contains(m.Text, "- passkey: 1,")
	}
	if !cleared {
		t.Error("the person is not mailed what was removed")
	}
}

// added lists what a person may add to their account and organization; left counts it.
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
	p := userstest.MountMail(t, false)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	userstest.Post(t, p, "", userstest.VerifyPath, userstest.ProofBody(p.Token(p.MailTo(ada.Email))), http.StatusNoContent)
	userstest.Exec(t, p, added[0], ada.ID, ada.OrganizationID)
	userstest.Exec(t, p, `UPDATE users SET email_verified_at = NULL`) // as provisioning does when it replaces an address
	userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(userstest.RequestReset(t, p, ada.Email, 1)), http.StatusNoContent)
	userstest.Equal(t, "passkeys", 1, userstest.Count(t, p, `SELECT count(*) FROM passkeys`))
}

func TestMailedToken_AskedAgain_IsTheOnlyOne(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	userstest.Registered(t, p, "ada@example.com", "")
	earlier, newest := userstest.RequestReset(t, p, "ada@example.com", 1), userstest.RequestReset(t, p, "ada@example.com", 2)
	userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(earlier), http.StatusUnprocessableEntity)
	userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(newest), http.StatusNoContent)
}
