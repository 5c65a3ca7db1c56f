package events

import (
	"time"

	"github.com/google/uuid"
)

// ProfileChanged reports that a person changed their profile. It does not carry the new values.
type ProfileChanged struct {
	UserID         uuid.UUID `json:"user_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Fields         []string  `json:"fields"` // top-level names of the changed fields
	ChangedAt      time.Time `json:"changed_at"`
}

func (ProfileChanged) EventType() string              { return v1("users.profile_changed") }
func (e ProfileChanged) EventSubject() string         { return e.UserID.String() }
func (e ProfileChanged) EventOrganization() uuid.UUID { return e.OrganizationID }
