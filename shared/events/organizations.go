package events

import (
	"time"

	"github.com/google/uuid"
)

// MembershipChanged: a person has another role or standing in an organization than
// before, or is in it newly without having asked.
type MembershipChanged struct {
	UserID         uuid.UUID `json:"user_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Role           string    `json:"role"`
	Status         string    `json:"status"`     // active or suspended
	ChangedAt      time.Time `json:"changed_at"` // orders the events of one membership
}

// MembershipEnded: a person left an organization, or was removed from it.
type MembershipEnded struct {
	UserID         uuid.UUID `json:"user_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	EndedAt        time.Time `json:"ended_at"`
}

// OrganizationDeleted: an organization is gone for good, with its memberships; what
// others hold of it is to go too. No MembershipEnded tells of its members. Events of
// the organization may come later than this one.
type OrganizationDeleted struct {
	OrganizationID uuid.UUID `json:"organization_id"`
	DeletedAt      time.Time `json:"deleted_at"`
}

func (MembershipChanged) EventType() string              { return v1("users.membership_changed") }
func (e MembershipChanged) EventSubject() string         { return e.UserID.String() }
func (e MembershipChanged) EventOrganization() uuid.UUID { return e.OrganizationID }

func (MembershipEnded) EventType() string              { return v1("users.membership_ended") }
func (e MembershipEnded) EventSubject() string         { return e.UserID.String() }
func (e MembershipEnded) EventOrganization() uuid.UUID { return e.OrganizationID }

func (OrganizationDeleted) EventType() string      { return v1("users.organization_deleted") }
func (e OrganizationDeleted) EventSubject() string { return e.OrganizationID.String() }

// EventOrganization is none: nobody is left there who could see it among the dead letters.
func (OrganizationDeleted) EventOrganization() uuid.UUID { return uuid.Nil }
