// Package verifyemail verifies that a person controls the address of their account: POST
// /v1/users/email/verification mails a token to it, and POST /v1/users/email/verify accepts the
// token.
package verifyemail

import (
	"context"
	"fmt"
	"net/http"

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
var Service = function.Service("users-verify-email", New,
	function.On(function.Post("users-send-verification", "/v1/users/email/verification", "Resend the mail that confirms your address", policy.Person).
		Sensitive().Status(http.StatusAccepted).Fails(fault.Conflict, fault.Unavailable).
		Describe("Limited to a few mails an hour; further requests succeed but send nothing."), (*Function).Send),
	function.On(function.Post("users-verify-email", "/v1/users/email/verify", "Confirm your address with the mailed token", policy.Public).
		Sensitive().Fails(fault.Unavailable).
		Describe("The token proves that you control the address, the password that the account is yours, so that you never confirm an account that a stranger opened with your address. "+
			"If you do not know the password, choose a new one (POST /v1/users/password/forgot), which also confirms the address."), (*Function).Verify),
).
	Uses(function.Owns(database.Users), function.Keys)

// VerifyRequest contains the mailed token and the account's password.
type VerifyRequest struct {
	Body struct {
		Token    string `json:"token" maxLength:"100"`
		Password string `json:"password" maxLength:"256" doc:"The account's password"`
	}
}

// Function verifies addresses.
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

const (
	selectAddress = `SELECT email_index, email_verified_at IS NOT NULL FROM users WHERE id = $1`
	verifyAddress = `UPDATE users SET email_verified_at = coalesce(email_verified_at, now()) WHERE id = $1`
)

// Send mails the caller another token.
func (f *Function) Send(ctx context.Context, _ *struct{}) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.mailer.Require(); err != nil {
		return nil, err
	}
	err = f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		var index []byte
		var verified bool
		if err := tx.QueryRow(ctx, selectAddress, caller.UserID).Scan(&index, &verified); err != nil {
			return fmt.Errorf("read address: %w", err)
		}
		if verified {
			return fault.New(fault.Conflict, "Your address is already confirmed")
		}
		if err := notify.MailVerification(ctx, f.Store, tx, f.mailer, caller.UserID, index); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "emails:send_verification", ResourceID: caller.UserID.String()})
	})
	if err != nil {
		return nil, fmt.Errorf("mail verification: %w", err)
	}
	return nil, nil
}

// Verify verifies the address for a person who has received the mail and knows the account's
// password.
func (f *Function) Verify(ctx context.Context, in *VerifyRequest) (*struct{}, error) {
	entry := audit.Entry{Action: "emails:verify"}
	if err := credential.ProveOwnership(ctx, f.Passwords, notify.EmailVerification, in.Body.Token, in.Body.Password); err != nil {
		return nil, act.Refused(ctx, f.Store.DB, entry, err)
	}
	err := f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		user, _, err := notify.UseMailedToken(ctx, tx, notify.EmailVerification, in.Body.Token)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, verifyAddress, user); err != nil {
			return fmt.Errorf("note that the address is verified: %w", err)
		}
		entry.ActorID, entry.ResourceID = user, user.String()
		return audit.Record(ctx, tx, entry)
	})
	if err != nil {
		return nil, fmt.Errorf("verify address: %w", act.Refused(ctx, f.Store.DB, entry, err))
	}
	return nil, nil
}
