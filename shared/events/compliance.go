package events

import (
	"time"

	"github.com/google/uuid"
)

// PoliciesChanged: retention policies of a resource as they are now. Together with the
// events before it, a subscriber knows every change up to Through.
type PoliciesChanged struct {
	Resource string            `json:"resource"`
	After    int64             `json:"after"`   // the changes that this event covers have versions above it,
	Through  int64             `json:"through"` // up to and including this one
	Policies []RetentionPolicy `json:"policies"`
}

// RetentionPolicy is how long an organization keeps one resource.
type RetentionPolicy struct {
	OrganizationID uuid.UUID `json:"organization_id"` // uuid.Nil: every organization without a policy of its own
	KeepDays       *int      `json:"keep_days"`       // nil: none of its own any more
	Version        int64     `json:"version"`         // orders the changes of all policies of a resource
}

// PoliciesMissing: a domain has been asked to dispose of something, and does not know all
// policies of the resource. They are to be published again.
type PoliciesMissing struct {
	Resource string `json:"resource"`
	After    int64  `json:"after"` // the domain knows all versions up to this one
}

// DisposalRequested: everything of a resource that its policies no longer keep is to go.
type DisposalRequested struct {
	SweepID  uuid.UUID `json:"sweep_id"`
	Resource string    `json:"resource"`
	At       time.Time `json:"at"`       // what has been over for its policy's days at this time
	Policies int64     `json:"policies"` // the version of the policies: nothing goes before all up to it are known
}

// Disposed: what a domain disposed of in a sweep, by organization.
type Disposed struct {
	SweepID       uuid.UUID       `json:"sweep_id"`
	Resource      string          `json:"resource"`
	Organizations []DisposedCount `json:"organizations"`
	DisposedAt    time.Time       `json:"disposed_at"`
}

// DisposedCount is one organization's share of a disposal.
type DisposedCount struct {
	OrganizationID uuid.UUID `json:"organization_id"`
	KeepDays       int       `json:"keep_days"` // what its policy said
	Cutoff         time.Time `json:"cutoff"`    // what was over before this went
	Items          int64     `json:"items"`
	Bytes          int64     `json:"bytes"`
	Oldest         time.Time `json:"oldest"`
	Newest         time.Time `json:"newest"`
}

func (PoliciesChanged) EventType() string            { return v1("compliance.policies_changed") }
func (e PoliciesChanged) EventSubject() string       { return e.Resource }
func (PoliciesChanged) EventOrganization() uuid.UUID { return uuid.Nil }

func (PoliciesMissing) EventType() string            { return v1("compliance.policies_missing") }
func (e PoliciesMissing) EventSubject() string       { return e.Resource }
func (PoliciesMissing) EventOrganization() uuid.UUID { return uuid.Nil }

func (DisposalRequested) EventType() string            { return v1("compliance.disposal_requested") }
func (e DisposalRequested) EventSubject() string       { return e.Resource }
func (DisposalRequested) EventOrganization() uuid.UUID { return uuid.Nil }

func (Disposed) EventType() string            { return v1("compliance.disposed") }
func (e Disposed) EventSubject() string       { return e.Resource }
func (Disposed) EventOrganization() uuid.UUID { return uuid.Nil }
