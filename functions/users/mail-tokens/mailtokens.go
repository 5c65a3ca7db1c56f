// Package mailtokens mails the links that people request without being logged in: to
// complete a registration or to choose a new password. It runs on each such request, and is
// the only place that looks up whether the address has an account: since nobody waits for
// it, its timing reveals nothing.
package mailtokens

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Service("users-mail-tokens", New,
	function.OnEvent((*Function).Register),
	function.OnEvent((*Function).Reset),
).
	Uses(function.Owns(database.Users), function.Keys)

// Function mails tokens.
type Function struct {
	store  store.Store
	mailer notify.Mailer
}

// New opens the store and the mailer.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(store, env)
	return &Function{store, mailer}, err
}

const selectUser = `SELECT id FROM users WHERE email_index = $1`

// owner returns the person who has an address, or uuid.Nil if nobody has.
func (f *Function) owner(ctx context.Context, tx *outbox.Tx, emailIndex []byte) (owner uuid.UUID, err error) {
	err = tx.QueryRow(ctx, selectUser, emailIndex).Scan(&owner)
	if err != nil && !database.IsNoRows(err) {
		return owner, fmt.Errorf("look up account: %w", err)
	}
	return owner, nil
}
