package events

import (
	"time"

	"github.com/google/uuid"
)

// UserRegistered reports a new account.
type UserRegistered struct {
	UserID         uuid.UUID `json:"user_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Role           string    `json:"role"`
	RegisteredAt   time.Time `json:"registered_at"`
}

func (UserRegistered) EventType() string              { return v1("users.registered") }
func (e UserRegistered) EventSubject() string         { return e.UserID.String() }
func (e UserRegistered) EventOrganization() uuid.UUID { return e.OrganizationID }

// UserLoggedIn reports a new session.
type UserLoggedIn struct {
	SessionID      uuid.UUID `json:"session_id"`
	UserID         uuid.UUID `json:"user_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	LoggedInAt     time.Time `json:"logged_in_at"`
}

func (UserLoggedIn) EventType() string              { return v1("users.logged_in") }
func (e UserLoggedIn) EventSubject() string         { return e.UserID.String() }
func (e UserLoggedIn) EventOrganization() uuid.UUID { return e.OrganizationID }

// MembershipApproved reports that an organization approved a person who had asked to join.
type MembershipApproved struct {
	UserID         uuid.UUID `json:"user_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Role           string    `json:"role"`
	ApprovedAt     time.Time `json:"approved_at"`
}

func (MembershipApproved) EventType() string              { return v1("users.membership_approved") }
func (e MembershipApproved) EventSubject() string         { return e.UserID.String() }
func (e MembershipApproved) EventOrganization() uuid.UUID { return e.OrganizationID }
