// Package members keeps the members of an organization: it lists and shows them, gives
// them another role, suspends, restores and removes them, and lets a person leave, for
// what is under /v1/organizations/{id}/members and POST /v1/organizations/{id}/leave.
package members

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

const (
	path = "/v1/organizations/{id}/members"
	one  = path + "/{user_id}"
)

// The HTTP operations.
var (
	ListOperation = huma.Operation{
		OperationID: "users-list-members", Method: http.MethodGet, Path: path,
		Summary: "Members of your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.MembersRead),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	GetOperation = huma.Operation{
		OperationID: "users-get-member", Method: http.MethodGet, Path: one,
		Summary: "One member", Tags: []string{users.Tag}, Security: function.Needs(policy.MembersRead),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	AssignOperation = huma.Operation{
		OperationID: "users-assign-role", Method: http.MethodPut, Path: one + "/role",
		Summary: "Give a member another role", Tags: []string{users.Tag}, Security: function.NeedsFresh(policy.RolesWrite),
		Description: "Neither a role that may do what you may not, nor to a member who has one. Only an owner makes, or unmakes, an owner.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}, Responses: users.Waits,
	}
	SuspendOperation = huma.Operation{
		OperationID: "users-suspend-member", Method: http.MethodPost, Path: one + "/suspend",
		Summary: "Take a member's roles away for a while", Tags: []string{users.Tag}, Security: function.Needs(policy.MembersWrite),
		Description: "Ends the person's sessions in your organization. Nothing of other organizations changes.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
	RestoreOperation = huma.Operation{
		OperationID: "users-restore-member", Method: http.MethodPost, Path: one + "/restore",
		Summary: "End a member's suspension", Tags: []string{users.Tag}, Security: function.Themselves(function.Needs(policy.MembersWrite)),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
	RemoveOperation = huma.Operation{
		OperationID: "users-remove-member", Method: http.MethodDelete, Path: one,
		Summary: "Remove a member from your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.MembersWrite),
		DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict},
	}
	LeaveOperation = huma.Operation{
		OperationID: "users-leave-organization", Method: http.MethodPost, Path: "/v1/organizations/{id}/leave",
		Summary: "Leave an organization", Tags: []string{users.Tag}, Security: function.Person,
		Description:   "Ends your sessions in it. If it is your only one, you get one of your own, as at registration.",
		DefaultStatus: http.StatusNoContent, Errors: []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict},
	}
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(ListOperation, (*Function).List),
	function.On(GetOperation, (*Function).Get),
	function.On(AssignOperation, (*Function).Assign),
	function.On(SuspendOperation, (*Function).Suspend),
	function.On(RestoreOperation, (*Function).Restore),
	function.On(RemoveOperation, (*Function).Remove),
	function.On(LeaveOperation, (*Function).Leave),
}

// Member is a person in an organization.
type Member struct {
	UserID       uuid.UUID `json:"user_id" format:"uuid"`
	Email        string    `json:"email"`
	FirstName    string    `json:"first_name"`
	LastName     string    `json:"last_name"`
	Role         string    `json:"role"`
	Status       string    `json:"status" enum:"requested,active,suspended"`
	Teams        int       `json:"teams" doc:"How many teams the person is in"`
	SecondFactor *bool     `json:"second_factor,omitempty" doc:"Whether the person has one; for those who may change members"`
	JoinedAt     time.Time `json:"joined_at" doc:"Or asked to join"`
}

// Organization names an organization.
type Organization struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// ListRequest asks for one page.
type ListRequest struct {
	Organization
	page.Query
	Status string `query:"status" enum:"requested,active,suspended" doc:"Only those of this standing; who has requested to join shows to those who may change members"`
}

// ListResponse is one page.
type ListResponse struct{ Body page.Page[Member] }

// Request names a member.
type Request struct {
	Organization
	UserID uuid.UUID `path:"user_id" format:"uuid"`
}

// GetResponse is a member.
type GetResponse struct{ Body Member }

// AssignRequest is a member's new role.
type AssignRequest struct {
	Request
	Body struct {
		Role string `json:"role" pattern:"^[a-z][a-z0-9_]{1,62}$" doc:"Built in, or one of the organization's own"`
	}
}

// Response is the membership.
type Response struct{ Body users.Membership }

// Function keeps members.
type Function struct{ users.RoleChanges }

// New opens the memberships.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	changes, err := users.OpenRoleChanges(ctx, env)
	return &Function{changes}, err
}
