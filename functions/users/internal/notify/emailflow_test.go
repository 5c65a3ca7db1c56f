package notify_test

import (
	"net/http"
	"strings"
	"testing"

	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/functions/users/internal/userstest"
	"function/functions/users/register"
	"function/shared/function"
	"function/shared/platformtest"
)

const resendPath = "/v1/users/email/verification"

func TestVerifyEmail_MailedToken_VerifiesTheAddress(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	userstest.Registered(t, p, "ada@example.com", "")
	token := userstest.LoggedIn(t, p, "ada@example.com").AccessToken
	first := p.Token(p.MailTo("ada@example.com"))
	userstest.Post(t, p, "", resendPath, nil, http.StatusUnauthorized)
	for range 5 {
		userstest.Post(t, p, token, resendPath, nil, http.StatusAccepted)
	}
	userstest.Equal(t, "mails", 3, len(p.Mail(3)))
	newest := p.Token(p.MailTo("ada@example.com"))
	userstest.Post(t, p, "", userstest.VerifyPath, userstest.ProofBody(first), http.StatusUnprocessableEntity)
	userstest.Post(t, p, "", userstest.VerifyPath, map[string]string{"token": newest, "password": "wrong horse"}, http.StatusUnprocessableEntity)

	statuses := userstest.Concurrently(4, func(int) platformtest.Answer {
		return p.Do("", http.MethodPost, userstest.VerifyPath, userstest.ProofBody(newest))
	})

	userstest.Equal(t, "answers", map[int]int{http.StatusNoContent: 1, http.StatusUnprocessableEntity: 3}, statuses)
	userstest.Equal(t, "verified", 1, userstest.Count(t, p, `SELECT count(*) FROM users WHERE email_verified_at IS NOT NULL`))
	userstest.Post(t, p, token, resendPath, nil, http.StatusConflict)
}

func TestChangeEmail_TokenFromTheNewAddress_ChangesIt(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	token := userstest.LoggedIn(t, p, "ada@example.com").AccessToken
	verification := p.Token(p.MailTo("ada@example.com"))
	reset := userstest.RequestReset(t, p, "ada@example.com", 1)

	userstest.Post(t, p, token, userstest.ChangeEmailPath, userstest.EmailBody("countess@example.com"), http.StatusAccepted)
	if m := p.MailTo("ada@example.com"); !strings.Contains(m.Subject, "about to be changed") || strings.Contains(m.Text, "countess") {
		t.Errorf("the present address is told %q:\n%s", m.Subject, m.Text)
	}
	userstest.LogIn(p, "countess@example.com", "correct horse").Want(t, http.StatusUnauthorized)
	change := p.Token(p.MailTo("countess@example.com"))
	statuses := userstest.Concurrently(4, func(int) platformtest.Answer {
		return p.Do("", http.MethodPost, userstest.ConfirmChange, userstest.ProofBody(change))
	})

	userstest.Equal(t, "answers", map[int]int{http.StatusNoContent: 1, http.StatusUnprocessableEntity: 3}, statuses)
	userstest.LogIn(p, "ada@example.com", "correct horse").Want(t, http.StatusUnauthorized)
	tokens := platformtest.Decode[session.Tokens](t, userstest.LogIn(p, "countess@example.com", "correct horse").Want(t, http.StatusOK))
	profile := platformtest.Decode[person.Account](t, p.Do(tokens.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK))
	if profile.Email != "countess@example.com" || profile.ID != ada.ID || profile.FirstName != ada.FirstName {
		t.Errorf("profile %+v", profile)
	}
	if m := p.MailTo("ada@example.com"); !strings.Contains(m.Subject, "was changed") {
		t.Errorf("the former address is told %q", m.Subject)
	}
	userstest.Post(t, p, "", userstest.VerifyPath, userstest.ProofBody(verification), http.StatusUnprocessableEntity)
	userstest.Post(t, p, "", userstest.ResetPath, userstest.ResetBody(reset), http.StatusUnprocessableEntity)
	userstest.Equal(t, "audit", []string{"emails:ask_change done", "emails:change done", "emails:change refused", "emails:change refused", "emails:change refused", "emails:verify refused"},
		userstest.Audited(t, p, "emails:"))
}

func TestChangeOfAddressIsRefused(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	userstest.Registered(t, p, "ada@example.com", "")
	token := userstest.LoggedIn(t, p, "ada@example.com").AccessToken
	before := len(p.Mail(1))
	userstest.Post(t, p, "", userstest.ChangeEmailPath, userstest.EmailBody("new@example.com"), http.StatusUnauthorized)
	userstest.Post(t, p, token, userstest.ChangeEmailPath, map[string]string{"email": "new@example.com", "password": "wrong"}, http.StatusUnprocessableEntity)
	for _, email := range []string{"", "new", "Eve <eve@example.com>", "new@example.com\r\nBcc: eve@example.com", "a@example.com,b@example.com"} {
		userstest.Post(t, p, token, userstest.ChangeEmailPath, userstest.EmailBody(email), http.StatusUnprocessableEntity)
	}
	userstest.Exec(t, p, `UPDATE sessions SET authenticated_at = now() - interval '1 hour'`)
	stale := platformtest.Answer{Status: http.StatusAccepted}
	for range 1000 { // until the verifier looks again
		if stale = p.Do(token, http.MethodPost, userstest.ChangeEmailPath, map[string]string{"email": "new@example.com", "password": "wrong"}); stale.Status == http.StatusUnauthorized {
			break
		}
	}
	stale.Want(t, http.StatusUnauthorized)
	if !strings.Contains(stale.Header.Get("WWW-Authenticate"), "insufficient_user_authentication") {
		t.Errorf("a stale proof is answered %v", stale.Header)
	}
	userstest.Equal(t, "mails", before, len(p.Mail(1)))
}

func TestChangeOfAddress_AskedAgain_VoidsTheEarlierLink(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	userstest.Registered(t, p, "ada@example.com", "")
	token := userstest.LoggedIn(t, p, "ada@example.com").AccessToken
	userstest.Post(t, p, token, userstest.ChangeEmailPath, userstest.EmailBody("ada@exmaple.org"), http.StatusAccepted)
	mistyped := p.Token(p.MailTo("ada@exmaple.org"))
	userstest.Post(t, p, token, userstest.ChangeEmailPath, userstest.EmailBody("ada@example.org"), http.StatusAccepted)
	meant := p.Token(p.MailTo("ada@example.org"))

	userstest.Post(t, p, "", userstest.ConfirmChange, userstest.ProofBody(mistyped), http.StatusUnprocessableEntity)
	userstest.Post(t, p, "", userstest.ConfirmChange, map[string]string{"token": meant, "password": "wrong horse"}, http.StatusUnprocessableEntity)
	userstest.Post(t, p, "", userstest.ConfirmChange, userstest.ProofBody(meant), http.StatusNoContent)
	userstest.LogIn(p, "ada@example.org", "correct horse").Want(t, http.StatusOK)
}

func TestChangeEmail_TakenAddress_OnlyTheTokenHolderLearns(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	taken := p.Login("owner").Email
	for _, email := range []string{"ada@example.com", "eve@example.com"} {
		userstest.Registered(t, p, email, "")
	}
	ada, eve := userstest.LoggedIn(t, p, "ada@example.com").AccessToken, userstest.LoggedIn(t, p, "eve@example.com").AccessToken

	userstest.Equal(t, "answers", string(userstest.Post(t, p, ada, userstest.ChangeEmailPath, userstest.EmailBody("free@example.com"), http.StatusAccepted).Body),
		string(userstest.Post(t, p, eve, userstest.ChangeEmailPath, userstest.EmailBody(taken), http.StatusAccepted).Body))
	holder := p.Token(p.MailTo(taken))
	userstest.Post(t, p, "", userstest.ConfirmChange, userstest.ProofBody(holder), http.StatusConflict)
	userstest.Equal(t, "tokens left good by a refusal", 1, userstest.Count(t, p, `SELECT count(*) FROM mailed_tokens WHERE hash = $1 AND used_at IS NULL`, store.TokenHash(holder)))
	userstest.LogIn(p, "eve@example.com", "correct horse").Want(t, http.StatusOK)

	one := p.Token(p.MailTo("free@example.com"))
	userstest.Post(t, p, eve, userstest.ChangeEmailPath, userstest.EmailBody("free@example.com"), http.StatusAccepted)
	other := p.Token(p.MailTo("free@example.com"))
	tokens := []string{one, other}
	statuses := userstest.Concurrently(2, func(i int) platformtest.Answer {
		return p.Do("", http.MethodPost, userstest.ConfirmChange, userstest.ProofBody(tokens[i]))
	})
	userstest.Equal(t, "two people at once", map[int]int{http.StatusNoContent: 1, http.StatusConflict: 1}, statuses)
}

func TestChangeEmail_ManyRequests_MailFew(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	userstest.Registered(t, p, "ada@example.com", "")
	token := userstest.LoggedIn(t, p, "ada@example.com").AccessToken
	before := len(p.Mail(1))
	for range 6 {
		userstest.Post(t, p, token, userstest.ChangeEmailPath, userstest.EmailBody("victim@example.com"), http.StatusAccepted)
	}
	userstest.Equal(t, "mails to both addresses", before+6, len(p.Mail(1)))
}

func TestChangeEmail_FailsHalfWay_CanBeRepeated(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	userstest.Registered(t, p, "ada@example.com", "")
	userstest.Post(t, p, userstest.LoggedIn(t, p, "ada@example.com").AccessToken, userstest.ChangeEmailPath, userstest.EmailBody("new@example.com"), http.StatusAccepted)
	token := p.Token(p.MailTo("new@example.com"))
	mend := userstest.BreakTable(t, p, "mails")
	userstest.Post(t, p, "", userstest.ConfirmChange, userstest.ProofBody(token), http.StatusInternalServerError)
	userstest.LogIn(p, "new@example.com", "correct horse").Want(t, http.StatusUnauthorized)
	mend()
	userstest.Post(t, p, "", userstest.ConfirmChange, userstest.ProofBody(token), http.StatusNoContent)
}

func TestWithoutAMailServer(t *testing.T) {
	t.Parallel()
	p := platformtest.NewWith(t, func(c *function.Config) { c.SMTPURL = "" }, userstest.MailedFlows...)
	userstest.Registered(t, p, "ada@example.com", "")
	reused := userstest.LoggedIn(t, p, "ada@example.com").RefreshToken
	userstest.Exchange(p, reused).Want(t, http.StatusOK)
	userstest.Exec(t, p, `UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds'`)
	userstest.Exchange(p, reused).Want(t, http.StatusUnauthorized) // of which she would be told
	token := userstest.LoggedIn(t, p, "ada@example.com").AccessToken
	userstest.Post(t, p, "", userstest.ForgotPath, map[string]string{"email": "ada@example.com"}, http.StatusServiceUnavailable)
	userstest.Post(t, p, "", userstest.ForgotPath, map[string]string{"email": "nobody@example.com"}, http.StatusServiceUnavailable)
	userstest.Post(t, p, token, resendPath, nil, http.StatusServiceUnavailable)
	userstest.Post(t, p, token, userstest.ChangeEmailPath, userstest.EmailBody("new@example.com"), http.StatusServiceUnavailable)
	userstest.Post(t, p, token, userstest.ChangePath, userstest.ChangeBody("correct horse", userstest.NewPassword), http.StatusNoContent)
	userstest.Equal(t, "mails queued", 0, userstest.Count(t, p, `SELECT count(*) FROM mails`))

	env := function.NewEnv(function.Config{UsersDatabaseURL: p.Env.Config.UsersDatabaseURL, KeyURL: p.Env.Config.KeyURL, BlindIndexKey: p.Env.Config.BlindIndexKey, RegistrationConfirmation: true})
	defer env.Close()
	if _, err := register.New(t.Context(), env); err == nil {
		t.Error("registrations are to be confirmed by mail that cannot be sent")
	}
}
