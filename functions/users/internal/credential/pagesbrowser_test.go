package credential_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	acceptinvitation "function/functions/users/accept-invitation"
	confirmregistration "function/functions/users/confirm-registration"
	forgotpassword "function/functions/users/forgot-password"
	"function/functions/users/internal/userstest"
	"function/functions/users/invitations"
	"function/functions/users/login"
	"function/functions/users/logout"
	lookupinvitation "function/functions/users/look-up-invitation"
	mailtokens "function/functions/users/mail-tokens"
	"function/functions/users/pages"
	passwordstrength "function/functions/users/password-strength"
	"function/functions/users/register"
	resetpassword "function/functions/users/reset-password"
	"function/functions/users/totp"
	verifyemail "function/functions/users/verify-email"
	verifysecondfactor "function/functions/users/verify-second-factor"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/platformtest/browser"
)

func mountPages(t *testing.T, confirmation bool) *platformtest.Platform {
	t.Helper()
	return platformtest.NewWith(t, func(c *function.Config) { c.RegistrationConfirmation = confirmation },
		pages.Service,
		register.Service,
		login.Service,
		logout.Service,
		forgotpassword.Service,
		resetpassword.Service,
		passwordstrength.Service,
		acceptinvitation.Service,
		lookupinvitation.Service,
		confirmregistration.Service,
		verifyemail.Service,
		mailtokens.Service,
		invitations.Service,
		totp.Service,
		verifysecondfactor.Service,
	)
}

// follow opens the page that the newest mail to an address links to, on this platform.
func (b tab) follow(t *testing.T, p *platformtest.Platform, to string) {
	t.Helper()
	links := p.MailTo(to).Links()
	if len(links) == 0 {
		t.Fatal("the mail has no link")
	}
	link, err := url.Parse(links[0])
	if err != nil {
		t.Fatal(err)
	}
	b.page(t, p.URL+link.Path+"#"+link.Fragment)
}

// page loads a page again, which a change of only the fragment would not do.
func (b tab) page(t *testing.T, address string) {
	t.Helper()
	for _, a := range []string{"about:blank", address} {
		if err := chromedp.Do(b.Context, chromedp.Navigate(a)); err != nil {
			t.Fatalf("visit %s: %v", a, err)
		}
	}
}

// script runs a script in the page and returns its text.
func (b tab) script(t *testing.T, script string) string {
	t.Helper()
	text, err := chromedp.Run(b.Context, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return text
}

// fill types text into fields by their names.
func (b tab) fill(t *testing.T, fields map[string]string) {
	t.Helper()
	for name, value := range fields {
		if err := chromedp.Do(b.Context, chromedp.SendKeys("#"+name, value)); err != nil {
			t.Fatalf("fill %s: %v", name, err)
		}
	}
}

// submit presses the button and returns whether the page reports success or else the problem.
func (b tab) submit(t *testing.T) (done bool, problem string) {
	t.Helper()
	b.script(t, `document.querySelector("button").click(), ""`)
	for range 600 {
		switch state := b.script(t, `document.querySelector("button").disabled ? "working" : document.querySelector("#done").hidden ? "refused" : "done"`); state {
		case "done":
			return true, ""
		case "refused":
			return false, b.script(t, `document.querySelector("#problem").textContent`)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the page goes on and on")
	return false, ""
}

func (b tab) wantDone(t *testing.T) {
	t.Helper()
	if done, problem := b.submit(t); !done {
		t.Fatalf("the page says %q", problem)
	}
}

func TestForgottenPasswordInABrowser(t *testing.T) {
	t.Parallel()
	p := mountPages(t, false)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	b := tab{browser.Open(t)}

	b.page(t, p.URL+"/password/forgot")
	b.fill(t, map[string]string{"email": ada.Email})
	b.wantDone(t)
	userstest.DeliverRequests[events.PasswordResetRequested](t, p, 1)

	b.follow(t, p, ada.Email)
	if address := b.script(t, `location.href`); address != p.URL+"/password/reset" {
		t.Errorf("the address is %s: it keeps the token", address)
	}
	b.fill(t, map[string]string{"password": "password"})
	if done, problem := b.submit(t); done || problem == "" {
		t.Error("a password that everybody tries first is accepted, or refused without a word")
	}
	b.fill(t, map[string]string{"password": " of another battery"})
	b.wantDone(t)
	userstest.LogIn(p, ada.Email, "password of another battery").Want(t, http.StatusOK)

	b.page(t, p.URL+"/password/reset")
	if b.script(t, `String(document.querySelector("button").disabled)`) != "true" || b.script(t, `document.querySelector("#problem").textContent`) == "" {
		t.Error("without a token, the page does not say that it needs one")
	}
}

// wantOffer waits until the page describes the invitation.
func (b tab) wantOffer(t *testing.T, want string) {
	t.Helper()
	var offer string
	for range 600 {
		if offer = b.script(t, `document.querySelector("#offer").textContent`); offer == want {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("the page says %q, want %q", offer, want)
}

func TestRegistrationIsConfirmedInABrowser(t *testing.T) {
	t.Parallel()
	p := mountPages(t, true)
	p.Do("", http.MethodPost, "/v1/users/register", userstest.PersonBody("ada@example.com", "")).Want(t, http.StatusAccepted)
	userstest.DeliverRequests[events.RegistrationRequested](t, p, 1)
	b := tab{browser.Open(t)}
	b.follow(t, p, "ada@example.com")
	b.fill(t, map[string]string{"password": "another battery"})
	if done, problem := b.submit(t); done || problem == "" {
		t.Error("another password opens the account, or is refused without a word")
	}
	b.script(t, `document.querySelector("#password").value = "correct horse", ""`)
	b.wantDone(t)
	userstest.LogIn(p, "ada@example.com", "correct horse").Want(t, http.StatusOK)
}

func TestInvitationsInABrowser(t *testing.T) {
	t.Parallel()
	p := mountPages(t, false)
	owner := p.Login("owner")
	b := tab{browser.Open(t)}

	t.Run("of somebody with an account and a second factor", func(t *testing.T) {
		ada := userstest.Registered(t, p, "ada@example.com", "")
		secret, _ := enrolled(t, p, userstest.LoggedIn(t, p, ada.Email).AccessToken)
		userstest.Invite(t, p, owner, ada.Email, "analyst")
		b.follow(t, p, ada.Email)
		b.fill(t, map[string]string{"email": ada.Email, "password": "correct horse"})
		if done, problem := b.submit(t); done || problem != "" {
			t.Fatalf("the page does not ask for the second factor: done %t, %q", done, problem)
		}
		b.fill(t, map[string]string{"code": now(t, secret)})
		b.wantDone(t)
		if got := userstest.QueryValue[string](t, p, userstest.RoleOf+` AND status = 'active'`, ada.ID, owner.OrganizationID); got != "analyst" {
			t.Errorf("role %s, want analyst", got)
		}
	})
	t.Run("of somebody without an account", func(t *testing.T) {
		userstest.Invite(t, p, owner, "eve@example.com", "viewer")
		b.follow(t, p, "eve@example.com")
		b.wantOffer(t, "test invites you to join, as viewer.")
		if err := chromedp.Do(b.Context, chromedp.Click("#other")); err != nil {
			t.Fatal(err)
		}
		b.fill(t, map[string]string{"email": "eve@example.com", "password": "correct horse", "first_name": "Eve", "last_name": "Łovelace"})
		b.wantDone(t)
		if got := userstest.Count(t, p, `SELECT count(*) FROM memberships WHERE organization_id = $1 AND role = 'viewer' AND status = 'active'`, owner.OrganizationID); got != 1 {
			t.Errorf("%d viewers, want one", got)
		}
	})
}

func TestInvitation_OfSomebodyWhoseOnlyFactorIsAPasskey_IsAcceptedInABrowser(t *testing.T) {
	t.Parallel()
	var p *platformtest.Platform
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target, err := url.Parse(p.URL)
		if err != nil {
			t.Error(err)
		}
		httputil.NewSingleHostReverseProxy(target).ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	site := strings.Replace(front.URL, "127.0.0.1", "localhost", 1) // an address has no passkeys
	p = mountFactors(t, func(c *function.Config) { c.WebAuthnOrigins = []string{site} },
		pages.Service,
		logout.Service,
		acceptinvitation.Service,
		lookupinvitation.Service,
		invitations.Service,
	)
	ada := userstest.Registered(t, p, "ada@example.com", "")
	session := userstest.LoggedIn(t, p, ada.Email).AccessToken
	b := tab{browser.Open(t)}
	b.visit(t, site+"/password/forgot")
	made := run[map[string]any](t, b, "createPasskey", fetched[ceremony](t, b, http.StatusOK, http.MethodPost, beginRegistration, session, nil))
	made["name"] = "This laptop"
	fetched[newPasskey](t, b, http.StatusCreated, http.MethodPost, finishRegistration, session, made)

	for _, withPassword := range []bool{true, false} {
		owner := p.Login("owner")
		userstest.Invite(t, p, owner, ada.Email, "analyst")
		b.page(t, site+"/invitations/accept#token="+p.Token(p.MailTo(ada.Email)))
		if withPassword {
			b.fill(t, map[string]string{"email": ada.Email, "password": "correct horse"})
			if done, problem := b.submit(t); done || problem != "Use your passkey to go on." {
				t.Fatalf("the page does not ask for the passkey: done %t, %q", done, problem)
			}
		}
		b.script(t, `document.querySelector("#passkey").click(), ""`)
		b.wantState(t, "done")
		if got := userstest.QueryValue[string](t, p, userstest.RoleOf+` AND status = 'active'`, ada.ID, owner.OrganizationID); got != "analyst" {
			t.Errorf("role %s, want analyst", got)
		}
	}
}

// wantState waits until the page is done.
func (b tab) wantState(t *testing.T, want string) {
	t.Helper()
	var state string
	for range 600 {
		if state = b.script(t, `document.querySelector("#done").hidden ? document.querySelector("#problem").textContent : "done"`); state == want {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the page says %q, want %s", state, want)
}
