// Package organizations manages organizations: it creates, lists, shows and renames them (GET
// and POST /v1/organizations, GET and PATCH /v1/organizations/{id}), deletes them (DELETE
// /v1/organizations/{id}) and restores them (POST /v1/organizations/{id}/restore).
package organizations

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"function/functions/users/internal/membership"
	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("users-organizations", New,
	function.On(function.Get("users-list-organizations", "/v1/organizations", "List your organizations", policy.Person), (*Function).List),
	function.On(function.Post("users-create-organization", "/v1/organizations", "Create an organization", policy.Person.WithoutImpersonation()).
		Status(http.StatusCreated).Fails(fault.Conflict).
		Describe("You become its owner. POST /v1/users/sessions/organization switches to it."), (*Function).Create),
	function.On(function.Get("users-get-organization", "/v1/organizations/{id}", "Your organization", policy.OrganizationsRead), (*Function).Get),
	function.On(function.Patch("users-rename-organization", "/v1/organizations/{id}", "Rename your organization", policy.OrganizationsWrite), (*Function).Rename),
	function.On(function.Delete("users-delete-organization", "/v1/organizations/{id}", "Delete your organization", policy.OrganizationsDelete.WithFreshProof()).
		Describe("Everybody loses their role in it at once. It can be restored for 30 days, then it is permanently deleted."), (*Function).Delete),
	function.On(function.Post("users-restore-organization", "/v1/organizations/{id}/restore", "Restore an organization that is being deleted", policy.Person.WithoutImpersonation()).
		AnyOrganization().Describe("For its owners, within 30 days."), (*Function).Restore),
).
	Uses(function.Owns(database.Users))

// Request identifies an organization.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Named contains the name of an organization.
type Named struct {
	Name person.DisplayName `json:"name" minLength:"1" maxLength:"100"`
}

// CreateRequest describes the new organization.
type CreateRequest struct{ Body Named }

// RenameRequest contains the organization's new name.
type RenameRequest struct {
	Request
	Body Named
}

// Response is an organization.
type Response struct{ Body membership.Organization }

// MyOrganization is an organization and the caller's membership in it.
type MyOrganization struct {
	membership.Organization
	Role   string `json:"role"`
	Status string `json:"status" enum:"requested,active,suspended"`
}

// ListRequest selects one page.
type ListRequest struct{ page.Query }

// ListResponse is one page.
type ListResponse struct{ Body page.Page[MyOrganization] }

// Function manages organizations.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}
