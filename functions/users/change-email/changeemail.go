// Package changeemail gives an account another address: POST /v1/users/email/change
// asks for it, and POST /v1/users/email/change/confirm does it, by the token that was
// mailed to the new address. The present address is told both times.
package changeemail

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"function/functions/users"
	"function/shared/function"
)

// The HTTP operations.
var (
	ChangeOperation = huma.Operation{
		OperationID: "users-change-email", Method: http.MethodPost, Path: "/v1/users/email/change",
		Summary: "Change your email address", Tags: []string{users.Tag}, Metadata: function.Guarded, Security: function.FreshPerson,
		Description:   "A token is mailed to the new address, and the present one is told. Until the token comes back nothing changes.",
		DefaultStatus: http.StatusAccepted,
		Errors:        []int{http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}
	ConfirmOperation = huma.Operation{
		OperationID: "users-confirm-email-change", Method: http.MethodPost, Path: "/v1/users/email/change/confirm",
		Summary: "Confirm your new email address by the token that was mailed", Tags: []string{users.Tag}, Metadata: function.Guarded,
		Description:   "The token is good once and for an hour. 409: somebody has an account with the address by now.",
		DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusConflict},
	}
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(ChangeOperation, (*Function).Change),
	function.On(ConfirmOperation, (*Function).Confirm),
}

// ChangeRequest is the new address, and the proof that it is the person who asks.
type ChangeRequest struct {
	Body struct {
		Email    users.Email `json:"email" doc:"One address, without a name"`
		Password string      `json:"password" maxLength:"256" doc:"The present one"`
	}
}

// ConfirmRequest is the token.
type ConfirmRequest struct {
	Body struct {
		Token string `json:"token" maxLength:"100"`
	}
}

// Function changes addresses.
type Function struct {
	users.Store
	post users.Post
}

// New opens the accounts and the mail.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	post, err := store.Post(env)
	return &Function{store, post}, err
}
