package credential_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image/png"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	otp "github.com/pquerna/otp/totp"

	"function/functions/users/administer"
	approvemember "function/functions/users/approve-member"
	getsecondfactors "function/functions/users/get-second-factors"
	"function/functions/users/internal/credential"
	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/functions/users/internal/userstest"
	"function/functions/users/login"
	loginwithpasskey "function/functions/users/login-with-passkey"
	"function/functions/users/passkeys"
	"function/functions/users/profile"
	"function/functions/users/refresh"
	"function/functions/users/register"
	replacerecoverycodes "function/functions/users/replace-recovery-codes"
	stepup "function/functions/users/step-up"
	"function/functions/users/totp"
	verifysecondfactor "function/functions/users/verify-second-factor"
	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
)

func mountFactors(t *testing.T, change func(*function.Config), more ...function.Declaration) *platformtest.Platform {
	return platformtest.NewWith(t, change, append(more,
		register.Service,
		login.Service,
		refresh.Service,
		profile.Service,
		approvemember.Service,
		getsecondfactors.Service,
		totp.Service,
		replacerecoverycodes.Service,
		passkeys.Service,
		loginwithpasskey.Service,
		verifysecondfactor.Service,
		stepup.Service,
	)...)
}

// secondFactorsAndAdmin mounts the functions for second factors and those of platform admins.
func secondFactorsAndAdmin(t *testing.T) *platformtest.Platform {
	return mountFactors(t, func(c *function.Config) { c.WebAuthnOrigins = []string{"http://localhost:8080"} },
		administer.Service)
}

func factors(t *testing.T) *platformtest.Platform {
	return mountFactors(t, func(c *function.Config) { c.WebAuthnOrigins = []string{"http://localhost:8080"} })
}

// now returns the current code of the app.
func now(t *testing.T, secret string) string {
	t.Helper()
	code, err := otp.GenerateCode(secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// wrong returns a code that is not valid at any time near.
func wrong(t *testing.T, secret string) string {
	t.Helper()
	var near []string
	for step := -3; step <= 3; step++ {
		code, err := otp.GenerateCode(secret, time.Now().Add(time.Duration(step)*30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		near = append(near, code)
	}
	for n := 0; ; n++ {
		if code := fmt.Sprintf("%06d", n); !slices.Contains(near, code) {
			return code
		}
	}
}

// unused makes the last code valid again, so that tests need not wait for the next one.
func unused(t *testing.T, p *platformtest.Platform) {
	t.Helper()
	userstest.Exec(t, p, `UPDATE totp_secrets SET last_step = 0`)
}

type confirmed struct {
	RecoveryCodes []string `json:"recovery_codes"`
}

func enrolled(t *testing.T, p *platformtest.Platform, token string) (secret string, codes []string) {
	t.Helper()
	e := platformtest.Decode[credential.TOTPEnrolment](t, p.Do(token, http.MethodPost, "/v1/users/mfa/totp", nil).Want(t, http.StatusCreated))
	c := p.Do(token, http.MethodPost, "/v1/users/mfa/totp/confirm", map[string]string{"code": now(t, e.Secret)}).Want(t, http.StatusOK)
	unused(t, p)
	return e.Secret, platformtest.Decode[confirmed](t, c).RecoveryCodes
}

// demanded logs in with the password and returns the request for a second factor.
func demanded(t *testing.T, p *platformtest.Platform, email string) credential.SecondFactorDemand {
	t.Helper()
	answer := p.Do("", http.MethodPost, "/v1/users/login", `{"email": "`+email+`", "password": "correct horse"}`).Want(t, http.StatusOK)
	if bytes.Contains(answer.Body, []byte("access_token")) || bytes.Contains(answer.Body, []byte("refresh_token")) {
		t.Fatalf("tokens before the second factor: %s", answer.Body)
	}
	demand := platformtest.Decode[credential.SecondFactorDemand](t, answer)
	if !demand.MFARequired || demand.MFAToken == "" || demand.ExpiresIn != 300 {
		t.Fatalf("no demand for a second factor: %s", answer.Body)
	}
	return demand
}

func verify(p *platformtest.Platform, token, field string, proof any) platformtest.Answer {
	return p.Do("", http.MethodPost, "/v1/users/mfa/verify", map[string]any{"mfa_token": token, field: proof})
}

// methods returns the authentication methods in an access token.
func methods(t *testing.T, token string) []string {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Methods []string `json:"amr"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims.Methods
}

type entry struct{ Action, Result, Reason string }

// trailOf returns the audit entries of a person's action in their organization.
func trailOf(t *testing.T, p *platformtest.Platform, of person.Account, action string) []entry {
	t.Helper()
	rows, _ := p.DB(database.Users).Query(context.Background(),
		`SELECT action, result, reason FROM audit_entries WHERE actor_id = $1 AND organization_id = $2 AND action = $3 ORDER BY id`, of.ID, of.OrganizationID, action)
	entries, err := pgx.CollectRows(rows, pgx.RowToStructByName[entry])
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// told checks how many mails contain a sentence.
func told(t *testing.T, p *platformtest.Platform, n int, sentence string) {
	t.Helper()
	found := 0
	for _, m := range p.Mail(0) {
		if strings.Contains(strings.Join(strings.Fields(m.Text), " "), sentence) {
			found++
		}
	}
	if found != n {
		t.Errorf("%d mails say %q, want %d", found, sentence, n)
	}
}

func TestAuthenticatorAppCompletesALogin(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	first := userstest.LoggedIn(t, p, ada.Email)

	e := platformtest.Decode[credential.TOTPEnrolment](t, p.Do(first.AccessToken, http.MethodPost, "/v1/users/mfa/totp", nil).Want(t, http.StatusCreated))
	uri, err := url.Parse(e.URI)
	if err != nil || uri.Scheme != "otpauth" || uri.Host != "totp" || uri.Query().Get("secret") != e.Secret || uri.Query().Get("issuer") != credential.ServiceName || len(e.Secret) != 32 {
		t.Errorf("URI %v of secret %s (%v)", uri, e.Secret, err)
	}
	picture, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(e.QR, "data:image/png;base64,"))
	if err != nil {
		t.Fatal(err)
	}
	if qr, err := png.Decode(bytes.NewReader(picture)); err != nil || qr.Bounds().Dx() != 256 {
		t.Errorf("QR code: %v", err)
	}
	userstest.LoggedIn(t, p, ada.Email) // an unconfirmed app is not a factor yet
	p.Do(first.AccessToken, http.MethodPost, "/v1/users/mfa/totp/confirm", map[string]string{"code": wrong(t, e.Secret)}).Want(t, http.StatusUnprocessableEntity)

	secret, codes := enrolled(t, p, first.AccessToken)
	if secret == e.Secret {
		t.Error("the secret that was begun anew is the same")
	}
	if len(codes) != 10 || len(slices.Compact(slices.Sorted(slices.Values(codes)))) != 10 {
		t.Errorf("recovery codes %v, want ten different ones", codes)
	}
	p.Do(first.AccessToken, http.MethodPost, "/v1/users/mfa/totp", nil).Want(t, http.StatusConflict)
	p.Do(first.AccessToken, http.MethodPost, "/v1/users/mfa/totp/confirm", map[string]string{"code": now(t, secret)}).Want(t, http.StatusConflict)

	demand := demanded(t, p, ada.Email)
	if diff := cmp.Diff([]string{"totp", "recovery_code"}, demand.MFAMethods); diff != "" {
		t.Error(diff)
	}
	verify(p, demand.MFAToken, "code", wrong(t, secret)).Want(t, http.StatusUnauthorized)
	tokens := platformtest.Decode[session.Tokens](t, verify(p, demand.MFAToken, "code", now(t, secret)).Want(t, http.StatusOK))
	p.Do(tokens.AccessToken, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK)
	next := platformtest.Decode[session.Tokens](t, userstest.Exchange(p, tokens.RefreshToken).Want(t, http.StatusOK))
	for _, token := range []string{tokens.AccessToken, next.AccessToken} {
		if diff := cmp.Diff([]string{"pwd", "otp", "mfa"}, methods(t, token)); diff != "" {
			t.Error(diff)
		}
	}
	verify(p, demand.MFAToken, "recovery_code", codes[0]).Want(t, http.StatusUnauthorized) // the login is complete

	if diff := cmp.Diff([]entry{{"second_factor:verify", "refused", "wrong_code"}, {"second_factor:verify", "done", ""}}, trailOf(t, p, ada, "second_factor:verify")); diff != "" {
		t.Error(diff)
	}
	if begun := trailOf(t, p, ada, "sessions:begin"); len(begun) != 3 {
		t.Errorf("the trail has the sessions %v, want the two before the app and the one with it", begun)
	}
	told(t, p, 1, "you need a code from your authenticator app")
	var accepted float64
	err = p.DB(database.Users).QueryRow(context.Background(),
		`SELECT value FROM published.metrics WHERE name = 'user_mfa_total' AND labels = '{"method": "totp", "result": "accepted"}'`).Scan(&accepted)
	if err != nil || accepted != 1 {
		t.Errorf("user_mfa_total counts %v (%v)", accepted, err)
	}
}

func TestSecretsOfFactorsAreNotInTheDatabase(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	plain, codes := enrolled(t, p, userstest.LoggedIn(t, p, ada.Email).AccessToken)
	var rows string
	err := p.DB(database.Users).QueryRow(context.Background(), `
SELECT string_agg(encode(r, 'escape'), ' ') FROM (SELECT secret FROM totp_secrets UNION ALL SELECT hash FROM recovery_codes
UNION ALL SELECT hash FROM challenges) AS t (r)`).Scan(&rows)
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range codes {
		if !regexp.MustCompile(`^[a-z2-7]{4}(-[a-z2-7]{4}){5}$`).MatchString(code) {
			t.Errorf("code %s is not 120 bits in six groups of base32", code)
		}
	}
	for _, text := range append(codes, plain, strings.ReplaceAll(codes[0], "-", "")) {
		if strings.Contains(rows, text) {
			t.Errorf("%s is stored as it is", text)
		}
	}
}

func TestCodeIsGoodOnce(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	secret, _ := enrolled(t, p, userstest.LoggedIn(t, p, ada.Email).AccessToken)
	code := now(t, secret)
	answers := make([]platformtest.Answer, 6)
	var wg sync.WaitGroup
	for i := range answers {
		token := demanded(t, p, ada.Email).MFAToken
		wg.Go(func() { answers[i] = verify(p, token, "code", code) })
	}
	wg.Wait()
	won := 0
	for _, a := range answers {
		if a.Status == http.StatusOK {
			won++
		} else {
			a.Want(t, http.StatusUnauthorized)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d logins with one code succeeded, want 1", won, len(answers))
	}
}

func TestRecoveryCodeIsGoodOnceAndThePersonIsTold(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	eve := userstest.Registered(t, p, "eve@example.com", "")
	began := userstest.LoggedIn(t, p, ada.Email).AccessToken
	_, codes := enrolled(t, p, began)
	_, others := enrolled(t, p, userstest.LoggedIn(t, p, eve.Email).AccessToken)

	demand := demanded(t, p, ada.Email)
	for _, no := range []string{others[0], codes[0] + "a", "x"} {
		verify(p, demand.MFAToken, "recovery_code", no).Want(t, http.StatusUnauthorized)
	}
	tokens := platformtest.Decode[session.Tokens](t, verify(p, demand.MFAToken, "recovery_code", " "+strings.ToUpper(codes[0])).Want(t, http.StatusOK))
	if diff := cmp.Diff([]string{"pwd", "otp", "mfa"}, methods(t, tokens.AccessToken)); diff != "" {
		t.Error(diff)
	}
	told(t, p, 1, "You logged in with a recovery code, which cannot be used again. You have 9 left.")
	verify(p, demanded(t, p, ada.Email).MFAToken, "recovery_code", codes[0]).Want(t, http.StatusUnauthorized)

	replaced := p.Do(began, http.MethodPost, "/v1/users/mfa/recovery-codes", nil).Want(t, http.StatusOK)
	verify(p, demanded(t, p, ada.Email).MFAToken, "recovery_code", codes[1]).Want(t, http.StatusUnauthorized)
	verify(p, demanded(t, p, ada.Email).MFAToken, "recovery_code", platformtest.Decode[confirmed](t, replaced).RecoveryCodes[9]).Want(t, http.StatusOK)

	nobody := userstest.LoggedIn(t, p, userstest.Registered(t, p, "bob@example.com", "").Email).AccessToken
	p.Do(nobody, http.MethodPost, "/v1/users/mfa/recovery-codes", nil).Want(t, http.StatusConflict)
}

func TestOneLoginBeginsOneSessionWhateverIsProvedAtOnce(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	_, codes := enrolled(t, p, userstest.LoggedIn(t, p, ada.Email).AccessToken)
	token := demanded(t, p, ada.Email).MFAToken
	answers := make([]platformtest.Answer, 5)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = verify(p, token, "recovery_code", codes[i]) })
	}
	wg.Wait()
	won := 0
	for _, a := range answers {
		if a.Status == http.StatusOK {
			won++
		}
	}
	var left int
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM recovery_codes WHERE used_at IS NULL`).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if won != 1 || left != 9 {
		t.Errorf("%d sessions and %d codes left of one login, want 1 and 9", won, left)
	}
}

func TestGuessesEndALoginAndThenSlowDown(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	secret, codes := enrolled(t, p, userstest.LoggedIn(t, p, ada.Email).AccessToken)
	for range 2 {
		token := demanded(t, p, ada.Email).MFAToken
		for range store.MaxCodeAttempts {
			verify(p, token, "code", wrong(t, secret)).Want(t, http.StatusUnauthorized)
		}
		verify(p, token, "code", now(t, secret)).Want(t, http.StatusUnauthorized)
	}
	told(t, p, 1, "a wrong second factor 5 times") // at most once an hour

	token := demanded(t, p, ada.Email).MFAToken
	limited := verify(p, token, "code", now(t, secret))
	for limited.Status != http.StatusTooManyRequests { // the tenth guess, or one of the next, begins the first delay
		limited.Want(t, http.StatusUnauthorized)
		limited = verify(p, token, "code", wrong(t, secret))
	}
	if limited.Header.Get("Retry-After") == "" {
		t.Error("nothing tells when to try again")
	}
	verify(p, demanded(t, p, ada.Email).MFAToken, "recovery_code", codes[0]).Want(t, http.StatusOK) // its owner gets in
}

func TestPendingLoginEnds(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	_, codes := enrolled(t, p, userstest.LoggedIn(t, p, ada.Email).AccessToken)
	for i, end := range []string{
		`UPDATE challenges SET expires_at = now()`,
		`UPDATE users SET password_changed_at = now()`,
		`UPDATE users SET suspended_at = now()`,
	} {
		token := demanded(t, p, ada.Email).MFAToken
		userstest.Exec(t, p, end)
		verify(p, token, "recovery_code", codes[i]).Want(t, http.StatusUnauthorized)
		p.Do("", http.MethodPost, "/v1/users/mfa/verify/passkey", map[string]string{"mfa_token": token}).Want(t, http.StatusUnauthorized)
		userstest.Exec(t, p, `UPDATE users SET suspended_at = NULL`)
	}
}

func TestStepUpRenewsAnOldProof(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	session := userstest.LoggedIn(t, p, ada.Email).AccessToken
	old := func() {
		userstest.Exec(t, p, `UPDATE sessions SET authenticated_at = now() - interval '1 hour', second_factor_at = second_factor_at - interval '1 hour'`)
		time.Sleep(600 * time.Millisecond) // until cached sessions expire
		answer := p.Do(session, http.MethodPost, "/v1/users/mfa/recovery-codes", nil).Want(t, http.StatusUnauthorized)
		if got := answer.Header.Get("WWW-Authenticate"); got != `Bearer error="insufficient_user_authentication", max_age=900` {
			t.Errorf("WWW-Authenticate %q", got)
		}
	}
	stepUp := func(field, proof string) platformtest.Answer {
		return p.Do(session, http.MethodPost, "/v1/users/mfa/step-up", map[string]string{field: proof})
	}
	old()
	stepUp("password", "wrong horse").Want(t, http.StatusUnprocessableEntity)
	stepUp("password", "correct horse").Want(t, http.StatusOK)
	secret, codes := enrolled(t, p, session) // at once

	old()
	stepUp("password", "correct horse").Want(t, http.StatusUnprocessableEntity)
	stepUp("recovery_code", codes[0]).Want(t, http.StatusUnprocessableEntity)
	// The token is valid whatever the proof is: a client must not discard it (RFC 6750 §3.1).
	if a := stepUp("code", wrong(t, secret)).Want(t, http.StatusUnprocessableEntity); a.Header.Get("WWW-Authenticate") != "" || !bytes.Contains(a.Body, []byte("body.code")) {
		t.Errorf("a wrong code is answered %v %s", a.Header, a.Body)
	}
	stepUp("code", now(t, secret)).Want(t, http.StatusOK)
	stepUp("code", now(t, secret)).Want(t, http.StatusUnprocessableEntity)
	p.Do(session, http.MethodPost, "/v1/users/mfa/recovery-codes", nil).Want(t, http.StatusOK)

	want := []entry{
		{"sessions:step_up", "refused", "wrong_password"}, {"sessions:step_up", "done", ""}, {"sessions:step_up", "refused", "second_factor_needed"},
		{"sessions:step_up", "refused", "wrong_code"}, {"sessions:step_up", "done", ""}, {"sessions:step_up", "refused", "code_used"},
	}
	if diff := cmp.Diff(want, trailOf(t, p, ada, "sessions:step_up")); diff != "" {
		t.Error(diff)
	}
	for range 20 {
		if stepUp("code", wrong(t, secret)).Status == http.StatusTooManyRequests {
			unused(t, p)
			verify(p, demanded(t, p, ada.Email).MFAToken, "code", now(t, secret)).Want(t, http.StatusOK) // another session is not delayed
			return
		}
	}
	t.Error("a session may guess for ever")
}

func TestStepUp_Impersonating_IsRefused(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	session := userstest.LoggedIn(t, p, ada.Email).AccessToken
	p.Impersonate(ada.ID)

	p.Do(session, http.MethodPost, "/v1/users/mfa/step-up", `{"password": "correct horse"}`).Want(t, http.StatusForbidden)
	p.Do(session, http.MethodPost, "/v1/users/mfa/step-up/passkey", nil).Want(t, http.StatusForbidden)
	p.Do(session, http.MethodPost, "/v1/users/mfa/totp", nil).Want(t, http.StatusForbidden)
	if n := userstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE actor_id = $1 AND action = 'users-step-up' AND result = 'refused' AND impersonator_id IS NOT NULL`, ada.ID); n != 1 {
		t.Errorf("%d refusals in the trail, want 1", n)
	}
}

type standing struct {
	Enrolled          bool `json:"enrolled"`
	Required          bool `json:"required"`
	TOTP              bool `json:"totp"`
	Passkeys          int  `json:"passkeys"`
	RecoveryCodesLeft int  `json:"recovery_codes_left"`
}

func standingOf(t *testing.T, p *platformtest.Platform, token string) standing {
	t.Helper()
	return platformtest.Decode[standing](t, p.Do(token, http.MethodGet, "/v1/users/mfa", nil).Want(t, http.StatusOK))
}

func TestOrganizationThatDemandsASecondFactor(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	userstest.Exec(t, p, `UPDATE organizations SET settings = '{"require_second_factor": true}'`)
	began := userstest.LoggedIn(t, p, ada.Email)
	approve := func(token string) platformtest.Answer {
		return p.Do(token, http.MethodPost, "/v1/organizations/"+ada.OrganizationID.String()+"/members/"+uuid.NewString()+"/approve", nil)
	}
	if refused := approve(began.AccessToken).Want(t, http.StatusForbidden); !bytes.Contains(refused.Body, []byte("/v1/users/mfa")) {
		t.Errorf("the refusal does not tell what to do: %s", refused.Body)
	}
	if diff := cmp.Diff(standing{Required: true}, standingOf(t, p, began.AccessToken)); diff != "" {
		t.Error(diff)
	}

	secret, _ := enrolled(t, p, began.AccessToken)
	approve(began.AccessToken).Want(t, http.StatusNotFound) // at once, and may look
	if diff := cmp.Diff(standing{Enrolled: true, Required: true, TOTP: true, RecoveryCodesLeft: 10}, standingOf(t, p, began.AccessToken)); diff != "" {
		t.Error(diff)
	}
	p.Do(began.AccessToken, http.MethodDelete, "/v1/users/mfa/totp", nil).Want(t, http.StatusConflict)
	if got := trailOf(t, p, ada, "totp:remove"); len(got) != 1 || got[0].Result != "refused" {
		t.Errorf("audit trail of the refused removal: %v", got)
	}

	tokens := platformtest.Decode[session.Tokens](t, verify(p, demanded(t, p, ada.Email).MFAToken, "code", now(t, secret)).Want(t, http.StatusOK))
	approve(tokens.AccessToken).Want(t, http.StatusNotFound)

	userstest.Exec(t, p, `UPDATE organizations SET settings = '{}'`)
	p.Do(began.AccessToken, http.MethodDelete, "/v1/users/mfa/totp", nil).Want(t, http.StatusNoContent)
	told(t, p, 1, "Your authenticator app was removed")
	p.Do(began.AccessToken, http.MethodDelete, "/v1/users/mfa/totp", nil).Want(t, http.StatusNotFound)
	if diff := cmp.Diff(standing{}, standingOf(t, p, began.AccessToken)); diff != "" {
		t.Error(diff)
	}
	userstest.LoggedIn(t, p, ada.Email)
	userstest.Exec(t, p, `UPDATE organizations SET settings = '{"require_second_factor": true}'`)
	for approve(began.AccessToken).Status != http.StatusForbidden { // the change may take up to a second
		time.Sleep(10 * time.Millisecond)
	}
}

func TestHostileProofsAreRefused(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	session := userstest.LoggedIn(t, p, ada.Email).AccessToken
	enrolled(t, p, session)
	token := demanded(t, p, ada.Email).MFAToken
	for name, test := range map[string]struct {
		path, body string
		status     int
	}{
		"no proof":              {"verify", `{"mfa_token": "` + token + `"}`, http.StatusUnprocessableEntity},
		"two proofs":            {"verify", `{"mfa_token": "` + token + `", "code": "123456", "recovery_code": "x"}`, http.StatusUnprocessableEntity},
		"letters":               {"verify", `{"mfa_token": "` + token + `", "code": "abcdef"}`, http.StatusUnprocessableEntity},
		"digits elsewhere":      {"verify", `{"mfa_token": "` + token + `", "code": "１２３４５６"}`, http.StatusUnprocessableEntity},
		"a number":              {"verify", `{"mfa_token": "` + token + `", "code": 123456}`, http.StatusUnprocessableEntity},
		"unknown login":         {"verify", `{"mfa_token": "x", "code": "123456"}`, http.StatusUnauthorized},
		"empty login":           {"verify", `{"mfa_token": "", "code": "123456"}`, http.StatusUnauthorized},
		"long recovery code":    {"verify", `{"mfa_token": "` + token + `", "recovery_code": "` + strings.Repeat("a", 41) + `"}`, http.StatusUnprocessableEntity},
		"passkey is null":       {"verify", `{"mfa_token": "` + token + `", "passkey": null}`, http.StatusUnprocessableEntity},
		"passkey is empty":      {"verify", `{"mfa_token": "` + token + `", "passkey": {"challenge_token": "x", "credential": {}}}`, http.StatusUnprocessableEntity},
		"passkey is a list":     {"verify", `{"mfa_token": "` + token + `", "passkey": {"challenge_token": "x", "credential": [[[]]]}}`, http.StatusUnprocessableEntity},
		"passkey is a number":   {"verify", `{"mfa_token": "` + token + `", "passkey": {"challenge_token": "x", "credential": 1}}`, http.StatusUnprocessableEntity},
		"no passkey to ask for": {"verify/passkey", `{"mfa_token": "` + token + `"}`, http.StatusConflict},
	} {
		t.Run(name, func(t *testing.T) {
			p.Do("", http.MethodPost, "/v1/users/mfa/"+test.path, test.body).Want(t, test.status)
		})
	}
	for _, path := range []string{"totp", "totp/confirm", "recovery-codes", "step-up", "step-up/passkey"} {
		p.Do("", http.MethodPost, "/v1/users/mfa/"+path, `{}`).Want(t, http.StatusUnauthorized)
	}
}

// The organization of a pending login may be deleted before the second factor is proved.
func TestSecondFactorOfALoginToAnOrganizationThatIsGone(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	secret, _ := enrolled(t, p, userstest.LoggedIn(t, p, "ada@example.com").AccessToken)
	demand := demanded(t, p, "ada@example.com")
	userstest.Purge(t, p, ada.ID, func() {})

	verify(p, demand.MFAToken, "code", now(t, secret)).Want(t, http.StatusUnauthorized)

	again := demanded(t, p, "ada@example.com")
	unused(t, p)
	verify(p, again.MFAToken, "code", now(t, secret)).Want(t, http.StatusOK)
}

func TestAdminRemovesSecondFactors(t *testing.T) {
	t.Parallel()
	p := secondFactorsAndAdmin(t)
	ada, admin := userstest.Registered(t, p, "ada@example.com", ""), userstest.PlatformAdmin(t, p)
	userstest.Administered(t, p, admin, ada.ID, "reset-second-factors").Want(t, http.StatusConflict)
	session := userstest.LoggedIn(t, p, ada.Email).AccessToken
	secret, _ := enrolled(t, p, session)
	pending := demanded(t, p, ada.Email)

	userstest.Administered(t, p, admin, ada.ID, "reset-second-factors").Want(t, http.StatusNoContent)
	userstest.WaitUntilRefused(t, p, session)
	verify(p, pending.MFAToken, "code", now(t, secret)).Want(t, http.StatusUnauthorized)
	userstest.Equal(t, "factors left", 0, userstest.Count(t, p, `SELECT (SELECT count(*) FROM totp_secrets) + (SELECT count(*) FROM passkeys) + (SELECT count(*) FROM recovery_codes)`))
	if mail := userstest.QueuedMail(t, p); !strings.Contains(mail, ada.Email) || !strings.Contains(mail, "has removed your authenticator app") {
		t.Errorf("mailed %q, want the person told", mail)
	}
	userstest.Equal(t, "acts in the trails of the organization and the platform", 2, userstest.Count(t, p, `SELECT count(*) FROM audit_entries WHERE action = 'users:reset_second_factors' AND result = 'done'`))
	userstest.LoggedIn(t, p, ada.Email)
}

func TestAdminEndsThePauseForWrongCodes(t *testing.T) {
	t.Parallel()
	p := secondFactorsAndAdmin(t)
	ada, admin := userstest.Registered(t, p, "ada@example.com", ""), userstest.PlatformAdmin(t, p)
	secret, _ := enrolled(t, p, userstest.LoggedIn(t, p, ada.Email).AccessToken)
	pending := demanded(t, p, ada.Email)
	userstest.Exec(t, p, `UPDATE guesses SET blocked_until = now() + interval '1 hour'`)
	verify(p, pending.MFAToken, "code", wrong(t, secret)) // there is a row
	userstest.Exec(t, p, `UPDATE guesses SET blocked_until = now() + interval '1 hour'`)
	verify(p, demanded(t, p, ada.Email).MFAToken, "code", now(t, secret)).Want(t, http.StatusTooManyRequests)
	userstest.Administered(t, p, admin, ada.ID, "unlock").Want(t, http.StatusNoContent)
	verify(p, demanded(t, p, ada.Email).MFAToken, "code", now(t, secret)).Want(t, http.StatusOK)
}

func TestSecondFactor_ManyGuesses_MailFewWarnings(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	enrolled(t, p, userstest.LoggedIn(t, p, ada.Email).AccessToken)
	before := userstest.Count(t, p, `SELECT count(*) FROM mails`)
	for range 3 {
		token := demanded(t, p, ada.Email).MFAToken
		for range store.MaxCodeAttempts {
			verify(p, token, "recovery_code", "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF").Want(t, http.StatusUnauthorized)
		}
	}
	userstest.Equal(t, "mails of guesses", 1, userstest.Count(t, p, `SELECT count(*) FROM mails`)-before)
}
