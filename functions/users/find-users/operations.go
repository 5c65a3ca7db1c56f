package findusers

import (
	"net/http"
	"time"

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
		OperationID: "users-find-users", Method: http.MethodGet, Path: "/v1/admin/users",
		Summary: "Accounts of the whole platform", Tags: []string{users.Tag}, Security: function.Needs(policy.PlatformUsers),
		Description: "Newest first, or the one with an email address. Looking at them is audited.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden},
	}
	GetOperation = huma.Operation{
		OperationID: "users-get-user", Method: http.MethodGet, Path: "/v1/admin/users/{id}",
		Summary: "One account, with what platform admins did to it", Tags: []string{users.Tag}, Security: function.Needs(policy.PlatformUsers),
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
	}
)

// ListRequest asks for one page, or one address.
type ListRequest struct {
	page.Query
	Email string `query:"email" maxLength:"254" doc:"The whole address, however it is spelled"`
}

// GetRequest names an account.
type GetRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Account is an account as platform admins see it.
type Account struct {
	ID                 uuid.UUID    `json:"id" format:"uuid"`
	Email              string       `json:"email" db:"-"`
	FirstName          string       `json:"first_name" db:"-"`
	LastName           string       `json:"last_name" db:"-"`
	CreatedAt          time.Time    `json:"created_at"`
	EmailVerifiedAt    *time.Time   `json:"email_verified_at,omitempty"`
	SuspendedAt        *time.Time   `json:"suspended_at,omitempty"`
	MustChangePassword bool         `json:"must_change_password"`
	PlatformAdmin      bool         `json:"platform_admin"`
	Memberships        []Membership `json:"memberships" nullable:"false" db:"-"`
}

// Membership is an organization that the person belongs to, or wants to.
type Membership struct {
	OrganizationID uuid.UUID `json:"organization_id" format:"uuid"`
	Role           string    `json:"role"`
	Status         string    `json:"status" enum:"requested,active,suspended"`
}

// Act is something that a platform admin did to the account.
type Act struct {
	At      time.Time `json:"at"`
	ActorID uuid.UUID `json:"actor_id" format:"uuid"`
	Action  string    `json:"action" example:"users:suspend"`
	Reason  string    `json:"reason"`
}

// ListResponse is one page.
type ListResponse struct{ Body page.Page[Account] }

// GetResponse is an account with its newest acts, 50 at the most.
type GetResponse struct {
	Body struct {
		Account
		Acts []Act `json:"acts" nullable:"false" doc:"Newest first"`
	}
}
