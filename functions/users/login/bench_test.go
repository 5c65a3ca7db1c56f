package login_test

import (
	"context"
	"net/http"
	"testing"

	"function/functions/users/login"
	"function/functions/users/register"
	"function/shared/function"
	"function/shared/password"
	"function/shared/platformtest"
	"function/shared/ratelimit"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

// BenchmarkLogin measures a login without the password hash that it contains.
func BenchmarkLogin(b *testing.B) {
	unlimited := func(c *function.Config) { c.RateLimits.Account = ratelimit.Limit{} }
	p := platformtest.NewWith(b, unlimited, register.Service, login.Service)
	p.Do("", http.MethodPost, "/v1/users/register",
		`{"email": "ada@example.com", "password": "correct horse", "first_name": "Ada", "last_name": "Lovelace"}`).Want(b, http.StatusCreated)
	b.Run("login", func(b *testing.B) {
		for b.Loop() {
			p.Do("", http.MethodPost, "/v1/users/login", `{"email": "ada@example.com", "password": "correct horse"}`).Want(b, http.StatusOK)
		}
	})
	b.Run("hash alone", func(b *testing.B) {
		h, err := password.NewHasher(password.OWASP)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := h.Hash(context.Background(), "correct horse"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
