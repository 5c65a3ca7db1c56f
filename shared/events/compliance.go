package events

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Disposal is what a retention policy asks a domain to dispose of: everything of
// one kind that has been expired or deleted since before Cutoff.
type Disposal struct {
	SweepID  uuid.UUID   `json:"sweep_id"`
	PolicyID uuid.UUID   `json:"policy_id"`
	Cutoff   time.Time   `json:"cutoff"`
	Only     uuid.UUID   `json:"only"`   // one organization's own policy; uuid.Nil: everybody's
	Except   []uuid.UUID `json:"except"` // organizations that have a policy of their own
}

func (e Disposal) EventSubject() string         { return e.PolicyID.String() }
func (e Disposal) EventOrganization() uuid.UUID { return e.Only }

// disposedAtOnce bounds the organizations that one Disposed speaks of, far below
// MaxSize.
const disposedAtOnce = 1000

// Disposed is what a domain publishes when it has done as this policy asked: the
// counts by organization, in as many events as they need, none for no counts.
func (e Disposal) Disposed(counts []DisposedCount, at time.Time) []Disposed {
	var parts []Disposed
	for part := range slices.Chunk(counts, disposedAtOnce) {
		parts = append(parts, Disposed{SweepID: e.SweepID, PolicyID: e.PolicyID, Organizations: part, DisposedAt: at})
	}
	return parts
}

// SessionDisposalRequested: sessions and tokens that ended before the cutoff are to go.
type SessionDisposalRequested struct{ Disposal }

// DatasetDisposalRequested: data sets that were deleted before the cutoff are to go, with their bytes and keys.
type DatasetDisposalRequested struct{ Disposal }

func (SessionDisposalRequested) EventType() string {
	return prefix + "compliance.session_disposal_requested"
}
func (DatasetDisposalRequested) EventType() string {
	return prefix + "compliance.dataset_disposal_requested"
}

// Disposed: what a domain disposed of for one policy, by organization.
type Disposed struct {
	SweepID       uuid.UUID       `json:"sweep_id"`
	PolicyID      uuid.UUID       `json:"policy_id"`
	Organizations []DisposedCount `json:"organizations"`
	DisposedAt    time.Time       `json:"disposed_at"`
}

// DisposedCount is one organization's share of a disposal.
type DisposedCount struct {
	OrganizationID uuid.UUID `json:"organization_id"`
	Items          int64     `json:"items"`
	Bytes          int64     `json:"bytes"`
	Oldest         time.Time `json:"oldest"`
	Newest         time.Time `json:"newest"`
}

func (Disposed) EventType() string            { return prefix + "compliance.disposed" }
func (e Disposed) EventSubject() string       { return e.PolicyID.String() }
func (Disposed) EventOrganization() uuid.UUID { return uuid.Nil }
