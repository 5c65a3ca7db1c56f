package credential_test

import (
	"net/http"
	"strings"
	"testing"

	"function/functions/users/pages"
	"function/shared/function"
	"function/shared/platformtest"
)

func TestWellKnown_SecurityAndChangePassword(t *testing.T) {
	t.Parallel()
	mount := func(contact string) *platformtest.Platform {
		return platformtest.NewWith(t, func(c *function.Config) { c.PublicURL, c.SecurityContact = "https://app.example/", contact }, pages.Service)
	}
	named := mount("mailto:security@app.example")
	text := string(named.Do("", http.MethodGet, "/.well-known/security.txt", nil).Want(t, http.StatusOK).Body)
	for _, line := range []string{"Contact: mailto:security@app.example\n", "Expires: 2", "Canonical: https://app.example/.well-known/security.txt\n"} {
		if !strings.Contains(text, line) {
			t.Errorf("security.txt has no %q:\n%s", line, text)
		}
	}
	mount("").Do("", http.MethodGet, "/.well-known/security.txt", nil).Want(t, http.StatusNotFound)

	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get(named.URL + "/.well-known/change-password")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusFound || answer.Header.Get("Location") != "/password/forgot" {
		t.Errorf("change-password answers %s to %q", answer.Status, answer.Header.Get("Location"))
	}
	if answer.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security")
	}
}
