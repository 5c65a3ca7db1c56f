package events

import (
	"time"

	"github.com/google/uuid"
)

// Dataset is the present state of a data set, as every event about one carries
// it: a subscriber needs no earlier event to understand a later one.
type Dataset struct {
	DatasetID      uuid.UUID `json:"dataset_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Name           string    `json:"name"`
	StorageType    string    `json:"storage_type"`
	Status         string    `json:"status"`
	Version        int       `json:"version"`    // newest version, 0 before the first upload
	Rows           int64     `json:"row_count"`  // of the newest ready version
	Bytes          int64     `json:"size_bytes"` // of the newest version, as uploaded
	CreatedAt      time.Time `json:"created_at"`
	ChangedAt      time.Time `json:"changed_at"` // orders the events of one data set
}

func (e Dataset) EventSubject() string         { return e.DatasetID.String() }
func (e Dataset) EventOrganization() uuid.UUID { return e.OrganizationID }

// DatasetCreated: a data set was described; it holds nothing yet.
type DatasetCreated struct{ Dataset }

// DatasetUploaded: a version's bytes are stored, and wait to be profiled.
type DatasetUploaded struct{ Dataset }

// DatasetRetried: a version that failed waits to be profiled again.
type DatasetRetried struct{ Dataset }

// DatasetReady: the version was profiled and can be queried.
type DatasetReady struct{ Dataset }

// DatasetFailed: the version's file could not be read, or profiling it has failed for good.
type DatasetFailed struct{ Dataset }

// DatasetDeleted: the data set is gone for its users; its bytes go when the
// retention policy says.
type DatasetDeleted struct{ Dataset }

func (DatasetCreated) EventType() string  { return v1("datasets.created") }
func (DatasetUploaded) EventType() string { return v1("datasets.uploaded") }
func (DatasetRetried) EventType() string  { return v1("datasets.retried") }
func (DatasetReady) EventType() string    { return v1("datasets.ready") }
func (DatasetFailed) EventType() string   { return v1("datasets.failed") }
func (DatasetDeleted) EventType() string  { return v1("datasets.deleted") }

// ProfileRequested starts the job that profiles a version of a data set.
type ProfileRequested struct {
	DatasetID      uuid.UUID `json:"dataset_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Version        int       `json:"version"`
}

func (ProfileRequested) EventType() string              { return v1("datasets.profile_requested") }
func (e ProfileRequested) EventSubject() string         { return e.DatasetID.String() }
func (e ProfileRequested) EventOrganization() uuid.UUID { return e.OrganizationID }
