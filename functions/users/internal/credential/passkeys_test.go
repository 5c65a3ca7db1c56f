package credential_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/descope/virtualwebauthn"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/functions/users/internal/userstest"
	"function/shared/database"
	"function/shared/function"
	"function/shared/page"
	"function/shared/platformtest"
)

// device is a device with one passkey, such as a security key.
type device struct {
	site          virtualwebauthn.RelyingParty
	authenticator virtualwebauthn.Authenticator
	passkey       virtualwebauthn.Credential
}

func newDevice(owner uuid.UUID, change func(*virtualwebauthn.AuthenticatorOptions)) *device {
	options := virtualwebauthn.AuthenticatorOptions{UserHandle: owner[:]}
	change(&options)
	return &device{
		site:          virtualwebauthn.RelyingParty{ID: "localhost", Name: credential.ServiceName, Origin: "http://localhost:8080"},
		authenticator: virtualwebauthn.NewAuthenticatorWithOptions(options),
		passkey:       newKey(),
	}
}

// newKey returns a key whose coordinates have 32 bytes. The library drops leading zeros, which
// COSE does not allow (RFC 9053 §7.1.1), and then encodes fewer than 77 bytes.
func newKey() virtualwebauthn.Credential {
	for {
		if c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(c.Key.AttestationData()) == 77 {
			return c
		}
	}
}

func plain(*virtualwebauthn.AuthenticatorOptions) {}

type ceremony struct {
	ChallengeToken string          `json:"challenge_token"`
	Options        json.RawMessage `json:"options"`
}

func begun(t *testing.T, p *platformtest.Platform, token, path string, body any) ceremony {
	t.Helper()
	return platformtest.Decode[ceremony](t, p.Do(token, http.MethodPost, path, body).Want(t, http.StatusOK))
}

// create returns the response to a registration.
func (d *device) create(t *testing.T, c ceremony) map[string]any {
	t.Helper()
	options, err := virtualwebauthn.ParseAttestationOptions(string(c.Options))
	if err != nil {
		t.Fatal(err)
	}
	made := virtualwebauthn.CreateAttestationResponse(d.site, d.authenticator, d.passkey, *options)
	return map[string]any{"challenge_token": c.ChallengeToken, "credential": json.RawMessage(made)}
}

// answer returns the response to a challenge.
func (d *device) answer(t *testing.T, c ceremony) map[string]any {
	t.Helper()
	options, err := virtualwebauthn.ParseAssertionOptions(string(c.Options))
	if err != nil {
		t.Fatal(err)
	}
	d.passkey.Counter++
	return map[string]any{"challenge_token": c.ChallengeToken, "credential": json.RawMessage(virtualwebauthn.CreateAssertionResponse(d.site, d.authenticator, d.passkey, *options))}
}

const (
	beginRegistration, finishRegistration = "/v1/users/passkeys/register/begin", "/v1/users/passkeys/register/finish"
	beginLogin, finishLogin               = "/v1/users/passkeys/login/begin", "/v1/users/passkeys/login/finish"
	beginVerification                     = "/v1/users/mfa/verify/passkey"
)

type newPasskey struct {
	credential.PasskeyInfo
	RecoveryCodes []string `json:"recovery_codes"`
}

func (d *device) enrol(t *testing.T, p *platformtest.Platform, token, name string) newPasskey {
	t.Helper()
	made := d.create(t, begun(t, p, token, beginRegistration, nil))
	made["name"] = name
	return platformtest.Decode[newPasskey](t, p.Do(token, http.MethodPost, finishRegistration, made).Want(t, http.StatusCreated))
}

func (d *device) login(t *testing.T, p *platformtest.Platform) platformtest.Answer {
	t.Helper()
	return p.Do("", http.MethodPost, finishLogin, d.answer(t, begun(t, p, "", beginLogin, nil)))
}

// prove proves the second factor of a login.
func (d *device) prove(t *testing.T, p *platformtest.Platform, email string) platformtest.Answer {
	t.Helper()
	token := demanded(t, p, email).MFAToken
	return verify(p, token, "passkey", d.answer(t, begun(t, p, "", beginVerification, map[string]string{"mfa_token": token})))
}

func TestPasskeyIsAFactorOrTwo(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	began := userstest.LoggedIn(t, p, ada.Email).AccessToken
	key := newDevice(ada.ID, plain)

	made := key.enrol(t, p, began, "My key")
	if len(made.RecoveryCodes) != 10 || made.Name != "My key" {
		t.Errorf("made %+v, want ten recovery codes with the first factor", made)
	}
	synchronized := newDevice(ada.ID, func(o *virtualwebauthn.AuthenticatorOptions) { o.BackupEligible, o.BackupState = true, true })
	if more := synchronized.enrol(t, p, began, "My phone"); len(more.RecoveryCodes) != 0 {
		t.Error("the second factor replaced the recovery codes")
	}
	told(t, p, 2, "A passkey was added to your account")

	for name, test := range map[string]struct {
		answer platformtest.Answer
		want   []string
	}{
		"second factor":               {key.prove(t, p, ada.Email), []string{"pwd", "hwk", "mfa"}},
		"first factor":                {key.login(t, p), []string{"hwk", "mfa"}},
		"second factor, synchronized": {synchronized.prove(t, p, ada.Email), []string{"pwd", "swk", "mfa"}},
		"first factor, synchronized":  {synchronized.login(t, p), []string{"swk", "mfa"}},
	} {
		tokens := platformtest.Decode[session.Tokens](t, test.answer.Want(t, http.StatusOK))
		if diff := cmp.Diff(test.want, methods(t, tokens.AccessToken)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		p.Do(tokens.AccessToken, http.MethodPost, "/v1/users/mfa/recovery-codes", nil).Want(t, http.StatusOK) // the login with two factors counts as step-up authentication
	}
	list := platformtest.Decode[page.Page[credential.PasskeyInfo]](t, p.Do(began, http.MethodGet, "/v1/users/passkeys", nil).Want(t, http.StatusOK))
	if len(list.Items) != 2 || list.Items[0].Name != "My phone" || list.Items[1].Name != "My key" || list.Items[1].LastUsedAt == nil {
		t.Errorf("passkeys %+v", list.Items)
	}
	var rows []byte
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT string_agg(name || credential, '') FROM passkeys`).Scan(&rows); err != nil || bytes.Contains(rows, []byte("My key")) || bytes.Contains(rows, []byte("publicKey")) {
		t.Errorf("a passkey is stored as it is (%v)", err)
	}
}

func TestPasskeyIsRenamedAndDeletedByItsOwner(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada, eve := userstest.Registered(t, p, "ada@example.com", ""), userstest.Registered(t, p, "eve@example.com", "")
	session, others := userstest.LoggedIn(t, p, ada.Email).AccessToken, userstest.LoggedIn(t, p, eve.Email).AccessToken
	key := newDevice(ada.ID, plain)
	path := "/v1/users/passkeys/" + key.enrol(t, p, session, "My key").ID.String()

	p.Do(others, http.MethodPatch, path, `{"name": "Mine"}`).Want(t, http.StatusNotFound)
	p.Do(others, http.MethodDelete, path, nil).Want(t, http.StatusNotFound)
	renamed := platformtest.Decode[credential.PasskeyInfo](t, p.Do(session, http.MethodPatch, path, `{"name": "Schlüssel"}`).Want(t, http.StatusOK))
	if renamed.Name != "Schlüssel" {
		t.Errorf("renamed to %q", renamed.Name)
	}
	for _, name := range []string{"", strings.Repeat("a", 101), "a\\u0000b"} {
		p.Do(session, http.MethodPatch, path, `{"name": "`+name+`"}`).Want(t, http.StatusUnprocessableEntity)
	}
	waiting := begun(t, p, "", beginLogin, nil)
	userstest.Exec(t, p, `UPDATE organizations SET settings = '{"require_second_factor": true}'`)
	p.Do(session, http.MethodDelete, path, nil).Want(t, http.StatusConflict)
	enrolled(t, p, session)
	p.Do(session, http.MethodDelete, path, nil).Want(t, http.StatusNoContent) // the app remains
	p.Do(session, http.MethodDelete, path, nil).Want(t, http.StatusNotFound)
	p.Do("", http.MethodPost, finishLogin, key.answer(t, waiting)).Want(t, http.StatusUnauthorized)
	told(t, p, 1, "A passkey of your account was deleted")
}

func TestAssertionsThatAreRefused(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada, eve := userstest.Registered(t, p, "ada@example.com", ""), userstest.Registered(t, p, "eve@example.com", "")
	key, others := newDevice(ada.ID, plain), newDevice(eve.ID, plain)
	key.enrol(t, p, userstest.LoggedIn(t, p, ada.Email).AccessToken, "key")
	others.enrol(t, p, userstest.LoggedIn(t, p, eve.Email).AccessToken, "key")

	t.Run("replayed", func(t *testing.T) {
		answer := key.answer(t, begun(t, p, "", beginLogin, nil))
		p.Do("", http.MethodPost, finishLogin, answer).Want(t, http.StatusOK)
		p.Do("", http.MethodPost, finishLogin, answer).Want(t, http.StatusUnauthorized)
		answer["challenge_token"] = begun(t, p, "", beginLogin, nil).ChallengeToken
		p.Do("", http.MethodPost, finishLogin, answer).Want(t, http.StatusUnauthorized)
	})
	t.Run("other site", func(t *testing.T) {
		for _, origin := range []string{"http://localhost:8081", "https://localhost:8080", "http://localhost.evil.example:8080", "null"} {
			phished := *key
			phished.site.Origin = origin
			phished.login(t, p).Want(t, http.StatusUnauthorized)
		}
		phished := *key
		phished.site.ID = "evil.example"
		phished.login(t, p).Want(t, http.StatusUnauthorized)
	})
	t.Run("nobody at the device", func(t *testing.T) {
		for _, change := range []func(*virtualwebauthn.AuthenticatorOptions){
			func(o *virtualwebauthn.AuthenticatorOptions) { o.UserNotVerified = true },
			func(o *virtualwebauthn.AuthenticatorOptions) { o.UserNotPresent = true },
		} {
			unattended := *key
			change(&unattended.authenticator.Options)
			unattended.login(t, p).Want(t, http.StatusUnauthorized)
		}
	})
	t.Run("key of nobody", func(t *testing.T) { newDevice(ada.ID, plain).login(t, p).Want(t, http.StatusUnauthorized) })
	t.Run("key for another", func(t *testing.T) {
		claims := *key
		claims.authenticator.Options.UserHandle = eve.ID[:]
		claims.login(t, p).Want(t, http.StatusUnauthorized)
		others.prove(t, p, ada.Email).Want(t, http.StatusUnauthorized)
	})
	t.Run("signed by another key", func(t *testing.T) {
		forged := *key
		forged.passkey.Key = others.passkey.Key
		forged.login(t, p).Want(t, http.StatusUnauthorized)
	})
	t.Run("challenge for another purpose", func(t *testing.T) {
		demand := demanded(t, p, ada.Email).MFAToken
		verify(p, demand, "passkey", key.answer(t, begun(t, p, "", beginLogin, nil))).Want(t, http.StatusUnauthorized)
		p.Do("", http.MethodPost, finishLogin, key.answer(t, begun(t, p, "", beginVerification, map[string]string{"mfa_token": demand}))).Want(t, http.StatusUnauthorized)
	})
	t.Run("challenge for another person", func(t *testing.T) {
		demand := demanded(t, p, eve.Email).MFAToken
		hers := begun(t, p, "", beginVerification, map[string]string{"mfa_token": demand})
		verify(p, demanded(t, p, ada.Email).MFAToken, "passkey", key.answer(t, hers)).Want(t, http.StatusUnauthorized)
	})
	t.Run("challenge that has expired", func(t *testing.T) {
		late := key.answer(t, begun(t, p, "", beginLogin, nil))
		userstest.Exec(t, p, `UPDATE challenges SET expires_at = now()`)
		p.Do("", http.MethodPost, finishLogin, late).Want(t, http.StatusUnauthorized)
	})
	t.Run("suspended", func(t *testing.T) {
		userstest.Exec(t, p, `UPDATE users SET suspended_at = now()`)
		key.login(t, p).Want(t, http.StatusUnauthorized)
		userstest.Exec(t, p, `UPDATE users SET suspended_at = NULL`)
	})
	t.Run("copied key", func(t *testing.T) {
		copied := *key
		key.login(t, p).Want(t, http.StatusOK)
		copied.login(t, p).Want(t, http.StatusUnauthorized)
		trail := trailOf(t, p, ada, "passkeys:login")
		if diff := cmp.Diff(entry{"passkeys:login", "refused", "sign_count_regressed"}, trail[len(trail)-1]); diff != "" {
			t.Error(diff)
		}
		key.login(t, p).Want(t, http.StatusOK)
	})
}

func TestPasskeyIsRegisteredOnce(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada, eve := userstest.Registered(t, p, "ada@example.com", ""), userstest.Registered(t, p, "eve@example.com", "")
	session, hers := userstest.LoggedIn(t, p, ada.Email).AccessToken, userstest.LoggedIn(t, p, eve.Email).AccessToken
	key := newDevice(ada.ID, plain)
	made := key.create(t, begun(t, p, session, beginRegistration, nil))
	made["name"] = "key"
	p.Do(hers, http.MethodPost, finishRegistration, made).Want(t, http.StatusUnprocessableEntity) // not her challenge

	answers := make([]platformtest.Answer, 5)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = p.Do(session, http.MethodPost, finishRegistration, made) })
	}
	wg.Wait()
	won := 0
	for _, a := range answers {
		if a.Status == http.StatusCreated {
			won++
		} else {
			a.Want(t, http.StatusUnprocessableEntity)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d registrations of one passkey succeeded, want 1", won, len(answers))
	}

	again := key.create(t, begun(t, p, hers, beginRegistration, nil))
	again["name"] = "key"
	p.Do(hers, http.MethodPost, finishRegistration, again).Want(t, http.StatusConflict) // the key is ada's
	phished := newDevice(eve.ID, plain)
	phished.site.Origin = "http://localhost:8081"
	elsewhere := phished.create(t, begun(t, p, hers, beginRegistration, nil))
	elsewhere["name"] = "key"
	p.Do(hers, http.MethodPost, finishRegistration, elsewhere).Want(t, http.StatusUnprocessableEntity)
}

func TestPersonHasSoManyPasskeys(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	session := userstest.LoggedIn(t, p, ada.Email).AccessToken
	for range credential.MaxPasskeys {
		newDevice(ada.ID, plain).enrol(t, p, session, "key")
	}
	made := newDevice(ada.ID, plain).create(t, begun(t, p, session, beginRegistration, nil))
	made["name"] = "key"
	p.Do(session, http.MethodPost, finishRegistration, made).Want(t, http.StatusConflict)
}

func TestPasskeyRenewsAnOldProof(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	session := userstest.LoggedIn(t, p, ada.Email).AccessToken
	key := newDevice(ada.ID, plain)
	key.enrol(t, p, session, "key")
	stepUp := func() platformtest.Answer {
		answer := key.answer(t, begun(t, p, session, "/v1/users/mfa/step-up/passkey", nil))
		return p.Do(session, http.MethodPost, "/v1/users/mfa/step-up", map[string]any{"passkey": answer})
	}
	userstest.Exec(t, p, `UPDATE sessions SET second_factor_at = now() - interval '1 hour'`)
	stepUp().Want(t, http.StatusOK)
	p.Do(session, http.MethodPost, "/v1/users/mfa/recovery-codes", nil).Want(t, http.StatusOK)
	key.passkey.Counter = 0
	stepUp().Want(t, http.StatusUnprocessableEntity)
	told(t, p, 1, "with one of your passkeys. It was refused")
}

func TestPasskey_Synchronized_IgnoresTheCounter(t *testing.T) {
	t.Parallel()
	p := factors(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	phone := newDevice(ada.ID, func(o *virtualwebauthn.AuthenticatorOptions) { o.BackupEligible, o.BackupState = true, true })
	phone.enrol(t, p, userstest.LoggedIn(t, p, ada.Email).AccessToken, "phone")
	phone.passkey.Counter = 40
	phone.login(t, p).Want(t, http.StatusOK)
	phone.passkey.Counter = 2 // the laptop's
	phone.login(t, p).Want(t, http.StatusOK)
	phone.login(t, p).Want(t, http.StatusOK)
}

func TestHostilePasskeysAreRefused(t *testing.T) {
	t.Parallel()
	p := factors(t)
	session := userstest.LoggedIn(t, p, userstest.Registered(t, p, "ada@example.com", "").Email).AccessToken
	data := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	client := data(`{"type": "webauthn.get", "challenge": "AAAA", "origin": "http://localhost:8080"}`)
	for name, credential := range map[string]string{
		"null": `null`, "a text": `"x"`, "empty": `{}`, "nested": strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"empty response":      `{"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {}}`,
		"numbers for texts":   `{"id": 1, "rawId": 2, "type": 3, "response": 4}`,
		"no base64":           `{"id": "§", "rawId": "§", "type": "public-key", "response": {"clientDataJSON": "§", "authenticatorData": "§", "attestationObject": "§"}}`,
		"bits at random":      `{"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {"clientDataJSON": "` + client + `", "authenticatorData": "` + data(strings.Repeat("\xff", 200)) + `", "attestationObject": "` + data(strings.Repeat("\xff", 200)) + `", "signature": "AAAA"}}`,
		"map without an end":  `{"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {"clientDataJSON": "` + client + `", "authenticatorData": "AAAA", "attestationObject": "` + data("\xbb\xff\xff\xff\xff\xff\xff\xff\xff") + `", "signature": "AAAA"}}`,
		"very long":           `{"id": "` + strings.Repeat("A", 100_000) + `", "rawId": "` + strings.Repeat("A", 100_000) + `", "type": "public-key", "response": {"clientDataJSON": "` + client + `", "authenticatorData": "AAAA", "attestationObject": "oA"}}`,
		"U+0000 in the texts": `{"id": "\u0000", "rawId": "\u0000", "type": "\u0000", "response": {}}`,
	} {
		t.Run(name, func(t *testing.T) {
			p.Do("", http.MethodPost, finishLogin, `{"challenge_token": "x", "credential": `+credential+`}`).Want(t, http.StatusUnprocessableEntity)
			token := begun(t, p, session, beginRegistration, nil).ChallengeToken
			p.Do(session, http.MethodPost, finishRegistration, `{"name": "key", "challenge_token": "`+token+`", "credential": `+credential+`}`).Want(t, http.StatusUnprocessableEntity)
		})
	}
	for _, path := range []string{beginRegistration, finishRegistration} {
		p.Do("", http.MethodPost, path, `{}`).Want(t, http.StatusUnauthorized)
	}
}

func TestPasskeysAndMailNeedToKnowWhereThePagesAre(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	for _, pages := range []string{"", "data.example", "ftp://data.example", "https://", "https://public-url-is-not-set.invalid"} {
		config := p.Env.Config
		config.PublicURL, config.WebAuthnOrigins = pages, nil
		env := function.NewEnv(config)
		defer env.Close()
		config.SendsMail = false
		quiet := function.NewEnv(config)
		defer quiet.Close()
		store, err := store.Open(t.Context(), env)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := notify.NewMailer(store, env); err == nil || !strings.Contains(err.Error(), "PUBLIC_URL must be") {
			t.Errorf("mail links to %q: %v", pages, err)
		}
		if _, err := notify.NewMailer(store, quiet); err != nil {
			t.Errorf("no mail, of pages at %q: %v", pages, err)
		}
		if _, err := credential.OpenPasskeys(t.Context(), quiet); err == nil || !strings.Contains(err.Error(), "PUBLIC_URL must be") {
			t.Errorf("passkeys of %q: %v", pages, err)
		}
	}
}
