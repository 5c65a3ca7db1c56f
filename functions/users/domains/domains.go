// Package domains lets an organization prove with a TXT record that it controls a domain:
// everything under /v1/organizations/{id}/domains. Accounts that provisioning (SCIM) creates in
// a verified domain belong to the organization.
package domains

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"function/functions/users/internal/membership"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/policy"
)

const (
	path       = "/v1/organizations/{id}/domains"
	domainPath = path + "/{domain}"
)

// Service declares the function.
var Service = function.Service("users-domains", New,
	function.On(function.Get("users-list-domains", path, "List your organization's domains", policy.OrganizationsRead), (*Function).List),
	function.On(function.Post("users-claim-domain", path, "Claim a domain", policy.DomainsWrite.WithFreshProof()).
		Status(http.StatusCreated).Fails(fault.Conflict).
		Describe("Returns the TXT record to publish. Others may claim the same domain; it belongs to the organization that verifies it."), (*Function).Claim),
	function.On(function.Post("users-verify-domain", domainPath+"/verify", "Verify a domain by its TXT record", policy.DomainsWrite.WithFreshProof()).
		Sensitive().Fails(fault.Conflict).
		Describe("Looks up the record for at most 5 seconds. A 409 says what was found instead. An organization that verified the domain earlier loses it, unless its record is still published."), (*Function).Verify),
	function.On(function.Delete("users-remove-domain", domainPath, "Give up a domain", policy.DomainsWrite.WithFreshProof()).
		Describe("Accounts that provisioning created in it become permanently their people's own."), (*Function).Remove),
).
	Uses(function.Owns(database.Users))

// ListRequest identifies an organization.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// ListResponse lists all domains, of which an organization has at most 100.
type ListResponse struct {
	Body struct {
		Items []membership.Domain `json:"items" nullable:"false"`
	}
}

// ClaimRequest contains the domain to claim.
type ClaimRequest struct {
	ListRequest
	Body struct {
		Domain string `json:"domain" minLength:"3" maxLength:"253" example:"example.com"`
	}
}

// Request identifies a domain.
type Request struct {
	ListRequest
	Domain string `path:"domain" maxLength:"253" doc:"Domain name as the list shows it"`
}

// Response is a domain.
type Response struct{ Body membership.Domain }

// Function manages domains.
type Function struct {
	store    store.Store
	resolver resolver
}

// New opens the store and the resolver.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store, newResolver(env.Config.DNSResolver)}, err
}
