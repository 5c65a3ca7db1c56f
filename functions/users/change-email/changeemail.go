// Package changeemail changes the address of an account: POST /v1/users/email/change
// requests it, and POST /v1/users/email/change/confirm applies it with the token mailed to
// the new address. Both notify the current address.
package changeemail

import (
	"context"
	"net/http"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("users-change-email", New,
	function.On(function.Post("users-change-email", "/v1/users/email/change", "Change your email address", policy.Person.WithFreshProof()).
		Sensitive().Status(http.StatusAccepted).Fails(fault.Unavailable).
		Describe("Mails a token to the new address and a notice to the current one. Nothing changes until the token is confirmed. A new request replaces an earlier one."), (*Function).Change),
	function.On(function.Post("users-confirm-email-change", "/v1/users/email/change/confirm", "Confirm your new email address with the mailed token", policy.Public).
		Sensitive().Fails(fault.Conflict, fault.Unavailable).
		Describe("The token, valid once and for an hour, proves that you control the new address; the password proves that the account is yours. "+
			"409: another account now has the address."), (*Function).Confirm),
).
	Uses(function.Owns(database.Users), function.Keys)

// ChangeRequest contains the new address and the caller's password.
type ChangeRequest struct {
	Body struct {
		Email    person.Email `json:"email" doc:"The address only, without a display name"`
		Password string       `json:"password" maxLength:"256" doc:"Your current password"`
	}
}

// ConfirmRequest contains the mailed token and the account's password.
type ConfirmRequest struct {
	Body struct {
		Token    string `json:"token" maxLength:"100"`
		Password string `json:"password" maxLength:"256" doc:"The account's password"`
	}
}

// Function changes addresses.
type Function struct {
	credential.Passwords
	mailer notify.Mailer
}

// New opens the store and the mailer.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	passwords, err := credential.OpenPasswords(ctx, env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(passwords.Store, env)
	return &Function{passwords, mailer}, err
}
