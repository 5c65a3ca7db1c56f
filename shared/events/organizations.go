package events

import (
	"time"

	"github.com/google/uuid"
)

// MembershipChanged reports a changed role or status, or a new member who had not asked to join.
type MembershipChanged struct {
	UserID         uuid.UUID `json:"user_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Role           string    `json:"role"`
	Status         string    `json:"status"`     // active or suspended
	ChangedAt      time.Time `json:"changed_at"` // orders the events of one membership
}

// MembershipEnded reports that a person left an organization or was removed from it.
type MembershipEnded struct {
	UserID         uuid.UUID `json:"user_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	EndedAt        time.Time `json:"ended_at"`
}

// OrganizationDeleted reports that an organization and its memberships are gone. Subscribers delete
// what they hold of it. No MembershipEnded is published for its members. Events of the organization
// may arrive after this one.
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

// EventOrganization returns uuid.Nil: the deleted organization has no members who could see the
// event among the dead letters.
func (OrganizationDeleted) EventOrganization() uuid.UUID { return uuid.Nil }
