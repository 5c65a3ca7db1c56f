package credential_test

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/internal/userstest"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/platformtest/browser"
)

//go:embed testdata/passkeys.js
var passkeysScript string

// tab is a tab of a browser with the script of testdata.
type tab struct{ browser.Tab }

// visit opens a page with the script.
func (b tab) visit(t *testing.T, site string) {
	t.Helper()
	if err := chromedp.Do(b.Context, chromedp.Navigate(site)); err != nil {
		t.Fatalf("visit %s: %v", site, err)
	}
	if err := chromedp.Do(b.Context, chromedp.Evaluate[chromedp.Void](passkeysScript)); err != nil {
		t.Fatalf("load script: %v", err)
	}
}

// run calls a function of the script and returns its result.
func run[T any](t *testing.T, b tab, name string, arguments ...any) T {
	t.Helper()
	var given []string
	for _, a := range arguments {
		encoded, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		given = append(given, string(encoded))
	}
	result, err := chromedp.Run(b.Context, chromedp.Evaluate[[]byte](fmt.Sprintf("%s(%s)", name, strings.Join(given, ", ")), chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s in the browser: %v", name, err)
	}
	var out T
	if err := json.Unmarshal(result, &out); err != nil {
		t.Fatalf("%s in the browser answered %s: %v", name, result, err)
	}
	return out
}

type called struct {
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

// fetched calls the platform from the page.
func fetched[T any](t *testing.T, b tab, want int, method, path, token string, body any) T {
	t.Helper()
	answer := run[called](t, b, "call", method, path, token, body)
	if answer.Status != want {
		t.Fatalf("%s %s answered %d, want %d: %s", method, path, answer.Status, want, answer.Body)
	}
	var out T
	if err := json.Unmarshal(answer.Body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// sites returns two pages in front of the platform, of which only the first is a configured
// origin.
func sites(t *testing.T) (p *platformtest.Platform, known, unknown string) {
	t.Helper()
	platform := func() string { return p.URL }
	known, unknown = browser.Site(t, platform), browser.Site(t, platform)
	p = mountFactors(t, func(c *function.Config) { c.WebAuthnOrigins = []string{known} })
	return p, known, unknown
}

func TestPasskeysInABrowser(t *testing.T) {
	t.Parallel()
	p, known, unknown := sites(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	began := userstest.LoggedIn(t, p, ada.Email).AccessToken
	b := tab{browser.Open(t)}

	b.visit(t, unknown)
	phished := run[map[string]any](t, b, "createPasskey", fetched[ceremony](t, b, http.StatusOK, http.MethodPost, beginRegistration, began, nil))
	phished["name"] = "Elsewhere"
	fetched[any](t, b, http.StatusUnprocessableEntity, http.MethodPost, finishRegistration, began, phished)
	if _, err := chromedp.Call(b.Context, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: b.Device}); err != nil {
		t.Fatal(err)
	}

	b.visit(t, known)
	made := run[map[string]any](t, b, "createPasskey", fetched[ceremony](t, b, http.StatusOK, http.MethodPost, beginRegistration, began, nil))
	made["name"] = "This laptop"
	passkey := fetched[newPasskey](t, b, http.StatusCreated, http.MethodPost, finishRegistration, began, made)

	password := map[string]string{"email": ada.Email, "password": "correct horse"}
	demand := fetched[credential.SecondFactorDemand](t, b, http.StatusOK, http.MethodPost, "/v1/users/login", "", password)
	if diff := cmp.Diff([]string{"passkey", "recovery_code"}, demand.MFAMethods); diff != "" {
		t.Error(diff)
	}
	second := run[map[string]any](t, b, "usePasskey", fetched[ceremony](t, b, http.StatusOK, http.MethodPost, beginVerification, "", map[string]string{"mfa_token": demand.MFAToken}))
	tokens := fetched[session.Tokens](t, b, http.StatusOK, http.MethodPost, "/v1/users/mfa/verify", "", map[string]any{"mfa_token": demand.MFAToken, "passkey": second})
	if diff := cmp.Diff([]string{"pwd", "hwk", "mfa"}, methods(t, tokens.AccessToken)); diff != "" {
		t.Error(diff)
	}

	first := run[map[string]any](t, b, "usePasskey", fetched[ceremony](t, b, http.StatusOK, http.MethodPost, beginLogin, "", nil)) // nobody has said who they are
	tokens = fetched[session.Tokens](t, b, http.StatusOK, http.MethodPost, finishLogin, "", first)
	if diff := cmp.Diff([]string{"hwk", "mfa"}, methods(t, tokens.AccessToken)); diff != "" {
		t.Error(diff)
	}
	if profile := fetched[person.Account](t, b, http.StatusOK, http.MethodGet, "/v1/users/profile", tokens.AccessToken, nil); profile.ID != ada.ID {
		t.Errorf("the passkey of %v logs in %v", ada.ID, profile.ID)
	}

	fetched[any](t, b, http.StatusUnauthorized, http.MethodPost, finishLogin, "", first) // replayed
	first["challenge_token"] = fetched[ceremony](t, b, http.StatusOK, http.MethodPost, beginLogin, "", nil).ChallengeToken
	fetched[any](t, b, http.StatusUnauthorized, http.MethodPost, finishLogin, "", first) // to another challenge

	b.visit(t, unknown)
	elsewhere := run[map[string]any](t, b, "usePasskey", fetched[ceremony](t, b, http.StatusOK, http.MethodPost, beginLogin, "", nil))
	fetched[any](t, b, http.StatusUnauthorized, http.MethodPost, finishLogin, "", elsewhere)

	b.visit(t, known)
	fetched[any](t, b, http.StatusNoContent, http.MethodDelete, "/v1/users/passkeys/"+passkey.ID.String(), began, nil)
	deleted := run[map[string]any](t, b, "usePasskey", fetched[ceremony](t, b, http.StatusOK, http.MethodPost, beginLogin, "", nil))
	fetched[any](t, b, http.StatusUnauthorized, http.MethodPost, finishLogin, "", deleted)
}
