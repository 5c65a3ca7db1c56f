package events

import "github.com/google/uuid"

// MailQueued reports a mail that waits to be sent. The event does not carry its content.
type MailQueued struct {
	MailID uuid.UUID `json:"mail_id"`
}

func (MailQueued) EventType() string            { return v1("users.mail_queued") }
func (e MailQueued) EventSubject() string       { return e.MailID.String() }
func (MailQueued) EventOrganization() uuid.UUID { return uuid.Nil }
