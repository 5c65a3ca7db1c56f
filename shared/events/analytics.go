package events

import (
	"time"

	"github.com/google/uuid"
)

// ReportRunRequested asks for a run of a report, whether a person started it or it is due.
type ReportRunRequested struct {
	RunID          uuid.UUID `json:"run_id"`
	ReportID       uuid.UUID `json:"report_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
}

func (ReportRunRequested) EventType() string              { return v1("analytics.report_run_requested") }
func (e ReportRunRequested) EventSubject() string         { return e.RunID.String() }
func (e ReportRunRequested) EventOrganization() uuid.UUID { return e.OrganizationID }

// ReportRan reports which versions of data sets a successful run of a report has read.
type ReportRan struct {
	ReportID       uuid.UUID     `json:"report_id"`
	RunID          uuid.UUID     `json:"run_id"`
	OrganizationID uuid.UUID     `json:"organization_id"`
	Name           string        `json:"name"` // of the report
	CreatedBy      uuid.UUID     `json:"created_by"`
	FinishedAt     time.Time     `json:"finished_at"`
	Versions       []VersionRead `json:"versions"`
	Columns        []ColumnRead  `json:"columns,omitempty"` // absent if they are unknown or too many
}

// VersionRead is a version of a data set.
type VersionRead struct {
	DatasetID uuid.UUID `json:"dataset_id"`
	Version   int       `json:"version"`
}

// ColumnRead is a column of a version that determines one of a result, or which rows the result has.
type ColumnRead struct {
	VersionRead
	Column         string `json:"column"`
	Result         string `json:"result"` // empty: every column
	Kind           string `json:"kind"`   // as of OpenLineage: DIRECT or INDIRECT
	Transformation string `json:"transformation"`
}

func (ReportRan) EventType() string              { return v1("analytics.report_ran") }
func (e ReportRan) EventSubject() string         { return e.RunID.String() }
func (e ReportRan) EventOrganization() uuid.UUID { return e.OrganizationID }

// ReportDeleted reports that a report and its runs have been deleted.
type ReportDeleted struct {
	ReportID       uuid.UUID `json:"report_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
}

func (ReportDeleted) EventType() string              { return v1("analytics.report_deleted") }
func (e ReportDeleted) EventSubject() string         { return e.ReportID.String() }
func (e ReportDeleted) EventOrganization() uuid.UUID { return e.OrganizationID }
