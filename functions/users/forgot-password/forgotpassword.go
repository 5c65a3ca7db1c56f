// Package forgotpassword takes the wish for a new password:
// POST /v1/users/password/forgot.
//
// It does not look up whether the address has an account: so neither its answer nor
// its time can tell (OWASP Forgot Password). users-mail-tokens does, afterwards.
package forgotpassword

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/uuid7"
)

// Operation is the HTTP operation.
var Operation = huma.Operation{
	OperationID: "users-forgot-password", Method: http.MethodPost, Path: "/v1/users/password/forgot",
	Summary: "Ask for a new password", Tags: []string{users.Tag}, Metadata: function.Guarded,
	Description:   "If the address has an account, a link to choose a new password is mailed there. The answer is the same if it has none.",
	DefaultStatus: http.StatusAccepted, Errors: []int{http.StatusTooManyRequests, http.StatusServiceUnavailable},
}

// Request is the address.
type Request struct {
	Body struct {
		Email string `json:"email" maxLength:"254"`
	}
}

// Function takes wishes.
type Function struct {
	users.Store
	post users.Post
}

// New opens the requests.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	post, err := store.Post(env)
	return &Function{store, post}, err
}

const insertRequest = `INSERT INTO password_reset_requests (id, email_index) VALUES ($1, $2)`

// Handle writes the wish down.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	if err := f.post.Needed(); err != nil {
		return nil, err
	}
	index, err := f.AccountIndex(ctx, f.DB, in.Body.Email)
	if err != nil {
		return nil, err
	}
	if err := function.LimitAccount(ctx, index); err != nil {
		return nil, f.Refused(ctx, audit.Entry{Action: "passwords:forget"}, err)
	}
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error {
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
