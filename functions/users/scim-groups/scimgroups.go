// Package scimgroups lets a provisioning system manage teams of an organization through SCIM
// 2.0: POST, GET, PUT, PATCH and DELETE under /scim/v2/Groups.
//
// A group is a team that was created here or that an admin has handed over
// (users-team-provisioning). Other teams are not accessible, whatever roles they have. The
// members of a group are provisioned people; a person who has not accepted their invitation yet
// joins the team on acceptance. An API key can add people to a team that has roles only if it
// may assign those roles itself and the organization requires no second person's approval. It
// can always remove people.
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

// Function manages provisioned teams.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}
