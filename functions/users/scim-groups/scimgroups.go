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

	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/store"

	"function/shared/database"
	"function/shared/function"
)

// Service declares the function.
var Service = function.Service("users-scim-groups", New,
	function.On(provisioning.ProvisioningOperation(function.Get, "users-scim-groups-list", "/Groups", "List or find provisioned teams"), (*Function).List),
	function.On(provisioning.ProvisioningOperation(function.Post, "users-scim-groups-create", "/Groups", "Provision a team"), (*Function).Create),
	function.On(provisioning.ProvisioningOperation(function.Post, "users-scim-groups-search", "/Groups/.search", "Find provisioned teams by a query in the body"), (*Function).Search),
	function.On(provisioning.ProvisioningOperation(function.Get, "users-scim-groups-get", "/Groups/{id}", "Read a provisioned team"), (*Function).Get),
	function.On(provisioning.ProvisioningOperation(function.Put, "users-scim-groups-replace", "/Groups/{id}", "Replace a team's name and members"), (*Function).Replace),
	function.On(provisioning.ProvisioningOperation(function.Patch, "users-scim-groups-patch", "/Groups/{id}", "Change a team's name or members"), (*Function).Patch),
	function.On(provisioning.ProvisioningOperation(function.Delete, "users-scim-groups-delete", "/Groups/{id}", "Remove a team"), (*Function).Delete),
).
	Uses(function.Owns(database.Users))

// Function keeps provisioned teams.
type Function struct{ store.Store }

// New opens the teams.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}
