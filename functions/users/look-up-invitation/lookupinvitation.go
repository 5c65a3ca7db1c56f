// Package lookupinvitation tells whoever was mailed an invitation what it invites to,
// before they accept it: POST /v1/organizations/invitations/look-up.
package lookupinvitation

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"function/functions/users"
	"function/shared/function"
)

// Operation is the HTTP operation. It is a POST, because a token in a URL is in logs.
var Operation = huma.Operation{
	OperationID: "users-look-up-invitation", Method: http.MethodPost, Path: "/v1/organizations/invitations/look-up",
	Summary: "What an invitation invites to", Tags: []string{users.Tag}, Metadata: function.Guarded,
	Description: "For whoever holds the token, with an account or without one. It uses nothing up.",
	Errors:      []int{http.StatusNotFound},
}

// Request is the token that was mailed.
type Request struct {
	Body struct {
		Token string `json:"token" minLength:"1" maxLength:"100" doc:"From the link in the mail"`
	}
}

// Response is what the invitation offers.
type Response struct{ Body users.Offer }

// Function looks invitations up.
type Function struct{ users.Store }

// New opens the invitations.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

// Handle looks the token up.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	offer, err := f.OfferOf(ctx, in.Body.Token)
	if err != nil {
		return nil, err
	}
	return &Response{Body: offer}, nil
}
