// Package changepassword changes a logged-in person's password: POST
// /v1/users/password/change.
package changepassword

import (
	"context"
	"fmt"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/notify"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-change-password", "/v1/users/password/change", "Change your password", policy.Person.BeforeSetup().WithoutImpersonation()).
	Sensitive().Fails(fault.Conflict, fault.Unavailable).
	Describe("Ends all your other sessions."), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request contains the current and the new password.
type Request struct {
	Body struct {
		CurrentPassword string `json:"current_password" maxLength:"256"`
		NewPassword     string `json:"new_password" minLength:"8" maxLength:"256" doc:"Must satisfy your organization's password rules" example:"another correct horse"`
	}
}

// Function changes passwords.
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

// Handle changes the password if the current one is correct.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	credentials, err := credential.CredentialsOf(ctx, f.Passwords, caller.UserID)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "passwords:change", ResourceID: caller.UserID.String(), OrganizationID: credentials.OrganizationID}
	if err := credential.ProvePassword(ctx, f.Passwords, caller, credentials, in.Body.CurrentPassword, "body.current_password"); err != nil {
		return nil, act.Refused(ctx, f.Store.DB, entry, err)
	}
	if in.Body.NewPassword == in.Body.CurrentPassword {
		return nil, act.Refused(ctx, f.Store.DB, entry, fault.At("body.new_password", "this is your current password: choose a different one"))
	}
	if err := credential.CheckReplacement(ctx, f.Passwords, credentials, in.Body.NewPassword, "body.new_password"); err != nil {
		return nil, act.Refused(ctx, f.Store.DB, entry, err)
	}
	hash, err := f.Hasher.Hash(ctx, in.Body.NewPassword)
	if err != nil {
		return nil, err
	}
	err = f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if err := credential.ReplacePassword(ctx, f.Store, tx, f.mailer, credentials, hash, caller.SessionID); err != nil {
			return err
		}
		return audit.Record(ctx, tx, entry)
	})
	if err != nil {
		return nil, fmt.Errorf("change password: %w", act.Refused(ctx, f.Store.DB, entry, err))
	}
	return nil, nil
}
