// Package getsecondfactors lists a person's second factors: GET /v1/users/mfa.
package getsecondfactors

import (
	"context"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/store"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("users-get-second-factors", "/v1/users/mfa", "List your second factors", policy.Person), New).
	Uses(function.Owns(database.Users))

// Response describes the enrolled second factors.
type Response struct {
	Body struct {
		Enrolled          bool `json:"enrolled" doc:"A login needs a second factor"`
		Required          bool `json:"required" doc:"An organization that you belong to requires one"`
		TOTP              bool `json:"totp" doc:"An authenticator app is set up"`
		Passkeys          int  `json:"passkeys"`
		RecoveryCodesLeft int  `json:"recovery_codes_left"`
	}
}

// Function reads second factors.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

// Handle counts the caller's second factors.
func (f *Function) Handle(ctx context.Context, _ *struct{}) (*Response, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	factors, err := credential.FactorsOf(ctx, f.store.DB, caller.UserID)
	if err != nil {
		return nil, err
	}
	required, err := credential.SecondFactorRequired(ctx, f.store.DB, caller.UserID)
	if err != nil {
		return nil, err
	}
	var out Response
	out.Body.Enrolled, out.Body.Required, out.Body.TOTP = factors.Any(), required, factors.TOTP
	out.Body.Passkeys, out.Body.RecoveryCodesLeft = factors.Passkeys, factors.RecoveryCodes
	return &out, nil
}
