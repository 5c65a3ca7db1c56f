package findusers

import (
	"time"

	"github.com/google/uuid"

	"function/shared/page"
)

// ListRequest selects one page.
type ListRequest struct {
	page.Query
	Suspended      string    `query:"suspended" enum:"true,false"`
	PlatformAdmin  string    `query:"platform_admin" enum:"true,false"`
	OrganizationID uuid.UUID `query:"organization_id" format:"uuid" doc:"Members of this organization and people who asked to join it"`
	Name           string    `query:"name" maxLength:"100" doc:"Prefixes of words of the name; requires organization_id" example:"love"`
	Email          string    `query:"email" maxLength:"254" doc:"The complete address, in any letter case"`
}

// GetRequest identifies an account.
type GetRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// Account is an account as shown to platform admins.
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

// Membership is a person's membership, or request to join, in an organization.
type Membership struct {
	OrganizationID uuid.UUID `json:"organization_id" format:"uuid"`
	Role           string    `json:"role"`
	Status         string    `json:"status" enum:"requested,active,suspended"`
}

// Act is an action of a platform admin on the account.
type Act struct {
	At      time.Time `json:"at"`
	ActorID uuid.UUID `json:"actor_id" format:"uuid"`
	Action  string    `json:"action" example:"users:suspend"`
	Reason  string    `json:"reason"`
}

// ListResponse is one page. A page of a search by name may have fewer items than the limit
// although another page follows.
type ListResponse struct {
	Body struct {
		page.Page[Account]
		Complete *bool `json:"complete,omitempty" doc:"For a search by name: whether all names are indexed. If false, search again in a moment"`
	}
}

// GetResponse is an account with its 50 newest actions of platform admins.
type GetResponse struct {
	Body struct {
		Account
		Acts []Act `json:"acts" nullable:"false" doc:"Newest first"`
	}
}
