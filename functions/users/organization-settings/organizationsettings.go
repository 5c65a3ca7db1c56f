// Package organizationsettings reads and changes an organization's rules for its members: GET
// and PATCH /v1/organizations/{id}/settings.
package organizationsettings

import (
	"context"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users/internal/store"
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

// Request identifies an organization.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Patch contains some settings. null resets one to its default.
type Patch map[string]any

// Schema implements huma.SchemaProvider. It returns the schema of the settings, with all of them
// optional and nullable.
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

// ChangeRequest contains the patch.
type ChangeRequest struct {
	Request
	Body Patch `contentType:"application/merge-patch+json"`
}

// Response contains the settings in force.
type Response struct{ Body store.Settings }

// Function manages settings.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}
