// Package unlock ends the delay of an account that somebody has guessed passwords
// for: POST /v1/users/unlock, with the token that the owner got by mail.
package unlock

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
)

// Operation is the HTTP operation.
var Operation = huma.Operation{
	OperationID: "users-unlock", Method: http.MethodPost, Path: "/v1/users/unlock",
	Summary: "Unlock your account", Tags: []string{users.Tag}, Metadata: function.Guarded,
	Description:   "Forgets the failed logins, so that nobody has to wait for them any more. The token is good once, for a day.",
	DefaultStatus: http.StatusNoContent,
}

// Request is the token.
type Request struct {
	Body struct {
		Token string `json:"token" maxLength:"100" doc:"From the link in the mail"`
	}
}

// Function unlocks accounts.
type Function struct{ users.Store }

// New opens the accounts.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

const useToken = `
UPDATE mailed_tokens SET used_at = now()
WHERE hash = $1 AND purpose = 'unlock' AND used_at IS NULL AND expires_at > now()
RETURNING user_id`

// Handle uses the token up and clears the failures.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	err := f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		var user uuid.UUID
		if err := tx.QueryRow(ctx, useToken, users.TokenHash(in.Body.Token)).Scan(&user); err != nil {
			return err
		}
		if err := f.Unlock(ctx, tx, user); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "accounts:unlock", ResourceID: user.String(), ActorID: user})
	})
	if database.IsNoRows(err) {
		return nil, fault.At("body.token", "This link is not good any more, or never was")
	}
	if err != nil {
		return nil, fmt.Errorf("unlock account: %w", err)
	}
	return nil, nil
}
