// Package totp enrols and removes a person's authenticator app (RFC 6238):
// POST and DELETE /v1/users/mfa/totp, POST /v1/users/mfa/totp/confirm.
package totp

import (
	"context"
	"net/http"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/notify"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("users-totp", New,
	function.On(function.Post("users-enrol-totp", "/v1/users/mfa/totp", "Begin setting up an authenticator app", policy.Person.WithFreshProof()).
		Status(http.StatusCreated).Fails(fault.Conflict).
		Describe("Returns a secret for the app, as text and as a QR code. Confirm its first code within 15 minutes to activate it."), (*Function).Enrol),
	function.On(function.Post("users-confirm-totp", "/v1/users/mfa/totp/confirm", "Confirm an authenticator app with its first code", policy.Person.WithFreshProof()).
		Sensitive().Fails(fault.Conflict), (*Function).Confirm),
	function.On(function.Delete("users-remove-totp", "/v1/users/mfa/totp", "Remove an authenticator app", policy.Person.WithFreshProof()).
		Fails(fault.NotFound, fault.Conflict), (*Function).Remove),
).
	Uses(function.Owns(database.Users), function.Keys)

// EnrolResponse contains the secret for the app.
type EnrolResponse struct{ Body credential.TOTPEnrolment }

// ConfirmRequest contains the app's first code.
type ConfirmRequest struct {
	Body struct {
		Code string `json:"code" pattern:"^[0-9]{6}$" patternDescription:"six digits" example:"123456"`
	}
}

// ConfirmResponse contains the recovery codes that are created with the first second factor.
type ConfirmResponse struct {
	Body struct {
		RecoveryCodes []string `json:"recovery_codes,omitempty" doc:"Shown only once. Each code completes one login without the app. Absent: the codes shown earlier stay valid"`
	}
}

// Function manages authenticator apps.
type Function struct{ credential.SecondFactors }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	factors, err := credential.OpenSecondFactors(ctx, env)
	return &Function{factors}, err
}

// Enrol creates a secret, which is not active until it is confirmed.
func (f *Function) Enrol(ctx context.Context, _ *struct{}) (*EnrolResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var out EnrolResponse
	err = f.ChangeFactors(ctx, caller, credential.FactorChange{Action: "totp:enrol"}, func(tx *outbox.Tx) error {
		out.Body, err = credential.EnrolTOTP(ctx, f.SecondFactors.Store, tx, caller.UserID)
		return err
	})
	return &out, err
}

// Confirm activates the app. The session then counts as authenticated with it.
func (f *Function) Confirm(ctx context.Context, in *ConfirmRequest) (*ConfirmResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var out ConfirmResponse
	change := credential.FactorChange{Action: "totp:confirm", Notice: notify.Mailer.AuthenticatorAdded}
	err = f.ChangeFactors(ctx, caller, change, func(tx *outbox.Tx) error {
		ok, err := credential.ConfirmTOTP(ctx, f.SecondFactors.Store, tx, caller.UserID, in.Body.Code)
		if err != nil {
			return err
		}
		if !ok {
			return fault.At("body.code", "does not match the app's current code: check the clock of its device")
		}
		out.Body.RecoveryCodes, err = f.CompleteEnrolment(ctx, tx, caller, []string{"otp", "mfa"})
		return err
	})
	return &out, err
}

// Remove removes the app.
func (f *Function) Remove(ctx context.Context, _ *struct{}) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	change := credential.FactorChange{Action: "totp:remove", Notice: notify.Mailer.AuthenticatorRemoved}
	return nil, f.ChangeFactors(ctx, caller, change, func(tx *outbox.Tx) error {
		removed, err := credential.RemoveTOTP(ctx, tx, caller.UserID)
		if err != nil {
			return err
		}
		if !removed {
			return fault.New(fault.NotFound, "No authenticator app is enrolled")
		}
		return f.CompleteRemoval(ctx, tx, caller.UserID)
	})
}
