package credential_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	osexec "os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/internal/userstest"
	"function/shared/function"
	"function/shared/platformtest"
)

//go:embed testdata/passkeys.js
var passkeysScript string

// chromium returns the path of the browser. Without one the test fails, because no other test
// shows that browsers and the platform work together.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome", "chromium-headless-shell",
		"/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if path, err := osexec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("this needs Chromium: scripts/setup.sh --test installs it")
	return ""
}

// browser is a tab with a virtual device that holds passkeys and verifies its user.
type browser struct {
	ctx    context.Context
	device webauthn.AuthenticatorID
}

func open(t *testing.T) *browser {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(t.TempDir()))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses its sandbox to root
	}
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute) // ends a broken test only
	t.Cleanup(stop)
	ctx, stopBrowser := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stopBrowser)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatalf("enable WebAuthn: %v", err)
	}
	added, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	if err != nil {
		t.Fatalf("add device: %v", err)
	}
	return &browser{ctx, added.AuthenticatorID}
}

// visit opens a page with the script.
func (b *browser) visit(t *testing.T, site string) {
	t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(site)); err != nil {
		t.Fatalf("visit %s: %v", site, err)
	}
	if err := chromedp.Do(b.ctx, chromedp.Evaluate[chromedp.Void](passkeysScript)); err != nil {
		t.Fatalf("load script: %v", err)
	}
}

// run calls a function of the script and returns its result.
func run[T any](t *testing.T, b *browser, name string, arguments ...any) T {
	t.Helper()
	var given []string
	for _, a := range arguments {
		encoded, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		given = append(given, string(encoded))
	}
	result, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]byte](fmt.Sprintf("%s(%s)", name, strings.Join(given, ", ")), chromedp.EvalAwaitPromise))
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
func fetched[T any](t *testing.T, b *browser, want int, method, path, token string, body any) T {
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
	serve := func() (*httptest.Server, string) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/v1/") {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_, _ = io.WriteString(w, "<!doctype html><title>Passkeys</title>")
				return
			}
			target, err := url.Parse(p.URL)
			if err != nil {
				t.Error(err)
			}
			httputil.NewSingleHostReverseProxy(target).ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return server, strings.Replace(server.URL, "127.0.0.1", "localhost", 1) // an address has no passkeys
	}
	_, known = serve()
	_, unknown = serve()
	p = mountFactors(t, func(c *function.Config) { c.WebAuthnOrigins = []string{known} })
	return p, known, unknown
}

func TestPasskeysInABrowser(t *testing.T) {
	t.Parallel()
	p, known, unknown := sites(t)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	began := userstest.LoggedIn(t, p, ada.Email).AccessToken
	b := open(t)

	b.visit(t, unknown)
	phished := run[map[string]any](t, b, "createPasskey", fetched[ceremony](t, b, http.StatusOK, http.MethodPost, beginRegistration, began, nil))
	phished["name"] = "Elsewhere"
	fetched[any](t, b, http.StatusUnprocessableEntity, http.MethodPost, finishRegistration, began, phished)
	if _, err := chromedp.Call(b.ctx, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: b.device}); err != nil {
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
