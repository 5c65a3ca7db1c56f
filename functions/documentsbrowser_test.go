package functions_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/policy"
)

var script = regexp.MustCompile("(?s)```js\n(.*?)```")

func TestUsersGuide_Passkeys_WorkAsPrintedInABrowser(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../docs/guide-users.md")
	if err != nil {
		t.Fatal(err)
	}
	block := script.FindSubmatch(guide)
	if block == nil {
		t.Fatal("no script in the guide")
	}
	var p *platformtest.Platform
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1/") {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte("<!doctype html><title>Passkeys</title>"))
			return
		}
		target, err := url.Parse(p.URL)
		if err != nil {
			t.Error(err)
		}
		httputil.NewSingleHostReverseProxy(target).ServeHTTP(w, r)
	}))
	t.Cleanup(page.Close)
	site := strings.Replace(page.URL, "127.0.0.1", "localhost", 1) // passkeys need a host name, not an address
	p = whole(t, func(c *function.Config) { c.WebAuthnOrigins = []string{site} })
	ada := p.Login(policy.Member)

	tab := openTab(t)
	if err := chromedp.Do(tab, chromedp.Navigate(site)); err != nil {
		t.Fatal(err)
	}
	asynchronous := fmt.Sprintf("(async () => { const api = '', token = %q\n%s\nreturn tokens.access_token })()", ada.Token, block[1])
	token, err := chromedp.Run(tab, chromedp.Evaluate[string](asynchronous, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("the guide's script: %v", err)
	}
	profile := platformtest.Decode[struct{ ID string }](t, p.Do(token, http.MethodGet, "/v1/users/profile", nil).Want(t, http.StatusOK))
	if profile.ID != ada.UserID.String() {
		t.Errorf("the passkey logs in %s, want %s", profile.ID, ada.UserID)
	}
}

// openTab opens a Chromium tab with a virtual passkey device whose user is present.
func openTab(t *testing.T) context.Context {
	t.Helper()
	names := []string{
		"chromium", "chromium-browser", "google-chrome", "chromium-headless-shell",
		"/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	}
	found := slices.IndexFunc(names, func(name string) bool { _, err := exec.LookPath(name); return err == nil })
	if found < 0 {
		t.Fatal("this needs Chromium: scripts/setup.sh --test installs it")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(names[found]), chromedp.UserDataDir(t.TempDir()))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox does not run as root
	}
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute) // only ends a broken test
	t.Cleanup(stop)
	ctx, stopBrowser := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stopBrowser)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	if _, err := chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatalf("enable WebAuthn: %v", err)
	}
	if _, err := chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}}); err != nil {
		t.Fatalf("add device: %v", err)
	}
	return ctx
}
