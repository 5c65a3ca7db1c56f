package events

import (
	"time"

	"github.com/google/uuid"
)

// ProfileChanged: a person changed what is on file about them. What it is now, the
// person tells.
type ProfileChanged struct {
	UserID         uuid.UUID `json:"user_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Fields         []string  `json:"fields"` // top-level names of those that were changed
	ChangedAt      time.Time `json:"changed_at"`
}

func (ProfileChanged) EventType() string              { return v1("users.profile_changed") }
func (e ProfileChanged) EventSubject() string         { return e.UserID.String() }
func (e ProfileChanged) EventOrganization() uuid.UUID { return e.OrganizationID }
