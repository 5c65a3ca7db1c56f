// Package unlock ends the delay of logins after somebody has guessed passwords of an account:
// POST /v1/users/unlock, with the token that was mailed to the owner.
package unlock

import (
	"context"
	"fmt"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-unlock", "/v1/users/unlock", "Unlock your account", policy.Public).
	Sensitive().
	Describe("Clears the failed logins, so that logins are no longer delayed. The token is valid once, for a day."), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request contains the token.
type Request struct {
	Body struct {
		Token string `json:"token" maxLength:"100" doc:"From the link in the mail"`
	}
}

// Function unlocks accounts.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

// Handle consumes the token and clears the failed logins.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	entry := audit.Entry{Action: "accounts:unlock"}
	err := f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		user, _, err := notify.UseMailedToken(ctx, tx, notify.AccountUnlock, in.Body.Token)
		if err != nil {
			return err
		}
		if err := session.UnlockHere(ctx, f.store, tx, user); err != nil {
			return err
		}
		entry.ActorID, entry.ResourceID = user, user.String()
		return audit.Record(ctx, tx, entry)
	})
	if err != nil {
		return nil, fmt.Errorf("unlock account: %w", act.Refused(ctx, f.store.DB, entry, err))
	}
	return nil, nil
}
