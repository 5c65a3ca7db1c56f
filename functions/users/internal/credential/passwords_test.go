package credential_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/userstest"
	passwordstrength "function/functions/users/password-strength"
	"function/functions/users/register"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/problem"
)

func registration(email, password, extra string) string {
	return fmt.Sprintf(`{"email": %q, "password": %q, "first_name": "Ada", "last_name": "Lovelace"%s}`, email, password, extra)
}

func TestRegisterRefusesPasswordsThatAreGuessedFirst(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	for _, bad := range []string{"password1", "PASSWORD", "iloveyou1", "lovelace", "ada@example.com", "Lovelace77", "aaaaaaaaaaaa"} {
		a := p.Do("", http.MethodPost, "/v1/users/register", registration("ada@example.com", bad, "")).Want(t, http.StatusUnprocessableEntity)
		problem := platformtest.Decode[problem.Problem](t, a)
		if len(problem.Errors) != 1 || problem.Errors[0].Location != "body.password" || strings.Contains(string(a.Body), bad) {
			t.Errorf("%q: %s", bad, a.Body)
		}
	}
	p.Do("", http.MethodPost, "/v1/users/register", registration("ada@example.com", strings.Repeat("🐎 horse", 36), "")).Want(t, http.StatusCreated)
}

func TestOrganizationDemandsLongerPasswords(t *testing.T) {
	t.Parallel()
	p := userstest.Mount(t)
	owner := p.Login("owner")
	userstest.Exec(t, p, `UPDATE organizations SET settings = '{"password_min_length": 15}' WHERE id = $1`, owner.OrganizationID)
	join := fmt.Sprintf(`, "organization_id": %q`, owner.OrganizationID)
	p.Do("", http.MethodPost, "/v1/users/register", registration("ada@example.com", "correct horse", join)).Want(t, http.StatusUnprocessableEntity)
	p.Do("", http.MethodPost, "/v1/users/register", registration("ada@example.com", "correct horse battery", join)).Want(t, http.StatusCreated)
	p.Do("", http.MethodPost, "/v1/users/register", registration("eve@example.com", "correct horse", "")).Want(t, http.StatusCreated)
}

func TestNewPassword_UsedBefore_IsRefused(t *testing.T) {
	t.Parallel()
	p, ctx := userstest.Mount(t), context.Background()
	ada := userstest.Registered(t, p, "ada@example.com", "")
	userstest.Exec(t, p, `UPDATE organizations SET settings = '{"password_history": 2}'`)
	passwords, err := credential.OpenPasswords(ctx, p.Env)
	if err != nil {
		t.Fatal(err)
	}
	change := func(to string) {
		t.Helper()
		hash, err := passwords.Hasher.Hash(ctx, to)
		if err != nil {
			t.Fatal(err)
		}
		tx, err := passwords.Store.DB.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(ctx) }()
		var replaced string
		if err := tx.QueryRow(ctx, `SELECT password_hash FROM users WHERE id = $1 FOR UPDATE`, ada.ID).Scan(&replaced); err != nil {
			t.Fatal(err)
		}
		if err := credential.RememberPassword(ctx, tx, ada.ID, replaced, 2); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(ctx, `UPDATE users SET password_hash = $1 WHERE id = $2`, hash, ada.ID); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
	}
	rules, err := credential.PasswordRulesOf(ctx, passwords, ada.OrganizationID)
	if err != nil {
		t.Fatal(err)
	}
	change("second horse")
	change("third horse")
	change("fourth horse")
	for candidate, used := range map[string]bool{"correct horse": false, "second horse": true, "third horse": true, "fourth horse": true, "fifth horse": false} {
		err := credential.CheckNewPassword(ctx, passwords, rules, ada.ID, candidate, "body.new_password")
		if f, ok := fault.As(err); used != (ok && f.Kind == fault.Invalid && f.Fields[0].Location == "body.new_password") || !used && err != nil {
			t.Errorf("%q: %v, want refused: %t", candidate, err, used)
		}
	}
	if n := userstest.QueryOne[int](t, p, `SELECT count(*) FROM password_history`); n != 2 {
		t.Errorf("%d earlier passwords are kept, want 2", n)
	}
	if rules, err := credential.PasswordRulesOf(ctx, passwords, uuid.New()); err != nil || rules != (credential.PasswordRules{MinLength: 8}) {
		t.Errorf("an organization that does not exist: %+v, %v, want the default policy", rules, err)
	}
}

func TestPlatformsLeastLengthHoldsInEveryOrganization(t *testing.T) {
	t.Parallel()
	p := platformtest.NewWith(t, func(c *function.Config) { c.PasswordMinLength = 15 }, register.Service)
	p.Do("", http.MethodPost, "/v1/users/register", registration("ada@example.com", "correct horse", "")).Want(t, http.StatusUnprocessableEntity)
	p.Do("", http.MethodPost, "/v1/users/register", registration("ada@example.com", "correct horse battery", "")).Want(t, http.StatusCreated)
	for _, wrong := range []int{7, 65, -1} {
		if _, err := credential.MinPasswordLength(function.Config{PasswordMinLength: wrong}); err == nil {
			t.Errorf("PASSWORD_MIN_LENGTH=%d is taken", wrong)
		}
	}
}

func TestBreachedPasswordsAreRefusedWhereAServiceTells(t *testing.T) {
	t.Parallel()
	sum := sha1.Sum([]byte("seen in a breach"))
	digits, status := strings.ToUpper(hex.EncodeToString(sum[:])), http.StatusOK
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprintf(w, "%s:12\r\n", digits[5:])
	}))
	defer service.Close()
	p := platformtest.NewWith(t, func(c *function.Config) { c.PasswordRangeURL = service.URL }, register.Service)
	a := p.Do("", http.MethodPost, "/v1/users/register", registration("ada@example.com", "seen in a breach", "")).Want(t, http.StatusUnprocessableEntity)
	if detail := platformtest.Decode[problem.Problem](t, a).Detail; !strings.Contains(detail, "breach of another service") {
		t.Errorf("detail %q", detail)
	}
	p.Do("", http.MethodPost, "/v1/users/register", registration("ada@example.com", "never seen anywhere", "")).Want(t, http.StatusCreated)
	status = http.StatusServiceUnavailable
	p.Do("", http.MethodPost, "/v1/users/register", registration("eve@example.com", "seen in a breach", "")).Want(t, http.StatusCreated)
}

func TestStrengthIsToldAndNothingStored(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, passwordstrength.Service)
	ask := func(body any) platformtest.Answer {
		return p.Do("", http.MethodPost, "/v1/users/password/strength", body)
	}
	type strength struct {
		Score      int
		Hint       string
		Acceptable bool
		Reason     string
	}
	for password, want := range map[string]strength{
		"password":                     {Score: 0, Acceptable: false},
		"lovelace":                     {Score: 0, Acceptable: false},
		"short":                        {Score: 1, Acceptable: false},
		"correct horse battery staple": {Score: 4, Acceptable: true},
		"":                             {Score: 0, Acceptable: false},
	} {
		got := platformtest.Decode[strength](t, ask(map[string]any{"password": password, "words": []string{"Ada", "Lovelace"}}).Want(t, http.StatusOK))
		if got.Score != want.Score || got.Acceptable != want.Acceptable || (got.Reason == "") != got.Acceptable || (got.Hint == "") != (got.Score >= 3) {
			t.Errorf("%q: %+v, want %+v", password, got, want)
		}
	}
	for name, body := range map[string]any{
		"no password": `{}`, "a number": `{"password": 1}`, "too long": map[string]string{"password": strings.Repeat("x", 257)},
		"too many words": map[string]any{"password": "x", "words": make([]string, 11)}, "another field": `{"password": "x", "user": "y"}`,
	} {
		t.Run(name, func(t *testing.T) { ask(body).Want(t, http.StatusUnprocessableEntity) })
	}
	ask(map[string]any{"password": strings.Repeat("\xf0\x9f\x90\x8e", 256), "words": []string{strings.Repeat("ﷺ", 10_000)}}).Want(t, http.StatusOK)
}
