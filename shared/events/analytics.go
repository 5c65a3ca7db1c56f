package events

import "github.com/google/uuid"

// ReportRunRequested asks for a run of a report, whether a person started it or it is due.
type ReportRunRequested struct {
	RunID          uuid.UUID `json:"run_id"`
	ReportID       uuid.UUID `json:"report_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
}

func (ReportRunRequested) EventType() string              { return v1("analytics.report_run_requested") }
func (e ReportRunRequested) EventSubject() string         { return e.RunID.String() }
func (e ReportRunRequested) EventOrganization() uuid.UUID { return e.OrganizationID }
