// Package replacerecoverycodes replaces a person's recovery codes: POST
// /v1/users/mfa/recovery-codes.
package replacerecoverycodes

import (
	"context"

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
var Service = function.Endpoint(function.Post("users-replace-recovery-codes", "/v1/users/mfa/recovery-codes", "Replace your recovery codes", policy.Person.WithFreshProof()).
	Fails(fault.Conflict).
	Describe("The earlier ones stop working."), New).
	Uses(function.Owns(database.Users), function.Keys)

// Response contains the codes, which are shown only once.
type Response struct {
	Body struct {
		RecoveryCodes []string `json:"recovery_codes" doc:"Each code completes one login in place of the second factor"`
	}
}

// Function replaces recovery codes.
type Function struct{ credential.SecondFactors }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	factors, err := credential.OpenSecondFactors(ctx, env)
	return &Function{factors}, err
}

// Handle replaces the codes of a person who has a second factor.
func (f *Function) Handle(ctx context.Context, _ *struct{}) (*Response, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var out Response
	change := credential.FactorChange{Action: "recovery_codes:replace", Notice: notify.Mailer.RecoveryCodesReplaced}
	err = f.ChangeFactors(ctx, caller, change, func(tx *outbox.Tx) error {
		factors, err := credential.FactorsOf(ctx, tx, caller.UserID)
		if err != nil {
			return err
		}
		if !factors.Any() {
			return fault.New(fault.Conflict, "Recovery codes need a second factor to replace: enrol one first")
		}
		out.Body.RecoveryCodes, err = credential.ReplaceRecoveryCodes(ctx, f.SecondFactors.Store, tx, caller.UserID)
		return err
	})
	return &out, err
}
