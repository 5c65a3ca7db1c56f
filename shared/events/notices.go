package events

import "github.com/google/uuid"

// NoticeRequested: people of an organization are to be told something by mail. The users
// domain knows the addresses and the texts.
type NoticeRequested struct {
	OrganizationID uuid.UUID         `json:"organization_id"`
	UserID         uuid.UUID         `json:"user_id"` // a member; uuid.Nil: all members with the role
	Role           string            `json:"role"`    // owner, admin or compliance_officer; empty with UserID
	Notice         string            `json:"notice"`  // name of a text
	Params         map[string]string `json:"params"`  // what the text mentions: identifiers and numbers, nothing personal
}

func (NoticeRequested) EventType() string              { return v1("users.notice_requested") }
func (e NoticeRequested) EventSubject() string         { return e.Notice }
func (e NoticeRequested) EventOrganization() uuid.UUID { return e.OrganizationID }
