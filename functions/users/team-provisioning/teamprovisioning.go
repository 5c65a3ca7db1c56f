// Package teamprovisioning hands a team that people have made to the organization's
// provisioning system (SCIM), and takes it back: PUT and DELETE
// /v1/organizations/{id}/teams/{team_id}/provisioning.
package teamprovisioning

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/function"
	"function/shared/policy"
)

const path = "/v1/organizations/{id}/teams/{team_id}/provisioning"

// The HTTP operations.
var (
	HandOverOperation = huma.Operation{
		OperationID: "users-hand-over-team", Method: http.MethodPut, Path: path,
		Summary: "Let the provisioning system keep a team", Tags: []string{users.Tag}, Security: function.NeedsFresh(policy.TeamsWrite),
		Description:   "It finds the team under /scim/v2/Groups from then on, and may rename, fill, empty and delete it. A team that has roles takes roles:write.",
		DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	TakeBackOperation = huma.Operation{
		OperationID: "users-take-back-team", Method: http.MethodDelete, Path: path,
		Summary: "Take a team back from the provisioning system", Tags: []string{users.Tag}, Security: function.NeedsFresh(policy.TeamsWrite),
		Description:   "The team and those in it stay.",
		DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(HandOverOperation, (*Function).HandOver),
	function.On(TakeBackOperation, (*Function).TakeBack),
}

// Request names a team.
type Request struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	TeamID uuid.UUID `path:"team_id" format:"uuid"`
}

// Function hands teams over.
type Function struct{ users.Store }

// New opens the teams.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

// HandOver hands a team over; one that was is no error.
func (f *Function) HandOver(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, f.HandTeamOver(ctx, in.ID, in.TeamID)
}

// TakeBack takes a team back; one that was not handed over is no error.
func (f *Function) TakeBack(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, f.TakeTeamBack(ctx, in.ID, in.TeamID)
}
