// Package scimgroups lets a provisioning system keep teams of an organization by SCIM
// 2.0: POST, GET, PUT, PATCH and DELETE under /scim/v2/Groups.
//
// A group is a team that was made here: teams that the organization's people have made
// stay out of reach, whatever roles they have. Its members are provisioned people; who
// has yet to accept an invitation waits for it.
package scimgroups

import (
	"context"
	"net/http"

	"function/functions/users"
	"function/shared/function"
)

// The HTTP operations.
var (
	ListOperation    = users.ProvisioningOperation("users-scim-groups-list", http.MethodGet, "/Groups", "List or find provisioned teams")
	CreateOperation  = users.ProvisioningOperation("users-scim-groups-create", http.MethodPost, "/Groups", "Provision a team")
	GetOperation     = users.ProvisioningOperation("users-scim-groups-get", http.MethodGet, "/Groups/{id}", "A provisioned team")
	ReplaceOperation = users.ProvisioningOperation("users-scim-groups-replace", http.MethodPut, "/Groups/{id}", "Replace a team's name and members")
	PatchOperation   = users.ProvisioningOperation("users-scim-groups-patch", http.MethodPatch, "/Groups/{id}", "Change a team's name or members")
	DeleteOperation  = users.ProvisioningOperation("users-scim-groups-delete", http.MethodDelete, "/Groups/{id}", "Remove a team")
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(ListOperation, (*Function).List), function.On(CreateOperation, (*Function).Create),
	function.On(GetOperation, (*Function).Get), function.On(ReplaceOperation, (*Function).Replace),
	function.On(PatchOperation, (*Function).Patch), function.On(DeleteOperation, (*Function).Delete),
}

// Function keeps provisioned teams.
type Function struct{ users.Store }

// New opens the teams.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}
