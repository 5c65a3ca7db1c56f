// Package scimusers lets a provisioning system such as Okta or Microsoft Entra ID manage the
// people of an organization through SCIM 2.0: POST, GET, PUT, PATCH and DELETE under
// /scim/v2/Users.
//
// A SCIM user is what the provisioning system stores about an address. If the address has no
// account and is in a domain that the organization has verified, an account is created without a
// password, as a member. It belongs to the organization, which can rename it, change its address
// and delete it. If the address belongs to a member of the organization, the member is linked.
// Anybody else is invited by mail. Until they accept, they are not affected and their account,
// if they have one, is not revealed. Provisioning neither grants nor revokes roles, and cannot
// suspend or remove an owner.
//
// If the platform sends no mail, nobody new can be provisioned: an invitation would go
// unnoticed, and an account without a password can only be entered with a mailed link.
package scimusers

import (
	"context"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/function"
)

// Service declares the function.
var Service = function.Service("users-scim-users", New,
	function.On(provisioning.ProvisioningOperation(function.Get, "users-scim-users-list", "/Users", "List or find provisioned people"), (*Function).List),
	function.On(provisioning.ProvisioningOperation(function.Post, "users-scim-users-create", "/Users", "Provision a person"), (*Function).Create),
	function.On(provisioning.ProvisioningOperation(function.Post, "users-scim-users-search", "/Users/.search", "Find provisioned people by a query in the body"), (*Function).Search),
	function.On(provisioning.ProvisioningOperation(function.Get, "users-scim-users-get", "/Users/{id}", "Read a provisioned person"), (*Function).Get),
	function.On(provisioning.ProvisioningOperation(function.Put, "users-scim-users-replace", "/Users/{id}", "Replace a provisioned person's attributes"), (*Function).Replace),
	function.On(provisioning.ProvisioningOperation(function.Patch, "users-scim-users-patch", "/Users/{id}", "Change a provisioned person's attributes"), (*Function).Patch),
	function.On(provisioning.ProvisioningOperation(function.Delete, "users-scim-users-delete", "/Users/{id}", "Remove a provisioned person"), (*Function).Delete),
).
	Uses(function.Owns(database.Users), function.Keys)

// Function manages provisioned people.
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
