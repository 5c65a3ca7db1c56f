// Package scimusers lets a provisioning system (Okta, Microsoft Entra ID …) keep the
// people of an organization by SCIM 2.0: POST, GET, PUT, PATCH and DELETE under
// /scim/v2/Users.
//
// A user here is what the provisioning system says of an address. In a domain that the
// organization has verified, where the address has no account, one is opened, without a
// password, as a member: it is the organization's to rename, move and delete. A member of
// the organization is linked. Anybody else is invited by mail, and stays untouched, and
// unseen, until they accept, whether or not they have an account; nothing tells the
// difference. No role is given or taken, and an owner can neither be suspended nor removed.
//
// Where no mail is sent nobody is provisioned anew: who is invited would never know, and
// an account without a password is entered by a mail, too.
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

// Function keeps provisioned people.
type Function struct {
	store.Store
	mailer notify.Mailer
}

// New opens the people and the mail.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(store, env)
	return &Function{store, mailer}, err
}
