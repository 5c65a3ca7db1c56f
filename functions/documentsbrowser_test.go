package functions_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/chromedp/chromedp"

	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/platformtest/browser"
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
	site := browser.Site(t, func() string { return p.URL })
	p = whole(t, func(c *function.Config) { c.WebAuthnOrigins = []string{site} })
	ada := p.Login(policy.Member)

	tab := browser.Open(t).Context
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
