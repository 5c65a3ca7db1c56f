package events

import "github.com/google/uuid"

// MailQueued: a mail waits to be sent. What it says is not in the event.
type MailQueued struct {
	MailID uuid.UUID `json:"mail_id"`
}

func (MailQueued) EventType() string            { return v1("users.mail_queued") }
func (e MailQueued) EventSubject() string       { return e.MailID.String() }
func (MailQueued) EventOrganization() uuid.UUID { return uuid.Nil }
