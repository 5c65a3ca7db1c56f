// Package loginwithpasskey begins a session with only a passkey, without an address: POST
// /v1/users/passkeys/login/begin and …/finish. A passkey protected by a PIN or a fingerprint
// counts as two factors.
package loginwithpasskey

import (
	"context"
	"fmt"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/session"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("users-login-with-passkey", New,
	function.On(function.Post("users-begin-passkey-login", "/v1/users/passkeys/login/begin", "Begin a login with a passkey", policy.Public).
		Sensitive(), (*Function).Begin),
	function.On(function.Post("users-finish-passkey-login", "/v1/users/passkeys/login/finish", "Log in with a passkey", policy.Public).
		Sensitive().Fails(fault.Unauthenticated), (*Function).Finish),
).
	Uses(function.Owns(database.Users), function.Keys)

// BeginResponse contains the options for the browser.
type BeginResponse struct{ Body credential.Ceremony }

// FinishRequest is the passkey's response to the challenge.
type FinishRequest struct{ Body credential.Assertion }

// FinishResponse is the session's first pair of tokens.
type FinishResponse struct{ Body session.Tokens }

// Function logs people in with passkeys.
type Function struct {
	credential.Passkeys
	issuer *auth.Issuer
}

// New opens the store and the token issuer.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	passkeys, err := credential.OpenPasskeys(ctx, env)
	if err != nil {
		return nil, err
	}
	return &Function{Passkeys: passkeys, issuer: session.NewIssuer(passkeys.SecondFactors.Store, env)}, nil
}

var errRefused = fault.New(fault.Unauthenticated, "The passkey was not accepted: begin again, or log in another way")

// Begin creates a challenge that any person's passkey can answer.
func (f *Function) Begin(ctx context.Context, _ *struct{}) (*BeginResponse, error) {
	var out BeginResponse
	err := f.Store.DB.Transact(ctx, func(tx *outbox.Tx) (err error) {
		out.Body, err = f.BeginLogin(ctx, tx)
		return err
	})
	return &out, err
}

// Finish begins the session of the passkey's owner.
func (f *Function) Finish(ctx context.Context, in *FinishRequest) (*FinishResponse, error) {
	if err := f.issuer.Ready(ctx); err != nil {
		return nil, err
	}
	var out FinishResponse
	var proved credential.ProofResult
	err := f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		login, p, err := f.Identify(ctx, tx, in.Body)
		if err != nil {
			return err
		}
		proved = p
		if err := f.RecordPasskeyLogin(ctx, tx, login, p); err != nil || p.Refused != "" {
			return err
		}
		out.Body, err = credential.LogIn(ctx, f.Store, tx, f.issuer, login)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("log in with passkey: %w", err)
	}
	if proved.Refused != "" {
		return nil, errRefused
	}
	return &out, nil
}
