// Package changeemail gives an account another address: POST /v1/users/email/change
// asks for it, and POST /v1/users/email/change/confirm does it, by the token that was
// mailed to the new address. The present address is told both times.
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
		Describe("A token is mailed to the new address, and the present one is told. Until the token comes back nothing changes. A newer request takes the place of an earlier one."), (*Function).Change),
	function.On(function.Post("users-confirm-email-change", "/v1/users/email/change/confirm", "Confirm your new email address by the token that was mailed", policy.Public).
		Sensitive().Fails(fault.Conflict, fault.Unavailable).
		Describe("The token, good once and for an hour, shows that you read the new address, and the password that the account is yours: so nobody is given an account that a stranger holds. "+
			"409: somebody has an account with the address by now."), (*Function).Confirm),
).
	Uses(function.Owns(database.Users), function.Keys)

// ChangeRequest is the new address, and the proof that it is the person who asks.
type ChangeRequest struct {
	Body struct {
		Email    person.Email `json:"email" doc:"One address, without a name"`
		Password string       `json:"password" maxLength:"256" doc:"The present one"`
	}
}

// ConfirmRequest is the two proofs.
type ConfirmRequest struct {
	Body struct {
		Token    string `json:"token" maxLength:"100"`
		Password string `json:"password" maxLength:"256" doc:"Of the account"`
	}
}

// Function changes addresses.
type Function struct {
	credential.Passwords
	post notify.Mailer
}

// New opens the accounts and the mail.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	passwords, err := credential.OpenPasswords(ctx, env)
	if err != nil {
		return nil, err
	}
	post, err := notify.NewMailer(passwords.Store, env)
	return &Function{passwords, post}, err
}
