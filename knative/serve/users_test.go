package main

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"function/functions/users/userstest"
	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
)

const (
	oldPassword = "correct horse"
	newPassword = "another battery"

	registerPath = "/v1/users/register"
	confirmPath  = "/v1/users/email/confirm"
	loginPath    = "/v1/users/login"
	refreshPath  = "/v1/users/refresh"
	profilePath  = "/v1/users/profile"
	changePath   = "/v1/users/password/change"
	resetPath    = "/v1/users/password/reset"
)

// accounts is a platform next to the process that is killed, with helpers to inspect an account.
func accounts(t *testing.T, confirmation bool) *platformtest.Platform {
	t.Helper()
	return platformtest.NewWith(t, func(c *function.Config) { c.RegistrationConfirmation = confirmation },
		find(t, "users-register", "users-confirm-registration", "users-login", "users-refresh", "users-profile", "users-change-password", "users-reset-password")...)
}

func execute(t *testing.T, p *platformtest.Platform, query string, arguments ...any) {
	t.Helper()
	if _, err := p.DB(database.Users).Exec(context.Background(), query, arguments...); err != nil {
		t.Fatal(err)
	}
}

func address(n int) string { return fmt.Sprintf("ada%d@example.com", n) }

func personBody(n int) map[string]string {
	return map[string]string{"email": address(n), "password": oldPassword, "first_name": "Ada", "last_name": "Lovelace"}
}

func register(t *testing.T, p *platformtest.Platform, n int) userstest.Account {
	t.Helper()
	return platformtest.Decode[userstest.Account](t, p.Do("", http.MethodPost, registerPath, personBody(n)).Want(t, http.StatusCreated))
}

func credentials(n int, password string) map[string]string {
	return map[string]string{"email": address(n), "password": password}
}

// logsIn reports whether a password is correct.
func logsIn(t *testing.T, p *platformtest.Platform, n int, password string) bool {
	t.Helper()
	answer := p.Do("", http.MethodPost, loginPath, credentials(n, password))
	if answer.Status != http.StatusUnauthorized {
		answer.Want(t, http.StatusOK)
	}
	return answer.Status == http.StatusOK
}

func logIn(t *testing.T, p *platformtest.Platform, n int) userstest.Tokens {
	t.Helper()
	return platformtest.Decode[userstest.Tokens](t, p.Do("", http.MethodPost, loginPath, credentials(n, oldPassword)).Want(t, http.StatusOK))
}

// lives reports whether a session is still valid.
func lives(t *testing.T, p *platformtest.Platform, session userstest.Tokens) bool {
	t.Helper()
	answer := p.Do("", http.MethodPost, refreshPath, map[string]string{"refresh_token": session.RefreshToken})
	if answer.Status != http.StatusUnauthorized {
		answer.Want(t, http.StatusOK)
	}
	return answer.Status == http.StatusOK
}

func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if want != got {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestRegistration_ProcessKilledAtAnyStep_IsWholeOrNothing(t *testing.T) {
	t.Parallel()
	p := accounts(t, false)
	killEverywhere(t, p, deed{
		service: "users-register", status: http.StatusCreated,
		whole: changes{
			"users": 1, "organizations": 1, "memberships": 1, "user_registrations_total": 1, "audit_entries": 1,
			"mails": 1, "mailed_tokens": 1, "events": 2, // of the person and of the mail
		},
		prepare: func(n int) attempt {
			return attempt{path: registerPath, body: personBody(n), then: func(t *testing.T, _ *platformtest.Answer) {
				equal(t, "the person can log in", true, logsIn(t, p, n, oldPassword))
				p.Do("", http.MethodPost, registerPath, personBody(n)).Want(t, http.StatusConflict)
			}}
		},
	})
}

func TestUnconfirmedRegistration_ProcessKilledAtAnyStep_IsWholeOrNothing(t *testing.T) {
	t.Parallel()
	p := accounts(t, true)
	killEverywhere(t, p, deed{
		service: "users-register", status: http.StatusAccepted,
		whole: changes{"registrations": 1, "audit_entries": 1, "events": 1}, // which causes the mail
		prepare: func(n int) attempt {
			return attempt{path: registerPath, body: personBody(n), then: func(t *testing.T, _ *platformtest.Answer) {
				p.Do("", http.MethodPost, registerPath, personBody(n)).Want(t, http.StatusAccepted)
			}}
		},
	})
}

func TestConfirmation_ProcessKilledAtAnyStep_IsWholeOrNothing(t *testing.T) {
	t.Parallel()
	p := accounts(t, true)
	killEverywhere(t, p, deed{
		service: "users-confirm-registration", status: http.StatusCreated,
		whole: changes{
			"registrations": -1, "users": 1, "verified addresses": 1, "organizations": 1, "memberships": 1,
			"user_registrations_total": 1, "audit_entries": 1, "events": 1,
		},
		prepare: func(n int) attempt {
			p.Do("", http.MethodPost, registerPath, personBody(n)).Want(t, http.StatusAccepted)
			token := userstest.NewToken()
			execute(t, p, `UPDATE registrations SET token_hash = $1`, userstest.TokenHash(token)) // as if it had been mailed
			confirm := map[string]string{"token": token, "password": oldPassword}
			return attempt{path: confirmPath, body: confirm, then: func(t *testing.T, _ *platformtest.Answer) {
				equal(t, "the person can log in", true, logsIn(t, p, n, oldPassword))
				p.Do("", http.MethodPost, confirmPath, confirm).Want(t, http.StatusUnprocessableEntity)
			}}
		},
	})
}

func TestLogin_ProcessKilledAtAnyStep_IsWholeOrNothing(t *testing.T) {
	t.Parallel()
	p := accounts(t, false)
	register(t, p, 0)
	logIn(t, p, 0) // the first login creates the signing key
	killEverywhere(t, p, deed{
		service: "users-login", status: http.StatusOK,
		whole: changes{
			"sessions": 1, "refresh_tokens": 1, "user_logins_total": 1, "audit_entries": 1, "events": 1,
			"login_failures": -2, // for the account, and for the account from this address
		},
		prepare: func(int) attempt {
			equal(t, "a wrong password logs in", false, logsIn(t, p, 0, newPassword))
			return attempt{path: loginPath, body: credentials(0, oldPassword), then: func(t *testing.T, answer *platformtest.Answer) {
				equal(t, "the person can log in again", true, logsIn(t, p, 0, oldPassword))
				if answer == nil {
					return
				}
				session := platformtest.Decode[userstest.Tokens](t, *answer)
				p.Do(session.AccessToken, http.MethodGet, profilePath, nil).Want(t, http.StatusOK)
				equal(t, "the session that was promised lives", true, lives(t, p, session))
			}}
		},
	})
}

// replaced checks that only the new password is valid.
func replaced(t *testing.T, p *platformtest.Platform, n int, other userstest.Tokens) {
	t.Helper()
	equal(t, "the old password logs in", false, logsIn(t, p, n, oldPassword))
	equal(t, "the new password logs in", true, logsIn(t, p, n, newPassword))
	equal(t, "another session lives", false, lives(t, p, other))
}

// member registers a person whose organization keeps a password history.
func member(t *testing.T, p *platformtest.Platform, n int) userstest.Account {
	t.Helper()
	account := register(t, p, n)
	execute(t, p, `UPDATE organizations SET settings = '{"password_history": 3}' WHERE id = $1`, account.OrganizationID)
	return account
}

func TestPasswordChange_ProcessKilledAtAnyStep_IsWholeOrNothing(t *testing.T) {
	t.Parallel()
	p := accounts(t, false)
	killEverywhere(t, p, deed{
		service: "users-change-password", status: http.StatusNoContent,
		whole: changes{
			"password_history": 1, "ended sessions": 1, "audit_entries": 1, "mails": 1, "events": 1, // for the mail
			"used tokens": 1, // the token of the registration, now void
		},
		prepare: func(n int) attempt {
			member(t, p, n)
			own, other := logIn(t, p, n), logIn(t, p, n)
			change := map[string]string{"current_password": oldPassword, "new_password": newPassword}
			return attempt{token: own.AccessToken, path: changePath, body: change, then: func(t *testing.T, _ *platformtest.Answer) {
				replaced(t, p, n, other)
				equal(t, "the session of the change lives", true, lives(t, p, own))
			}}
		},
	})
}

const insertReset = `
INSERT INTO mailed_tokens (hash, purpose, user_id, expires_at) VALUES ($1, 'password_reset', $2, now() + interval '1 hour')`

func TestPasswordReset_ProcessKilledAtAnyStep_IsWholeOrNothing(t *testing.T) {
	t.Parallel()
	p := accounts(t, false)
	killEverywhere(t, p, deed{
		service: "users-reset-password", status: http.StatusNoContent,
		whole: changes{
			"password_history": 1, "ended sessions": 1, "verified addresses": 1, "audit_entries": 1, "mails": 1, "events": 1, // for the mail
			"used tokens":    2,  // this one, and the token of the registration, now void
			"login_failures": -2, // for the account, and for the account from this address
		},
		prepare: func(n int) attempt {
			account, token := member(t, p, n), userstest.NewToken()
			other := logIn(t, p, n)
			equal(t, "a wrong password logs in", false, logsIn(t, p, n, newPassword))
			execute(t, p, insertReset, userstest.TokenHash(token), account.ID) // as if it had been mailed
			reset := map[string]string{"token": token, "password": newPassword}
			return attempt{path: resetPath, body: reset, then: func(t *testing.T, _ *platformtest.Answer) {
				replaced(t, p, n, other)
				p.Do("", http.MethodPost, resetPath, reset).Want(t, http.StatusUnprocessableEntity)
			}}
		},
	})
}
