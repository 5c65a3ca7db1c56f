package userstest

import (
	"net/http"
	"strings"
	"testing"

	"function/shared/events"
	"function/shared/platformtest"
)

const (
	ForgotPath = "/v1/users/password/forgot"
	ResetPath  = "/v1/users/password/reset"
	ChangePath = "/v1/users/password/change"
)

func ResetBody(token string) map[string]string {
	return map[string]string{"token": token, "password": NewPassword}
}

func ChangeBody(current, next string) map[string]string {
	return map[string]string{"current_password": current, "new_password": next}
}

// RequestReset makes the nth request for a password reset and returns the mailed token.
func RequestReset(t *testing.T, p *platformtest.Platform, email string, n int) string {
	t.Helper()
	Post(t, p, "", ForgotPath, map[string]string{"email": email}, http.StatusAccepted)
	DeliverRequests[events.PasswordResetRequested](t, p, n)
	return p.Token(p.MailTo(strings.TrimSpace(email)))
}
