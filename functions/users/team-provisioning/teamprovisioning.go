// Package teamprovisioning hands a team that members have created over to the organization's
// provisioning system (SCIM), and takes it back: PUT and DELETE
// /v1/organizations/{id}/teams/{team_id}/provisioning.
package teamprovisioning

import (
	"context"

	"github.com/google/uuid"

	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/function"
	"function/shared/policy"
)

const path = "/v1/organizations/{id}/teams/{team_id}/provisioning"

// Service declares the function.
var Service = function.Service("users-team-provisioning", New,
	function.On(function.Put("users-hand-over-team", path, "Hand a team over to provisioning", policy.TeamsWrite.WithFreshProof()).
		Describe("The provisioning system then finds the team under /scim/v2/Groups and may rename it, change its members and delete it. For a team that has roles this requires roles:write."), (*Function).HandOver),
	function.On(function.Delete("users-take-back-team", path, "Take a team back from provisioning", policy.TeamsWrite.WithFreshProof()).
		Describe("The team and its members stay."), (*Function).TakeBack),
).
	Uses(function.Owns(database.Users))

// Request identifies a team.
type Request struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	TeamID uuid.UUID `path:"team_id" format:"uuid"`
}

// Function hands teams over and takes them back.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

// HandOver hands a team over. It has no effect on a team that was handed over before.
func (f *Function) HandOver(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, provisioning.HandTeamOver(ctx, f.store, in.ID, in.TeamID)
}

// TakeBack takes a team back. It has no effect on a team that was not handed over.
func (f *Function) TakeBack(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, provisioning.TakeTeamBack(ctx, f.store, in.ID, in.TeamID)
}
