// Package members manages the members of an organization: it lists and shows them, changes their
// roles, suspends, restores and removes them, and lets a person leave: everything under
// /v1/organizations/{id}/members and POST /v1/organizations/{id}/leave.
package members

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

const (
	path       = "/v1/organizations/{id}/members"
	memberPath = path + "/{user_id}"
)

// Service declares the function.
var Service = function.Service("users-members", New,
	function.On(function.Get("users-list-members", path, "List your organization's members", policy.MembersRead), (*Function).List),
	function.On(function.Get("users-get-member", memberPath, "One member", policy.MembersRead), (*Function).Get),
	function.On(function.Put("users-assign-role", memberPath+"/role", "Change a member's role", policy.RolesWrite.WithFreshProof()).
		Fails(fault.Conflict).
		Describe("Neither the new nor the current role may allow more than you may do yourself.").
		Answers(access.PendingResponses), (*Function).Assign),
	function.On(function.Post("users-suspend-member", memberPath+"/suspend", "Suspend a member", policy.MembersWrite).
		Fails(fault.Conflict).
		Describe("Ends the person's sessions in your organization. Other organizations are not affected."), (*Function).Suspend),
	function.On(function.Post("users-restore-member", memberPath+"/restore", "End a member's suspension", policy.MembersWrite), (*Function).Restore),
	function.On(function.Delete("users-remove-member", memberPath, "Remove a member from your organization", policy.MembersWrite).
		Fails(fault.Conflict), (*Function).Remove),
	function.On(function.Post("users-leave-organization", "/v1/organizations/{id}/leave", "Leave an organization", policy.Person.WithoutImpersonation()).
		AnyOrganization().Fails(fault.Conflict).
		Describe("Ends your sessions in it. If it was your only organization, a new one is created for you, as at registration."), (*Function).Leave),
).
	Uses(function.Owns(database.Users), function.Keys)

// Member is a person in an organization.
type Member struct {
	UserID        uuid.UUID `json:"user_id" format:"uuid"`
	Email         string    `json:"email"`
	EmailVerified *bool     `json:"email_verified,omitempty" doc:"Whether the person has proved that the address is theirs. Only shown to those who may change members"`
	FirstName     string    `json:"first_name"`
	LastName      string    `json:"last_name"`
	Role          string    `json:"role"`
	Status        string    `json:"status" enum:"requested,active,suspended"`
	Teams         int       `json:"teams" doc:"Number of teams that the person belongs to"`
	SecondFactor  *bool     `json:"second_factor,omitempty" doc:"Whether the person has a second factor. Only shown to those who may change members"`
	JoinedAt      time.Time `json:"joined_at" doc:"When the person joined or requested to join"`
}

// Organization identifies an organization.
type Organization struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// ListRequest selects one page.
type ListRequest struct {
	Organization
	page.Query
	Status string `query:"status" enum:"requested,active,suspended" doc:"Only members with this status. Requests to join are only shown to those who may change members"`
}

// ListResponse is one page.
type ListResponse struct{ Body page.Page[Member] }

// Request identifies a member.
type Request struct {
	Organization
	UserID uuid.UUID `path:"user_id" format:"uuid"`
}

// GetResponse is a member.
type GetResponse struct{ Body Member }

// AssignRequest contains a member's new role.
type AssignRequest struct {
	Request
	Body struct {
		Role string `json:"role" pattern:"^[a-z][a-z0-9_]{1,62}$" doc:"A built-in role or one of the organization's own" example:"analyst"`
	}
}

// Response is the membership.
type Response struct{ Body access.Membership }

// Function manages members.
type Function struct{ access.RoleChanges }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	changes, err := access.OpenRoleChanges(ctx, env)
	return &Function{changes}, err
}
