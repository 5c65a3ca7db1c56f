package users_test

import (
	"net/http"
	"strings"
	"testing"

	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"

	"function/functions/users/register"
	"function/shared/function"
	"function/shared/platformtest"
)

const (
	verifyPath      = "/v1/users/email/verify"
	resendPath      = "/v1/users/email/verification"
	changeEmailPath = "/v1/users/email/change"
	confirmChange   = "/v1/users/email/change/confirm"
)

func emailBody(email string) map[string]string {
	return map[string]string{"email": email, "password": "correct horse"}
}

// heldBody is a token, and the proof that the account is the person's.
func heldBody(token string) map[string]string {
	return map[string]string{"token": token, "password": "correct horse"}
}

func TestAddressIsVerifiedByMail(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	registered(t, p, "ada@example.com", "")
	token := loggedIn(t, p, "ada@example.com").AccessToken
	first := p.Token(p.MailTo("ada@example.com"))
	post(t, p, "", resendPath, nil, http.StatusUnauthorized)
	for range 5 {
		post(t, p, token, resendPath, nil, http.StatusAccepted)
	}
	equal(t, "mails", 3, len(p.Mail(3)))
	newest := p.Token(p.MailTo("ada@example.com"))
	post(t, p, "", verifyPath, heldBody(first), http.StatusUnprocessableEntity)
	post(t, p, "", verifyPath, map[string]string{"token": newest, "password": "wrong horse"}, http.StatusUnprocessableEntity)

	statuses := atOnce(4, func(int) platformtest.Answer { return p.Do("", http.MethodPost, verifyPath, heldBody(newest)) })

	equal(t, "answers", map[int]int{http.StatusNoContent: 1, http.StatusUnprocessableEntity: 3}, statuses)
	equal(t, "verified", 1, count(t, p, `SELECT count(*) FROM users WHERE email_verified_at IS NOT NULL`))
	post(t, p, token, resendPath, nil, http.StatusConflict)
}

func TestAddressIsChangedByWhoReadsTheNewOne(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	ada := registered(t, p, "ada@example.com", "")
	token := loggedIn(t, p, "ada@example.com").AccessToken
	verification := p.Token(p.MailTo("ada@example.com"))
	reset := forgotten(t, p, "ada@example.com", 1)

	post(t, p, token, changeEmailPath, emailBody("countess@example.com"), http.StatusAccepted)
	if m := p.MailTo("ada@example.com"); !strings.Contains(m.Subject, "about to be changed") || strings.Contains(m.Text, "countess") {
		t.Errorf("the present address is told %q:\n%s", m.Subject, m.Text)
	}
	logIn(p, "countess@example.com", "correct horse").Want(t, http.StatusUnauthorized)
	change := p.Token(p.MailTo("countess@example.com"))
	statuses := atOnce(4, func(int) platformtest.Answer { return p.Do("", http.MethodPost, confirmChange, heldBody(change)) })

	equal(t, "answers", map[int]int{http.StatusNoContent: 1, http.StatusUnprocessableEntity: 3}, statuses)
	logIn(p, "ada@example.com", "correct horse").Want(t, http.StatusUnauthorized)
	tokens := platformtest.Decode[session.Tokens](t, logIn(p, "countess@example.com", "correct horse").Want(t, http.StatusOK))
	profile := platformtest.Decode[person.Account](t, p.Do(tokens.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK))
	if profile.Email != "countess@example.com" || profile.ID != ada.ID || profile.FirstName != ada.FirstName {
		t.Errorf("profile %+v", profile)
	}
	if m := p.MailTo("ada@example.com"); !strings.Contains(m.Subject, "was changed") {
		t.Errorf("the former address is told %q", m.Subject)
	}
	post(t, p, "", verifyPath, heldBody(verification), http.StatusUnprocessableEntity)
	post(t, p, "", resetPath, resetBody(reset), http.StatusUnprocessableEntity)
	equal(t, "audit", []string{"emails:ask_change done", "emails:change done", "emails:change refused", "emails:change refused", "emails:change refused", "emails:verify refused"},
		audited(t, p, "emails:"))
}

func TestChangeOfAddressIsRefused(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	registered(t, p, "ada@example.com", "")
	token := loggedIn(t, p, "ada@example.com").AccessToken
	before := len(p.Mail(1))
	post(t, p, "", changeEmailPath, emailBody("new@example.com"), http.StatusUnauthorized)
	post(t, p, token, changeEmailPath, map[string]string{"email": "new@example.com", "password": "wrong"}, http.StatusUnprocessableEntity)
	for _, email := range []string{"", "new", "Eve <eve@example.com>", "new@example.com\r\nBcc: eve@example.com", "a@example.com,b@example.com"} {
		post(t, p, token, changeEmailPath, emailBody(email), http.StatusUnprocessableEntity)
	}
	exec(t, p, `UPDATE sessions SET authenticated_at = now() - interval '1 hour'`)
	stale := platformtest.Answer{Status: http.StatusAccepted}
	for range 1000 { // until the verifier looks again
		if stale = p.Do(token, http.MethodPost, changeEmailPath, map[string]string{"email": "new@example.com", "password": "wrong"}); stale.Status == http.StatusUnauthorized {
			break
		}
	}
	stale.Want(t, http.StatusUnauthorized)
	if !strings.Contains(stale.Header.Get("WWW-Authenticate"), "insufficient_user_authentication") {
		t.Errorf("a stale proof is answered %v", stale.Header)
	}
	equal(t, "mails", before, len(p.Mail(1)))
}

func TestChangeOfAddress_AskedAgain_VoidsTheEarlierLink(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	registered(t, p, "ada@example.com", "")
	token := loggedIn(t, p, "ada@example.com").AccessToken
	post(t, p, token, changeEmailPath, emailBody("ada@exmaple.org"), http.StatusAccepted)
	mistyped := p.Token(p.MailTo("ada@exmaple.org"))
	post(t, p, token, changeEmailPath, emailBody("ada@example.org"), http.StatusAccepted)
	meant := p.Token(p.MailTo("ada@example.org"))

	post(t, p, "", confirmChange, heldBody(mistyped), http.StatusUnprocessableEntity)
	post(t, p, "", confirmChange, map[string]string{"token": meant, "password": "wrong horse"}, http.StatusUnprocessableEntity)
	post(t, p, "", confirmChange, heldBody(meant), http.StatusNoContent)
	logIn(p, "ada@example.org", "correct horse").Want(t, http.StatusOK)
}

func TestTakenAddressIsToldToTheTokensHolderOnly(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	taken := p.Login("owner").Email
	for _, email := range []string{"ada@example.com", "eve@example.com"} {
		registered(t, p, email, "")
	}
	ada, eve := loggedIn(t, p, "ada@example.com").AccessToken, loggedIn(t, p, "eve@example.com").AccessToken

	equal(t, "answers", string(post(t, p, ada, changeEmailPath, emailBody("free@example.com"), http.StatusAccepted).Body),
		string(post(t, p, eve, changeEmailPath, emailBody(taken), http.StatusAccepted).Body))
	holder := p.Token(p.MailTo(taken))
	post(t, p, "", confirmChange, heldBody(holder), http.StatusConflict)
	equal(t, "tokens left good by a refusal", 1, count(t, p, `SELECT count(*) FROM mailed_tokens WHERE hash = $1 AND used_at IS NULL`, store.TokenHash(holder)))
	logIn(p, "eve@example.com", "correct horse").Want(t, http.StatusOK)

	one := p.Token(p.MailTo("free@example.com"))
	post(t, p, eve, changeEmailPath, emailBody("free@example.com"), http.StatusAccepted)
	other := p.Token(p.MailTo("free@example.com"))
	tokens := []string{one, other}
	statuses := atOnce(2, func(i int) platformtest.Answer { return p.Do("", http.MethodPost, confirmChange, heldBody(tokens[i])) })
	equal(t, "two people at once", map[int]int{http.StatusNoContent: 1, http.StatusConflict: 1}, statuses)
}

func TestNewAddressIsNotFlooded(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	registered(t, p, "ada@example.com", "")
	token := loggedIn(t, p, "ada@example.com").AccessToken
	before := len(p.Mail(1))
	for range 6 {
		post(t, p, token, changeEmailPath, emailBody("victim@example.com"), http.StatusAccepted)
	}
	equal(t, "mails to both addresses", before+6, len(p.Mail(1)))
}

func TestChangeOfAddressThatFailsHalfWayCanBeDoneAgain(t *testing.T) {
	t.Parallel()
	p := mountMail(t, false)
	registered(t, p, "ada@example.com", "")
	post(t, p, loggedIn(t, p, "ada@example.com").AccessToken, changeEmailPath, emailBody("new@example.com"), http.StatusAccepted)
	token := p.Token(p.MailTo("new@example.com"))
	mend := failHalfWay(t, p, "mails")
	post(t, p, "", confirmChange, heldBody(token), http.StatusInternalServerError)
	logIn(p, "new@example.com", "correct horse").Want(t, http.StatusUnauthorized)
	mend()
	post(t, p, "", confirmChange, heldBody(token), http.StatusNoContent)
}

func TestWithoutAMailServer(t *testing.T) {
	t.Parallel()
	p := platformtest.NewWith(t, func(c *function.Config) { c.SMTPURL = "" }, mailedFlows...)
	registered(t, p, "ada@example.com", "")
	reused := loggedIn(t, p, "ada@example.com").RefreshToken
	exchange(p, reused).Want(t, http.StatusOK)
	exec(t, p, `UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds'`)
	exchange(p, reused).Want(t, http.StatusUnauthorized) // of which she would be told
	token := loggedIn(t, p, "ada@example.com").AccessToken
	post(t, p, "", forgotPath, map[string]string{"email": "ada@example.com"}, http.StatusServiceUnavailable)
	post(t, p, "", forgotPath, map[string]string{"email": "nobody@example.com"}, http.StatusServiceUnavailable)
	post(t, p, token, resendPath, nil, http.StatusServiceUnavailable)
	post(t, p, token, changeEmailPath, emailBody("new@example.com"), http.StatusServiceUnavailable)
	post(t, p, token, changePath, changeBody("correct horse", newPassword), http.StatusNoContent)
	equal(t, "mails queued", 0, count(t, p, `SELECT count(*) FROM mails`))

	env := function.NewEnv(function.Config{UsersDatabaseURL: p.Env.Config.UsersDatabaseURL, KeyURL: p.Env.Config.KeyURL, BlindIndexKey: p.Env.Config.BlindIndexKey, RegistrationConfirmation: true})
	defer env.Close()
	if _, err := register.New(t.Context(), env); err == nil {
		t.Error("registrations are to be confirmed by mail that cannot be sent")
	}
}
