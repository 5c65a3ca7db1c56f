// Package profile returns the caller's profile: GET /v1/users/profile.
package profile

import (
	"context"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("users-profile", "/v1/users/profile", "Your profile", policy.Person.BeforeSetup()), New).
	Uses(function.Owns(database.Users), function.Keys, function.Documents)

// Response contains the profile and its revision.
type Response struct {
	ETag string `header:"ETag" doc:"Send it as If-Match to change the profile"`
	Body person.Profile
}

// Function reads profiles.
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

// Handle returns the caller's own profile.
func (f *Function) Handle(ctx context.Context, _ *struct{}) (*Response, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	p, err := f.profiles.Read(ctx, f.store, f.store.DB, caller)
	if err != nil {
		return nil, err
	}
	return &Response{ETag: p.ETag(), Body: p.Profile}, nil
}
