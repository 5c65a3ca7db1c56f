package password_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"function/shared/password"
)

func TestCheck_CommonPassword_IsRefused(t *testing.T) {
	t.Parallel()
	p := password.Policy{MinLength: 8}
	ada := []string{"Ada", "Łovelace", "ada.lovelace@example.com"}
	for _, bad := range []string{
		"", "1234567", "seven77",
		"password", "PASSWORD", "ｐａｓｓｗｏｒｄ", "12345678", "qwertyuiop", "iloveyou1", "trustno1", "letmein1",
		"lovelace", "Ada.Lovelace@example.com", "ada-lovelace", "łovelace!", "lovelace12", "example.com1", "adapassword", "Ada123456",
		"002aic2026", "aic-data", "AppliedInnovationCorp1", "aaaaaaaaaaaaaaaaaaaa",
		strings.Repeat("correct horse ", 19),
	} {
		if reason := p.Check(bad, ada...); reason == "" {
			t.Errorf("%q is accepted", bad)
		}
	}
	longest := strings.Repeat("correct horse battery staple, and twelve angry lumpfish ", 5)[:password.MaxLength]
	for _, good := range []string{
		"correct horse", "correct horse battery", "Tr0ub4dour&3", "all lower case and long", "日本語のパスワード", "пароль лошадь", "12 angry men",
		longest, "adagio for strings", "    spaces   matter ",
	} {
		if reason := p.Check(good, ada...); reason != "" {
			t.Errorf("%q is refused: %s", good, reason)
		}
	}
}

func TestCheck_EasyToGuess_IsRefusedWithAHint(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"Password1234!", "P@ssw0rd!2024", "aaaaaaaaaaaaaaaaaaaaab", "qwertyuiopasdfgh", "hunter2hunter2"} {
		hint := password.Estimate(bad).Hint
		if reason := (password.Policy{MinLength: 8}).Check(bad); hint == "" || !strings.Contains(reason, hint) {
			t.Errorf("%q is answered by %q, want a refusal with the hint %q", bad, reason, hint)
		}
	}
}

func TestCheck_Length_CountsCharacters(t *testing.T) {
	t.Parallel()
	p := password.Policy{MinLength: 8}
	for candidate, want := range map[string]bool{
		"žluťoučk":       true,  // 8 characters, 12 bytes
		"žluťouč":        false, // 7 characters, 11 bytes
		"z\u030cluťoučk": true,  // composed: 8
		"z\u030cluťouč":  false, // 8 code points as typed, 7 composed
		"🐎🔋📎🧷🪝🧲🔭🧪":       true,
	} {
		if got := p.Check(candidate) == ""; got != want {
			t.Errorf("%q accepted: %t, want %t", candidate, got, want)
		}
	}
}

func TestEstimate_GrowsWithTheGuesses(t *testing.T) {
	t.Parallel()
	for candidate, want := range map[string][2]int{ // minimum and maximum
		"password": {0, 0}, "abcdefgh": {0, 0}, "qwerty": {0, 0}, "p4ssw0rd": {0, 0}, "aaaaaaaaaaaa": {0, 0}, "ada": {0, 0},
		"Password1234!": {1, 1}, "P@ssw0rd!2024": {1, 1}, "aaaaaaaaaaaaaaaaaaaaab": {1, 1}, "dragon1987": {1, 1}, "lovelace77": {1, 1}, "passwordpassword": {0, 1}, "qwertyuiop1990": {1, 1},
		"correct horse": {3, 4}, "correct horse battery staple": {4, 4}, "xq7-Lumpfish-ran": {4, 4},
	} {
		s := password.Estimate(candidate, "Ada", "Lovelace")
		if s.Score < want[0] || s.Score > want[1] {
			t.Errorf("%q has the score %d (10^%.1f), want %v", candidate, s.Score, s.Guesses, want)
		}
		if (s.Hint == "") != (s.Score >= 3) {
			t.Errorf("%q of score %d has the hint %q", candidate, s.Score, s.Hint)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add("correct horse", "ada")
	f.Add("\xff\x00", "")
	f.Add("ﷺﷺﷺﷺ", "ﷺ")
	f.Fuzz(func(t *testing.T, candidate, word string) {
		password.Policy{MinLength: 8}.Check(candidate, word)
	})
}

func TestRange_ServiceLearnsFiveDigits(t *testing.T) {
	t.Parallel()
	digits := func(p string) string {
		sum := sha1.Sum([]byte(p))
		return strings.ToUpper(hex.EncodeToString(sum[:]))
	}
	var asked []string
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.Header.Get("Add-Padding"))
		fmt.Fprintf(w, "%035d:7\r\n%s:3\r\n%s:0\r\n", 0, digits("seen before")[5:], digits("only padding")[5:])
	}))
	defer service.Close()
	r := password.NewRange(service.URL + "/range")
	for candidate, want := range map[string]bool{"seen before": true, "only padding": false, "never seen": false} {
		asked = nil
		seen, err := r.Seen(context.Background(), candidate)
		if err != nil || seen != want {
			t.Errorf("Seen(%q) = %t, %v, want %t", candidate, seen, err, want)
		}
		if want := "/range/" + digits(candidate)[:5] + " true"; len(asked) != 1 || asked[0] != want {
			t.Errorf("the service was asked %q, want %q", asked, want)
		}
	}
}

func TestRange_ServiceFails_ErrorHidesThePassword(t *testing.T) {
	t.Parallel()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer broken.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	sum := sha1.Sum([]byte("correct horse"))
	prefix := hex.EncodeToString(sum[:])[:5]
	for name, url := range map[string]string{"status": broken.URL, "nobody there": gone.URL, "no URL": "://"} {
		seen, err := password.NewRange(url).Seen(context.Background(), "correct horse")
		if seen || err == nil || strings.Contains(strings.ToLower(err.Error()), prefix) {
			t.Errorf("%s: Seen = %t, %v, want an error without the digits", name, seen, err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	for name, candidate := range map[string]string{
		"usual": "correct horse battery", "longest": strings.Repeat("passw0rd", 32), "no pattern": strings.Repeat("x7!qZk_9", 32),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				password.Policy{MinLength: 8}.Check(candidate, "Ada", "Lovelace", "ada@example.com")
			}
		})
	}
}

func TestPolicy_AddressWithOtherDigits_IsRefused(t *testing.T) {
	t.Parallel()
	for _, chosen := range []string{"jon77@example.org", "jon@example.org42", "4jon2@example.org", "jo1n@exam2ple.org", "j.on@example77.org"} {
		if (password.Policy{MinLength: 8}).Check(chosen, "jon42@example.org", "Jon", "Doe") == "" {
			t.Errorf("%q is taken", chosen)
		}
	}
	for _, chosen := range []string{"jon plays 3 trombones", "jon-93847-xk29-1048"} {
		if reason := (password.Policy{MinLength: 8}).Check(chosen, "jon42@example.org", "Jon", "Doe"); reason != "" {
			t.Errorf("%q is refused: %s", chosen, reason)
		}
	}
}
