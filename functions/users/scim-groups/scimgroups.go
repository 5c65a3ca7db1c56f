// Package scimgroups lets a provisioning system keep teams of an organization by SCIM
// 2.0: POST, GET, PUT, PATCH and DELETE under /scim/v2/Groups.
//
// A group is a team that was made here, or that an admin has handed over
// (users-team-provisioning): others stay out of reach, whatever roles they have. Its
// members are provisioned people; who has yet to accept an invitation waits for it. Into
// a team that has roles a key puts people only if it may give those roles itself, and
// nowhere that a second person approves them; out of it, always.
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
	SearchOperation  = users.ProvisioningOperation("users-scim-groups-search", http.MethodPost, "/Groups/.search", "Find provisioned teams by a query in the body")
	CreateOperation  = users.ProvisioningOperation("users-scim-groups-create", http.MethodPost, "/Groups", "Provision a team")
	GetOperation     = users.ProvisioningOperation("users-scim-groups-get", http.MethodGet, "/Groups/{id}", "A provisioned team")
	ReplaceOperation = users.ProvisioningOperation("users-scim-groups-replace", http.MethodPut, "/Groups/{id}", "Replace a team's name and members")
	PatchOperation   = users.ProvisioningOperation("users-scim-groups-patch", http.MethodPatch, "/Groups/{id}", "Change a team's name or members")
	DeleteOperation  = users.ProvisioningOperation("users-scim-groups-delete", http.MethodDelete, "/Groups/{id}", "Remove a team")
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(ListOperation, (*Function).List), function.On(CreateOperation, (*Function).Create),
	function.On(SearchOperation, (*Function).Search),
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
