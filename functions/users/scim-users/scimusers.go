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
	"net/http"

	"function/functions/users"
	"function/shared/function"
)

// The HTTP operations.
var (
	ListOperation    = users.ProvisioningOperation("users-scim-users-list", http.MethodGet, "/Users", "List or find provisioned people")
	SearchOperation  = users.ProvisioningOperation("users-scim-users-search", http.MethodPost, "/Users/.search", "Find provisioned people by a query in the body")
	CreateOperation  = users.ProvisioningOperation("users-scim-users-create", http.MethodPost, "/Users", "Provision a person")
	GetOperation     = users.ProvisioningOperation("users-scim-users-get", http.MethodGet, "/Users/{id}", "A provisioned person")
	ReplaceOperation = users.ProvisioningOperation("users-scim-users-replace", http.MethodPut, "/Users/{id}", "Replace what is said of a person")
	PatchOperation   = users.ProvisioningOperation("users-scim-users-patch", http.MethodPatch, "/Users/{id}", "Change what is said of a person")
	DeleteOperation  = users.ProvisioningOperation("users-scim-users-delete", http.MethodDelete, "/Users/{id}", "Remove a person")
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(ListOperation, (*Function).List), function.On(CreateOperation, (*Function).Create),
	function.On(SearchOperation, (*Function).Search),
	function.On(GetOperation, (*Function).Get), function.On(ReplaceOperation, (*Function).Replace),
	function.On(PatchOperation, (*Function).Patch), function.On(DeleteOperation, (*Function).Delete),
}

// Function keeps provisioned people.
type Function struct {
	users.Store
	post users.Post
}

// New opens the people and the mail.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	post, err := store.Post(env)
	return &Function{store, post}, err
}
