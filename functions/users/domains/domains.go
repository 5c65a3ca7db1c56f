// Package domains lets an organization prove that a domain is its own, by a TXT record in
// the domain's zone, for what is under /v1/organizations/{id}/domains. Accounts that
// provisioning (SCIM) opens in a verified domain are the organization's.
package domains

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/function"
	"function/shared/policy"
)

const (
	path = "/v1/organizations/{id}/domains"
	one  = path + "/{domain}"
)

// The HTTP operations.
var (
	ListOperation = huma.Operation{
		OperationID: "users-list-domains", Method: http.MethodGet, Path: path,
		Summary: "Domains of your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.OrganizationsRead),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	ClaimOperation = huma.Operation{
		OperationID: "users-claim-domain", Method: http.MethodPost, Path: path,
		Summary: "Claim a domain", Tags: []string{users.Tag}, Security: function.NeedsFresh(policy.DomainsWrite),
		Description:   "Answers the TXT record to publish. Others may claim the domain too: it belongs to who verifies it.",
		DefaultStatus: http.StatusCreated, Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
	VerifyOperation = huma.Operation{
		OperationID: "users-verify-domain", Method: http.MethodPost, Path: one + "/verify",
		Summary: "Verify a domain by its TXT record", Tags: []string{users.Tag}, Security: function.NeedsFresh(policy.DomainsWrite), Metadata: function.Guarded,
		Description: "Looks the record up, for 5 seconds at the most. 409 tells what was found instead. Another organization that has verified the domain before loses it, unless its record is still published.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
	RemoveOperation = huma.Operation{
		OperationID: "users-remove-domain", Method: http.MethodDelete, Path: one,
		Summary: "Give up a domain", Tags: []string{users.Tag}, Security: function.NeedsFresh(policy.DomainsWrite),
		Description:   "Accounts that provisioning has opened in it are their people's own from then on, and stay so.",
		DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(ListOperation, (*Function).List),
	function.On(ClaimOperation, (*Function).Claim),
	function.On(VerifyOperation, (*Function).Verify),
	function.On(RemoveOperation, (*Function).Remove),
}

// ListRequest names an organization.
type ListRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// ListResponse is all domains: there are 100 at the most.
type ListResponse struct {
	Body struct {
		Items []users.Domain `json:"items" nullable:"false"`
	}
}

// ClaimRequest is the domain.
type ClaimRequest struct {
	ListRequest
	Body struct {
		Domain string `json:"domain" minLength:"3" maxLength:"253" example:"example.com"`
	}
}

// Request names a domain.
type Request struct {
	ListRequest
	Domain string `path:"domain" maxLength:"253" doc:"As the list has it"`
}

// Response is a domain.
type Response struct{ Body users.Domain }

// Function keeps domains.
type Function struct {
	users.Store
	resolver resolver
}

// New opens the domains and the resolver.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store, newResolver(env.Config.DNSResolver)}, err
}
