// Package organizationsettings shows and changes what an organization decides for its
// members: GET and PATCH /v1/organizations/{id}/settings.
package organizationsettings

import (
	"context"
	"reflect"

	"function/functions/users/internal/store"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("users-organization-settings", New,
	function.On(function.Get("users-get-organization-settings", "/v1/organizations/{id}/settings", "Read your organization's settings", policy.OrganizationsRead), (*Function).Get),
	function.On(function.Patch("users-change-organization-settings", "/v1/organizations/{id}/settings", "Change your organization's settings", policy.OrganizationsWrite).
		Fails(fault.Conflict).
		Describe("A merge patch (RFC 7396): absent members stay, null resets to the default. Relaxing the requirements on second factors, passwords or sessions requires step-up authentication. Turn require_second_person off with DELETE /v1/organizations/{id}/settings/require_second_person."), (*Function).Change),
).
	Uses(function.Owns(database.Users))

// Request names an organization.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Patch is some settings; null stands for the default.
type Patch map[string]any

// Schema implements huma.SchemaProvider: that of the settings, all of them optional and
// nullable.
func (Patch) Schema(r huma.Registry) *huma.Schema {
	s := huma.SchemaFromType(r, reflect.TypeFor[store.Settings]())
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
type Response struct{ Body store.Settings }

// Function keeps settings.
type Function struct{ store.Store }

// New opens the organizations.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}
