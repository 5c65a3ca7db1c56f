// Package forgetprofile deletes the free part of an erased person's profile if it is stored
// outside of the domain's database. It runs when an account is erased, and is retried while
// the documents cannot be reached.
package forgetprofile

import (
	"context"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Subscriber("users-forget-profile", New).
	Uses(function.Owns(database.Users), function.Documents)

// Function deletes the free parts of profiles.
type Function struct {
	store    store.Store
	profiles person.Profiles
}

// New opens the store and the document store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	profiles, err := person.OpenProfiles(env)
	return &Function{store, profiles}, err
}

// Handle deletes the document. Until then nobody can read it, because its key is already gone.
func (f *Function) Handle(ctx context.Context, e events.Received[events.UserErased]) error {
	if e.Data.ProfileDocument == nil {
		return nil
	}
	return outbox.Once(ctx, f.store.DB, e, func(tx *outbox.Tx) error {
		return f.profiles.Delete(ctx, tx, *e.Data.ProfileDocument)
	})
}
