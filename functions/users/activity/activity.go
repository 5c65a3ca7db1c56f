// Package activity shows a person what happened to their account: logins, failures, changes, and
// actions of admins: GET /v1/users/activity.
package activity

import (
	"context"

	"function/functions/users/internal/person"
	"function/functions/users/internal/privacy"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("users-activity", "/v1/users/activity", "List your account's activity", policy.Person).
	Describe("Everything in the audit trails of the platform and of all your organizations, past ones included, that you did or that was done to you. "+
		"Other people appear only by their role."), New).
	Uses(function.Owns(database.Users), function.Keys, function.AuditTrails)

// Request selects one page.
type Request struct {
	page.Query
	Trail audit.Trail `query:"trail" enum:"users,datasets,analytics" default:"users" doc:"The audit trail to read: people and organizations (users), data sets, or analytics"`
}

// Response is one page.
type Response struct{ Body page.Page[privacy.Activity] }

// Function reads audit trails.
type Function struct {
	store  store.Store
	trails privacy.Trails
}

// New opens the users' audit trail. The other trails are opened on first use.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store: store, trails: privacy.NewTrails(env)}, err
}

// Handle lists the entries about the caller. An admin who acts as the person sees neither
// devices nor reasons.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	db, err := f.trails.Open(ctx, in.Trail)
	if err != nil {
		return nil, err
	}
	key, err := person.OwnKey(ctx, f.store, caller)
	if err != nil {
		return nil, err
	}
	activities, err := privacy.ActivityOf(ctx, db, in.Trail, caller.UserID, key, in.Query)
	return &Response{activities}, err
}
