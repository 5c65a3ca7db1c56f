// Package scimdiscovery describes to a provisioning system what this service supports: GET
// /scim/v2/ServiceProviderConfig, /scim/v2/ResourceTypes and /scim/v2/Schemas (RFC 7644 §4).
// /scim/v2/Me is not supported.
package scimdiscovery

import (
	"context"
	"net/http"
	"slices"

	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/provisioning/scim"
	"function/shared/function"
)

// Service declares the function.
var Service = function.Service("users-scim-discovery", New,
	function.On(provisioning.ProvisioningOperation(function.Get, "users-scim-discovery-config", "/ServiceProviderConfig", "List the supported SCIM features"), (*Function).Config),
	function.On(provisioning.ProvisioningOperation(function.Get, "users-scim-discovery-types", "/ResourceTypes", "List the resource types"), (*Function).Types),
	function.On(provisioning.ProvisioningOperation(function.Get, "users-scim-discovery-type", "/ResourceTypes/{id}", "Read a resource type"), (*Function).Type),
	function.On(provisioning.ProvisioningOperation(function.Get, "users-scim-discovery-schemas", "/Schemas", "List the resource schemas"), (*Function).Schemas),
	function.On(provisioning.ProvisioningOperation(function.Get, "users-scim-discovery-schema", "/Schemas/{id}", "A schema"), (*Function).Schema),
	function.On(provisioning.ProvisioningOperation(function.Get, "users-scim-discovery-me", "/Me", "501: the caller is a service account, not a user"), (*Function).Me),
)

// Name identifies a resource type or schema.
type Name struct {
	ID string `path:"id" maxLength:"200"`
	scim.Base
}

// Function describes the service. It has no dependencies.
type Function struct{}

// New returns the function.
func New(context.Context, *function.Env) (*Function, error) { return &Function{}, nil }

// Config returns the supported features.
func (*Function) Config(_ context.Context, in *scim.Base) (*scim.Answer, error) {
	return scim.Show(http.StatusOK, scim.ServiceProviderConfig(), in.Whole())
}

// Types lists the resource types.
func (*Function) Types(_ context.Context, in *scim.Base) (*scim.Answer, error) {
	types := scim.ResourceTypes()
	return scim.List(types, len(types), 1, in.Whole())
}

// Type returns one resource type.
func (*Function) Type(_ context.Context, in *Name) (*scim.Answer, error) {
	return one(scim.ResourceTypes(), in)
}

// Schemas lists the schemas.
func (*Function) Schemas(_ context.Context, in *scim.Base) (*scim.Answer, error) {
	schemas := scim.Schemas()
	return scim.List(schemas, len(schemas), 1, in.Whole())
}

// Schema returns one schema.
func (*Function) Schema(_ context.Context, in *Name) (*scim.Answer, error) {
	return one(scim.Schemas(), in)
}

func one(resources []scim.Resource, in *Name) (*scim.Answer, error) {
	i := slices.IndexFunc(resources, func(r scim.Resource) bool { return r["id"] == in.ID })
	if i < 0 {
		return scim.Failed(provisioning.ErrNotProvisioned)
	}
	return scim.Show(http.StatusOK, resources[i], in.Whole())
}

// Me returns 501, because it is not supported (RFC 7644 §3.11).
func (*Function) Me(context.Context, *struct{}) (*scim.Answer, error) {
	return scim.Failed(&scim.Error{Status: http.StatusNotImplemented, Detail: "The caller is a service account, not a user"})
}
