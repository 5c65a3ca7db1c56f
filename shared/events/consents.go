package events

import (
	"time"

	"github.com/google/uuid"
)

// Consent is a person's word about a purpose of an organization.
type Consent struct {
	UserID         uuid.UUID `json:"user_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Purpose        string    `json:"purpose"` // its name
	Version        int       `json:"version"` // of the text
	Number         int       `json:"number"`  // of the person's decisions on the purpose, from 1: the greatest holds, in whatever order events come
	DecidedAt      time.Time `json:"decided_at"`
}

func (e Consent) EventSubject() string         { return e.UserID.String() }
func (e Consent) EventOrganization() uuid.UUID { return e.OrganizationID }

// ConsentGiven: a person agreed to a purpose.
type ConsentGiven struct{ Consent }

// ConsentWithdrawn: a person does not agree any more.
type ConsentWithdrawn struct{ Consent }

func (ConsentGiven) EventType() string     { return v1("users.consent_given") }
func (ConsentWithdrawn) EventType() string { return v1("users.consent_withdrawn") }
