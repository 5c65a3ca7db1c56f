// Package forgotpassword accepts requests for a new password: POST
// /v1/users/password/forgot.
//
// It does not look up whether the address has an account, so that neither its response nor
// its timing reveals it (OWASP Forgot Password). users-mail-tokens does so afterwards.
package forgotpassword

import (
	"context"
	"fmt"
	"net/http"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/ratelimit"
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-forgot-password", "/v1/users/password/forgot", "Ask for a new password", policy.Public).
	Sensitive().Status(http.StatusAccepted).Fails(fault.Unavailable).
	Describe("If the address has an account, a link to choose a new password is mailed to it. The response is the same if it has none."), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request contains the address.
type Request struct {
	Body struct {
		Email string `json:"email" maxLength:"254"`
	}
}

// Function accepts requests for a new password.
type Function struct {
	store  store.Store
	mailer notify.Mailer
}

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(store, env)
	return &Function{store, mailer}, err
}

const insertRequest = `INSERT INTO password_reset_requests (id, email_index) VALUES ($1, $2)`

// Handle stores the request.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	if err := f.mailer.Require(); err != nil {
		return nil, err
	}
	index, err := person.AccountIndex(ctx, f.store, f.store.DB, in.Body.Email)
	if err != nil {
		return nil, err
	}
	if err := ratelimit.Account(ctx, index); err != nil {
		return nil, act.Refused(ctx, f.store.DB, audit.Entry{Action: "passwords:forget"}, err)
	}
	err = f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		id := uuid7.New()
		if _, err := tx.Exec(ctx, insertRequest, id, index); err != nil {
			return fmt.Errorf("insert request: %w", err)
		}
		if err := audit.Record(ctx, tx, audit.Entry{Action: "passwords:forget", ResourceID: id.String()}); err != nil {
			return err
		}
		return tx.Publish(ctx, events.PasswordResetRequested{RequestID: id})
	})
	if err != nil {
		return nil, fmt.Errorf("ask for a new password: %w", err)
	}
	return nil, nil
}
