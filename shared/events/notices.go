package events

import "github.com/google/uuid"

// NoticeRequested asks the users domain, which has the addresses and the texts, to mail a notice to
// members of an organization.
type NoticeRequested struct {
	OrganizationID uuid.UUID         `json:"organization_id"`
	UserID         uuid.UUID         `json:"user_id"` // a member; uuid.Nil: all members with Role
	Role           string            `json:"role"`    // owner, admin or compliance_officer; empty with UserID
	Notice         string            `json:"notice"`  // the text's name
	Params         map[string]string `json:"params"`  // values for the text: identifiers and numbers, no personal data
}

func (NoticeRequested) EventType() string              { return v1("users.notice_requested") }
func (e NoticeRequested) EventSubject() string         { return e.Notice }
func (e NoticeRequested) EventOrganization() uuid.UUID { return e.OrganizationID }
