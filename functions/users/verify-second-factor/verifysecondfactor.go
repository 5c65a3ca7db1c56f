// Package verifysecondfactor completes a login whose password was correct: POST
// /v1/users/mfa/verify, preceded by POST /v1/users/mfa/verify/passkey if the second factor is a
// passkey.
package verifysecondfactor

import (
	"context"
	"fmt"

	"github.com/google/uuid"

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
var Service = function.Service("users-verify-second-factor", New,
	function.On(function.Post("users-begin-passkey-verification", "/v1/users/mfa/verify/passkey", "Begin a passkey check as a login's second factor", policy.Public).
		Sensitive().Fails(fault.Unauthenticated, fault.Conflict), (*Function).Begin),
	function.On(function.Post("users-verify-second-factor", "/v1/users/mfa/verify", "Complete a login with a second factor", policy.Public).
		Sensitive().Fails(fault.Unauthenticated).
		Describe("Send one of code, recovery_code or passkey. After five wrong attempts the mfa_token is invalidated."), (*Function).Verify),
).
	Uses(function.Owns(database.Users), function.Keys)

// BeginRequest identifies the pending login.
type BeginRequest struct {
	Body struct {
		MFAToken string `json:"mfa_token" maxLength:"100"`
	}
}

// BeginResponse contains the options for the browser.
type BeginResponse struct{ Body credential.Ceremony }

// VerifyRequest identifies the pending login and contains the proof.
type VerifyRequest struct {
	Body struct {
		MFAToken     string                `json:"mfa_token" maxLength:"100"`
		Code         string                `json:"code,omitempty" pattern:"^[0-9]{6}$" patternDescription:"six digits" example:"123456" doc:"Code of an authenticator app"`
		RecoveryCode string                `json:"recovery_code,omitempty" maxLength:"40"`
		Passkey      *credential.Assertion `json:"passkey,omitempty"`
	}
}

// VerifyResponse contains the session's first pair of tokens.
type VerifyResponse struct{ Body session.Tokens }

// Function completes logins.
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

var (
	errNoLogin = fault.New(fault.Unauthenticated, "This login has expired or was already completed: log in again")
	errRefused = fault.New(fault.Unauthenticated, "The second factor is wrong: try again")
)

// Begin creates a challenge for the passkeys of the person whose login is pending.
func (f *Function) Begin(ctx context.Context, in *BeginRequest) (*BeginResponse, error) {
	user, err := credential.PendingUser(ctx, f.Store, in.Body.MFAToken)
	if err != nil {
		return nil, err
	}
	if user == uuid.Nil {
		return nil, errNoLogin
	}
	var out BeginResponse
	err = f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		out.Body, err = f.BeginProof(ctx, tx, user)
		return err
	})
	return &out, err
}

// Verify completes the login. A wrong second factor is counted and recorded before the response
// is sent.
func (f *Function) Verify(ctx context.Context, in *VerifyRequest) (*VerifyResponse, error) {
	proof := credential.Proof{Code: in.Body.Code, RecoveryCode: in.Body.RecoveryCode, Passkey: in.Body.Passkey}
	if err := proof.Check(); err != nil {
		return nil, err
	}
	user, err := credential.PendingUser(ctx, f.Store, in.Body.MFAToken)
	if err != nil {
		return nil, err
	}
	if user == uuid.Nil {
		return nil, errNoLogin
	}
	if err := credential.GuardLogin(ctx, f.Store, user, proof); err != nil {
		return nil, err
	}
	if err := f.issuer.Ready(ctx); err != nil {
		return nil, err
	}
	var out VerifyResponse
	var proved credential.ProofResult
	err = f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		pending, err := credential.AttemptLogin(ctx, tx, in.Body.MFAToken)
		if err != nil {
			return err
		}
		if pending == nil {
			return errNoLogin
		}
		if proved, err = f.Prove(ctx, tx, pending.UserID, proof); err != nil {
			return err
		}
		if err := f.RecordLoginProof(ctx, tx, pending, proved); err != nil || proved.Refused != "" {
			return err
		}
		out.Body, err = credential.Complete(ctx, f.Store, tx, f.issuer, pending, proved.Methods)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("verify second factor: %w", err)
	}
	if proved.Refused != "" {
		return nil, errRefused
	}
	return &out, nil
}
