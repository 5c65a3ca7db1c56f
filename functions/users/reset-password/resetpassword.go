// Package resetpassword lets a person who has forgotten their password choose a new one: POST
// /v1/users/password/reset.
package resetpassword

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/session"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-reset-password", "/v1/users/password/reset", "Choose a new password with the mailed token", policy.Public).
	Sensitive().Fails(fault.Conflict, fault.Unavailable).
	Describe("The token in the mailed link is valid once, for an hour. All sessions end, and API keys created or rotated in the last 30 days are revoked, "+
		"since somebody else may have had access to the account. Second factors and linked logins stay; the person is mailed a list of them. "+
		"If the address was never confirmed before, second factors, linked logins and API keys added so far are removed, since somebody else may have added them. Log in with the new password."), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request contains the mailed token and the new password.
type Request struct {
	Body struct {
		Token    string `json:"token" maxLength:"100"`
		Password string `json:"password" minLength:"8" maxLength:"256" doc:"Must satisfy your organization's password rules"`
	}
}

// Function resets passwords.
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

const verifyAddress = `UPDATE users SET email_verified_at = now() WHERE id = $1 AND email_verified_at IS NULL`

// Handle resets the password. It checks and hashes the new password only if the token is valid,
// and consumes the token only if the password is accepted.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	entry := audit.Entry{Action: "passwords:reset"}
	user, err := notify.PeekMailedToken(ctx, f.Store.DB, notify.PasswordReset, in.Body.Token)
	if err != nil {
		return nil, act.Refused(ctx, f.Store.DB, entry, err)
	}
	credentials, err := credential.CredentialsOf(ctx, f.Passwords, user)
	if err != nil {
		return nil, err
	}
	entry.ActorID, entry.ResourceID, entry.OrganizationID = user, user.String(), credentials.OrganizationID
	if err := credential.CheckReplacement(ctx, f.Passwords, credentials, in.Body.Password, "body.password"); err != nil {
		return nil, act.Refused(ctx, f.Store.DB, entry, err)
	}
	hash, err := f.Hasher.Hash(ctx, in.Body.Password)
	if err != nil {
		return nil, err
	}
	err = f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if _, _, err := notify.UseMailedToken(ctx, tx, notify.PasswordReset, in.Body.Token); err != nil {
			return err
		}
		if err := credential.RemoveUnprovedCredentials(ctx, f.Store, tx, f.mailer, credentials); err != nil {
			return err
		}
		if err := credential.RevokeRecentKeys(ctx, tx, user); err != nil {
			return err
		}
		if err := credential.ReplacePassword(ctx, f.Store, tx, f.mailer, credentials, hash, uuid.Nil); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, verifyAddress, user); err != nil { // the token was mailed to this address
			return fmt.Errorf("verify address: %w", err)
		}
		if err := session.UnlockHere(ctx, f.Store, tx, user); err != nil {
			return err
		}
		return audit.Record(ctx, tx, entry)
	})
	if err != nil {
		return nil, fmt.Errorf("reset password: %w", act.Refused(ctx, f.Store.DB, entry, err))
	}
	return nil, nil
}
