// Package stepup renews the authentication of a session for operations that require step-up
// authentication (RFC 9470): POST /v1/users/mfa/step-up, preceded by POST
// /v1/users/mfa/step-up/passkey if the proof is a passkey.
package stepup

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/credential"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("users-step-up", New,
	function.On(function.Post("users-begin-passkey-step-up", "/v1/users/mfa/step-up/passkey", "Begin step-up authentication with a passkey", policy.Person.WithoutImpersonation()).
		Fails(fault.Conflict), (*Function).Begin),
	function.On(function.Post("users-step-up", "/v1/users/mfa/step-up", "Complete step-up authentication", policy.Person.WithoutImpersonation()).
		Sensitive().Fails(fault.Unavailable).
		Describe("Send one of code, passkey or, if you have no second factor, password. For 15 minutes the session may then perform operations that require step-up authentication."), (*Function).StepUp),
).
	Uses(function.Owns(database.Users), function.Keys)

// BeginResponse contains the options for the browser.
type BeginResponse struct{ Body credential.Ceremony }

// Request contains the proof. Recovery codes are not accepted, since they are only for logins.
type Request struct {
	Body struct {
		Code     string                `json:"code,omitempty" pattern:"^[0-9]{6}$" patternDescription:"six digits" example:"123456" doc:"Code of an authenticator app"`
		Passkey  *credential.Assertion `json:"passkey,omitempty"`
		Password string                `json:"password,omitempty" maxLength:"256"`
	}
}

// Response says how long the authentication counts.
type Response struct {
	Body struct {
		ExpiresIn int `json:"expires_in" doc:"Seconds for which the authentication counts"`
	}
}

// Function performs step-up authentication.
type Function struct {
	credential.Passkeys
	passwords credential.Passwords
}

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	passkeys, err := credential.OpenPasskeys(ctx, env)
	if err != nil {
		return nil, err
	}
	passwords, err := credential.OpenPasswords(ctx, env)
	return &Function{passkeys, passwords}, err
}

var errOtherIssuer = fault.New(fault.Forbidden, "You logged in with another issuer: log in there again to authenticate")

// requireSession returns the caller, who must have a session of this platform.
func requireSession(ctx context.Context) (auth.Caller, error) {
	caller, err := auth.CallerFrom(ctx)
	if err == nil && caller.SessionID == uuid.Nil {
		err = errOtherIssuer
	}
	return caller, err
}

// Begin creates a challenge for the caller's passkeys.
func (f *Function) Begin(ctx context.Context, _ *struct{}) (*BeginResponse, error) {
	caller, err := requireSession(ctx)
	if err != nil {
		return nil, err
	}
	var out BeginResponse
	err = f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		out.Body, err = f.BeginProof(ctx, tx, caller.UserID)
		return err
	})
	return &out, err
}

// StepUp checks the proof and renews the session's authentication time.
func (f *Function) StepUp(ctx context.Context, in *Request) (*Response, error) {
	caller, err := requireSession(ctx)
	if err != nil {
		return nil, err
	}
	proof := credential.Proof{Code: in.Body.Code, Passkey: in.Body.Passkey, Password: in.Body.Password}
	if err := proof.Check(); err != nil {
		return nil, err
	}
	proved, err := f.prove(ctx, caller, proof)
	if err != nil {
		return nil, fmt.Errorf("step up: %w", err)
	}
	if proved.Refused != "" {
		return nil, proved.Fault()
	}
	var out Response
	out.Body.ExpiresIn = int(policy.FreshProof.Seconds())
	return &out, nil
}

// prove checks a password before the transaction begins, which would otherwise hold a connection
// while the password is hashed.
func (f *Function) prove(ctx context.Context, caller auth.Caller, proof credential.Proof) (proved credential.ProofResult, err error) {
	if err := credential.GuardStepUp(ctx, f.Store, caller.SessionID); err != nil {
		return proved, err
	}
	if proof, err = credential.CheckPassword(ctx, f.passwords, caller.UserID, proof); err != nil {
		return proved, err
	}
	err = f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		proved, err = f.Passkeys.StepUp(ctx, tx, caller, proof)
		return err
	})
	return proved, err
}
