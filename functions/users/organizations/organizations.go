// Package organizations keeps organizations: it founds, lists, shows and renames them
// for GET and POST /v1/organizations, GET and PATCH /v1/organizations/{id}; deletes and
// restores them for DELETE /v1/organizations/{id} and POST /v1/organizations/{id}/restore.
package organizations

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

// The HTTP operations.
var (
	ListOperation = huma.Operation{
		OperationID: "users-list-organizations", Method: http.MethodGet, Path: "/v1/organizations",
		Summary: "Organizations that you are in", Tags: []string{users.Tag}, Security: function.Person,
		Errors: []int{http.StatusUnauthorized},
	}
	CreateOperation = huma.Operation{
		OperationID: "users-create-organization", Method: http.MethodPost, Path: "/v1/organizations",
		Summary: "Found an organization", Tags: []string{users.Tag}, Security: function.Person,
		Description:   "You own it; POST /v1/users/sessions/organization switches to it.",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusUnauthorized, http.StatusConflict},
	}
	GetOperation = huma.Operation{
		OperationID: "users-get-organization", Method: http.MethodGet, Path: "/v1/organizations/{id}",
		Summary: "Your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.OrganizationsRead),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	RenameOperation = huma.Operation{
		OperationID: "users-rename-organization", Method: http.MethodPatch, Path: "/v1/organizations/{id}",
		Summary: "Rename your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.OrganizationsWrite),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	DeleteOperation = huma.Operation{
		OperationID: "users-delete-organization", Method: http.MethodDelete, Path: "/v1/organizations/{id}",
		Summary: "Delete your organization", Tags: []string{users.Tag}, Security: function.NeedsFresh(policy.OrganizationsDelete),
		Description: "Nobody has a role in it from now on. An owner can restore it for 30 days; then it is gone for good.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	RestoreOperation = huma.Operation{
		OperationID: "users-restore-organization", Method: http.MethodPost, Path: "/v1/organizations/{id}/restore",
		Summary: "Restore an organization that is being deleted", Tags: []string{users.Tag}, Security: function.Person,
		Description: "For its owners, within 30 days.",
		Errors:      []int{http.StatusUnauthorized, http.StatusNotFound},
	}
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(ListOperation, (*Function).List),
	function.On(CreateOperation, (*Function).Create),
	function.On(GetOperation, (*Function).Get),
	function.On(RenameOperation, (*Function).Rename),
	function.On(DeleteOperation, (*Function).Delete),
	function.On(RestoreOperation, (*Function).Restore),
}

// Request names an organization.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Named is what people say of an organization.
type Named struct {
	Name users.DisplayName `json:"name" minLength:"1" maxLength:"100"`
}

// CreateRequest is the organization to found.
type CreateRequest struct{ Body Named }

// RenameRequest is the organization's new name.
type RenameRequest struct {
	Request
	Body Named
}

// Response is an organization.
type Response struct{ Body users.Organization }

// MyOrganization is an organization and the caller's standing in it.
type MyOrganization struct {
	users.Organization
	Role   string `json:"role"`
	Status string `json:"status" enum:"requested,active,suspended"`
}

// ListRequest asks for one page.
type ListRequest struct{ page.Query }

// ListResponse is one page.
type ListResponse struct{ Body page.Page[MyOrganization] }

// Function keeps organizations.
type Function struct{ users.Store }

// New opens the organizations.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}
