package events

import (
	"time"

	"github.com/google/uuid"
)

// UserErased reports that a person erased their account (GDPR Article 17) and that the users domain
// no longer holds readable data about them. Events about the person may arrive after this one.
type UserErased struct {
	UserID          uuid.UUID  `json:"user_id"`
	ProfileDocument *uuid.UUID `json:"profile_document,omitempty"` // a document of the users domain outside its database
	ErasedAt        time.Time  `json:"erased_at"`
}

func (UserErased) EventType() string              { return v1("users.erased") }
func (e UserErased) EventSubject() string         { return e.UserID.String() }
func (e UserErased) EventOrganization() uuid.UUID { return uuid.Nil }
