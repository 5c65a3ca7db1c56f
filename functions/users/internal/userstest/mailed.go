package userstest

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	changeemail "function/functions/users/change-email"
	changepassword "function/functions/users/change-password"
	confirmregistration "function/functions/users/confirm-registration"
	forgotpassword "function/functions/users/forgot-password"
	"function/functions/users/login"
	mailtokens "function/functions/users/mail-tokens"
	"function/functions/users/profile"
	"function/functions/users/refresh"
	"function/functions/users/register"
	resetpassword "function/functions/users/reset-password"
	verifyemail "function/functions/users/verify-email"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/problem"
)

const NewPassword = "another battery"

// MailedFlows are the functions that take part in flows with mailed tokens.
var MailedFlows = []function.Declaration{
	register.Service,
	confirmregistration.Service,
	login.Service,
	refresh.Service,
	profile.Service,
	forgotpassword.Service,
	resetpassword.Service,
	changepassword.Service,
	verifyemail.Service,
	changeemail.Service,
	mailtokens.Service,
}

func MountMail(t *testing.T, confirmation bool) *platformtest.Platform {
	return platformtest.NewWith(t, func(c *function.Config) { c.RegistrationConfirmation = confirmation }, MailedFlows...)
}

// DeliverRequests delivers all requests of a type to users-mail-tokens, of which there must be at
// least n. Delivering a request again has no effect.
func DeliverRequests[E events.Event](t *testing.T, p *platformtest.Platform, n int) {
	t.Helper()
	for _, e := range platformtest.Published[E](p, n) {
		platformtest.Deliver(p, "users-mail-tokens", e).Want(t, http.StatusNoContent)
	}
}

func Post(t *testing.T, p *platformtest.Platform, token, path string, body any, status int) platformtest.Answer {
	t.Helper()
	return p.Do(token, http.MethodPost, path, body).Want(t, status)
}

func LogIn(p *platformtest.Platform, email, password string) platformtest.Answer {
	return p.Do("", http.MethodPost, "/v1/users/login", map[string]string{"email": email, "password": password})
}

func Count(t *testing.T, p *platformtest.Platform, query string, arguments ...any) (n int) {
	t.Helper()
	if err := p.DB(database.Users).QueryRow(context.Background(), query, arguments...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Audited lists the audit entries as action and result, oldest first.
func Audited(t *testing.T, p *platformtest.Platform, prefix string) []string {
	t.Helper()
	var entries []string
	err := p.DB(database.Users).QueryRow(context.Background(),
		`SELECT array_agg(action || ' ' || result ORDER BY id) FROM audit_entries WHERE action LIKE $1 || '%'`, prefix).Scan(&entries)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// Concurrently calls do n times concurrently and counts the answers by status.
func Concurrently(n int, do func(i int) platformtest.Answer) map[int]int {
	answers := make(chan int, n)
	for i := range n {
		go func() { answers <- do(i).Status }()
	}
	statuses := map[int]int{}
	for range n {
		statuses[<-answers]++
	}
	return statuses
}

// BreakTable makes statements on a table fail, as a crash at that point would. It returns a
// function that undoes it.
func BreakTable(t *testing.T, p *platformtest.Platform, table string) func() {
	t.Helper()
	alter := func(how string) {
		if _, err := p.Administrator(database.Users).Exec(t.Context(), `ALTER TABLE `+table+how); err != nil {
			t.Fatal(err)
		}
	}
	alter(` ADD CONSTRAINT broken CHECK (false) NOT VALID`)
	return func() { alter(` DROP CONSTRAINT broken`) }
}

func Detail(t *testing.T, a platformtest.Answer) string {
	t.Helper()
	return platformtest.Decode[problem.Problem](t, a).Detail
}

func Equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

func PersonBody(email, extra string) string {
	return `{"email": "` + email + `", "password": "correct horse", "first_name": "Wilhelmina", "last_name": "Łovelace"` + extra + `}`
}
