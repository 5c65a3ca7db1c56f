package users

import (
	"time"

	"github.com/google/uuid"

	"function/shared/fault"
)

// ConsentPurpose is what an organization asks its members' consent for, with the newest
// version of its text.
type ConsentPurpose struct {
	Name        string     `json:"name"`
	Version     int        `json:"version" doc:"Of the newest text, from 1"`
	Text        string     `json:"text"`
	TextSHA256  string     `json:"text_sha256" doc:"Hexadecimal"`
	PublishedAt time.Time  `json:"published_at" doc:"Of the newest text"`
	CreatedAt   time.Time  `json:"created_at"`
	RetiredAt   *time.Time `json:"retired_at,omitempty" doc:"Nobody is asked any more"`
}

// ConsentState is what a person has said last about a purpose.
type ConsentState struct {
	Purpose       string     `json:"purpose"`
	Given         bool       `json:"given"`
	Version       int        `json:"version,omitempty" doc:"Of the text that the person decided about; absent: never decided"`
	NewestVersion int        `json:"newest_version" doc:"A consent to an older text may have to be asked for again"`
	DecidedAt     *time.Time `json:"decided_at,omitempty"`
	RetiredAt     *time.Time `json:"retired_at,omitempty" doc:"The purpose is not asked for any more"`
}

// ErrNoPurpose answers for a purpose that the organization does not have.
var ErrNoPurpose = fault.New(fault.NotFound, "The organization has no purpose of this name")

// OwnOrganization lets a caller of one organization at that organization's things
// only: another's do not exist.
func OwnOrganization(asked, own uuid.UUID) error {
	if asked != own {
		return fault.New(fault.NotFound, "There is no such organization")
	}
	return nil
}
