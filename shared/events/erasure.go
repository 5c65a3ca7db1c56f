package events

import (
	"time"

	"github.com/google/uuid"
)

// UserErased: a person has erased their account (GDPR Article 17), and the users
// domain holds nothing of them that can be read any more. Events of the person may
// come later than this one.
type UserErased struct {
	UserID          uuid.UUID  `json:"user_id"`
	ProfileDocument *uuid.UUID `json:"profile_document,omitempty"` // what the users domain kept outside of the transaction
	ErasedAt        time.Time  `json:"erased_at"`
}

func (UserErased) EventType() string              { return v1("users.erased") }
func (e UserErased) EventSubject() string         { return e.UserID.String() }
func (e UserErased) EventOrganization() uuid.UUID { return uuid.Nil }
