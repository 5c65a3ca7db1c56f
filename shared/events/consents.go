package events

import (
	"time"

	"github.com/google/uuid"
)

// Consent is a person's decision on a purpose of an organization.
type Consent struct {
	UserID         uuid.UUID `json:"user_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Purpose        string    `json:"purpose"` // the purpose's name
	Version        int       `json:"version"` // of the purpose's text
	Number         int       `json:"number"`  // counts the person's decisions on the purpose from 1; the highest counts, in whatever order events arrive
	DecidedAt      time.Time `json:"decided_at"`
}

func (e Consent) EventSubject() string         { return e.UserID.String() }
func (e Consent) EventOrganization() uuid.UUID { return e.OrganizationID }

// ConsentGiven reports that a person agreed to a purpose.
type ConsentGiven struct{ Consent }

// ConsentWithdrawn reports that a person withdrew consent.
type ConsentWithdrawn struct{ Consent }

func (ConsentGiven) EventType() string     { return v1("users.consent_given") }
func (ConsentWithdrawn) EventType() string { return v1("users.consent_withdrawn") }
