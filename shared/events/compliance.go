package events

import (
	"time"

	"github.com/google/uuid"
)

// PoliciesChanged announces the current retention policies of a resource. With all earlier events,
// a subscriber knows every change up to Through.
type PoliciesChanged struct {
	Resource string            `json:"resource"`
	After    int64             `json:"after"`   // covers the changes with versions above this one
	Through  int64             `json:"through"` // up to and including this one
	Policies []RetentionPolicy `json:"policies"`
}

// RetentionPolicy is how long an organization keeps one resource.
type RetentionPolicy struct {
	OrganizationID uuid.UUID `json:"organization_id"` // uuid.Nil: all organizations without their own policy
	KeepDays       *int      `json:"keep_days"`       // nil: the policy was deleted
	Version        int64     `json:"version"`         // orders changes to all policies of a resource
}

// PoliciesMissing asks for the policies of a resource to be published again, because a domain was
// asked to dispose of something without knowing all of them.
type PoliciesMissing struct {
	Resource string `json:"resource"`
	After    int64  `json:"after"` // the domain knows every version up to this one
}

// DisposalRequested asks a domain to delete what the policies of a resource no longer keep.
type DisposalRequested struct {
	SweepID  uuid.UUID `json:"sweep_id"`
	Resource string    `json:"resource"`
	At       time.Time `json:"at"`       // the time from which the days that a policy keeps are counted back
	Policies int64     `json:"policies"` // policy version; a domain deletes nothing before it knows all versions up to it
}

// Disposed reports what a domain deleted in a sweep, by organization.
type Disposed struct {
	SweepID       uuid.UUID       `json:"sweep_id"`
	Resource      string          `json:"resource"`
	Organizations []DisposedCount `json:"organizations"`
	DisposedAt    time.Time       `json:"disposed_at"`
}

// DisposedCount is one organization's share of a disposal.
type DisposedCount struct {
	OrganizationID uuid.UUID `json:"organization_id"`
	KeepDays       int       `json:"keep_days"` // the policy's days
	Cutoff         time.Time `json:"cutoff"`    // items that ended before this time were deleted
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
