package person_test

import (
	"net/http"
	"strings"
	"testing"

	"function/functions/users/internal/person"
	"function/functions/users/internal/userstest"
	"function/shared/platformtest"
)

func TestParseEmail_Spellings_AreNormalizedOrRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ada@example.com": "ada@example.com", " Ada.L+x@EXAMPLE.com ": "ada.l+x@example.com", "a'b/c=d@ex-ample.co.uk": "a'b/c=d@ex-ample.co.uk",
		"ada@b\u00fccher.example": "ada@xn--bcher-kva.example", "ada@bu\u0308cher.example": "ada@xn--bcher-kva.example", "ada@XN--bcher-kva.example": "ada@xn--bcher-kva.example",
		"J\u00fcrgen@example.com": "j\u00fcrgen@example.com", "ju\u0308rgen@example.com": "j\u00fcrgen@example.com", "mi\u212ae@example.com": "mike@example.com",
		"ada@\uff45xample.com": "ada@example.com", "ada@example\u3002com": "ada@example.com",
	} {
		if got, err := person.ParseEmail(text); got != want || err != nil {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "@", "ada", "ada@", "@example.com", "ada@localhost", "x@y", "ada@example.com.", "ada@.example.com", "ada@example..com", "ada@127.0.0.1", "ada@[127.0.0.1]", "ada@[IPv6:::1]",
		`"ada"@example.com`, `"a\da"@example.com`, "ada@example.com()", "ada()@example.com", "(x)ada@example.com", "Ada <ada@example.com>", "a@b.com, c@d.com", "ada@exa mple.com", "a da@example.com",
		".ada@example.com", "ada.@example.com", "a..da@example.com", "a\u200bda@example.com", "a\x00@example.com", "a\xff@example.com", "ada@exa_mple.com", "ada@-example.com",
		strings.Repeat("x", 65) + "@example.com", "ada@" + strings.Repeat("x", 64) + ".com", "ada@" + strings.Repeat("x.", 126) + "com",
	} {
		if got, err := person.ParseEmail(text); err == nil || len(text) > 2 && strings.Contains(err.Error(), text) {
			t.Errorf("%q is %q, %v; want a refusal without the address", text, got, err)
		}
	}
}

func FuzzParseEmail(f *testing.F) {
	f.Add("Ada@B\u00fccher.example")
	f.Fuzz(func(t *testing.T, text string) {
		once, err := person.ParseEmail(text)
		if err != nil {
			return
		}
		if twice, err := person.ParseEmail(once); err != nil || twice != once {
			t.Errorf("%q is %q, which is %q, %v", text, once, twice, err)
		}
	})
}

func TestLogin_AnotherSpellingOfTheAddress_IsTheSameAccountOrNone(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	register := func(email string, status int) {
		t.Helper()
		userstest.Post(t, p, "", userstest.RegisterPath, userstest.RegistrationBody(email, "correct horse", "Ada"), status)
	}
	register("Ada@B\u00fccher.example", http.StatusCreated)
	for _, email := range []string{"ada@xn--bcher-kva.example", "ADA@bu\u0308cher.example"} {
		register(email, http.StatusConflict)
		userstest.LogIn(p, email, "correct horse").Want(t, http.StatusOK)
	}
	for _, email := range []string{`"ada"@example.com`, `"a\da"@example.com`, "ada@example.com()", "x@y", "ada@[127.0.0.1]"} {
		answer := userstest.Post(t, p, "", userstest.RegisterPath, userstest.RegistrationBody(email, "correct horse", "Ada"), http.StatusUnprocessableEntity)
		if d := userstest.Detail(t, answer); !strings.HasPrefix(d, "body.email: ") || strings.Contains(d, email) {
			t.Errorf("%s is refused by %q", email, d)
		}
	}
}

func TestLogin_FormerAddressIndex_Works(t *testing.T) {
	t.Parallel()
	p := userstest.MountMail(t, false)
	keeper, err := p.Env.Keeper(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, email := range []string{`"ada lovelace"@example.com`, "ada@localhost", "ada@b\u00fccher.example"} {
		address := "ada" + string(rune('a'+i)) + "@example.com"
		account := platformtest.Decode[person.Account](t, userstest.Post(t, p, "", userstest.RegisterPath, userstest.RegistrationBody(address, "correct horse", "Ada"), http.StatusCreated))
		index := keeper.BlindIndex("users.email", email) // the former index, of the lower-case address
		userstest.Count(t, p, `UPDATE users SET email_index = $1 WHERE id = $2 RETURNING 1`, index, account.ID)
		userstest.LogIn(p, strings.ToUpper(email), "correct horse").Want(t, http.StatusOK)
	}
	userstest.Post(t, p, "", userstest.RegisterPath, userstest.RegistrationBody("ada@xn--bcher-kva.example", "correct horse", "Ada"), http.StatusCreated)
	userstest.Post(t, p, "", userstest.RegisterPath, userstest.RegistrationBody("ada@b\u00fccher.example", "correct horse", "Ada"), http.StatusConflict)
}
