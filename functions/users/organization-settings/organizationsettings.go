// Package organizationsettings shows and changes what an organization decides for its
// members: GET and PATCH /v1/organizations/{id}/settings.
package organizationsettings

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/function"
	"function/shared/policy"
)

// The HTTP operations.
var (
	GetOperation = huma.Operation{
		OperationID: "users-get-organization-settings", Method: http.MethodGet, Path: "/v1/organizations/{id}/settings",
		Summary: "Settings of your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.OrganizationsRead),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	ChangeOperation = huma.Operation{
		OperationID: "users-change-organization-settings", Method: http.MethodPatch, Path: "/v1/organizations/{id}/settings",
		Summary: "Change settings of your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.OrganizationsWrite),
		Description: "A merge patch (RFC 7396): what is absent stays, null is the default again. To demand less of second factors, passwords or sessions needs a fresh proof of who you are; require_second_person ends by DELETE /v1/organizations/{id}/settings/require_second_person.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(GetOperation, (*Function).Get),
	function.On(ChangeOperation, (*Function).Change),
}

// Request names an organization.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Patch is some settings; null stands for the default.
type Patch map[string]any

// Schema implements huma.SchemaProvider: that of the settings, all of them optional and
// nullable.
func (Patch) Schema(r huma.Registry) *huma.Schema {
	s := huma.SchemaFromType(r, reflect.TypeFor[users.Settings]())
	properties := map[string]*huma.Schema{}
	for name, property := range s.Properties {
		nullable := *property
		nullable.Nullable = true
		properties[name] = &nullable
	}
	patch := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: properties}
	patch.PrecomputeMessages()
	return patch
}

// ChangeRequest is the patch.
type ChangeRequest struct {
	Request
	Body Patch `contentType:"application/merge-patch+json"`
}

// Response is the settings now in force.
type Response struct{ Body users.Settings }

// Function keeps settings.
type Function struct{ users.Store }

// New opens the organizations.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}
