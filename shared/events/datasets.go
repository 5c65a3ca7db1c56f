package events

import (
	"time"

	"github.com/google/uuid"
)

// Dataset is the current state of a data set. Every event about a data set carries it, so a
// subscriber needs no earlier event.
type Dataset struct {
	DatasetID      uuid.UUID `json:"dataset_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Kind           string    `json:"kind"` // table, documents or objects
	Name           string    `json:"name"`
	StorageType    string    `json:"storage_type"`
	Status         string    `json:"status"`
	Version        int       `json:"version"`    // newest version, 0 before the first upload
	Rows           int64     `json:"row_count"`  // of the newest ready version
	Bytes          int64     `json:"size_bytes"` // of the newest version, as uploaded
	CreatedAt      time.Time `json:"created_at"`
	ChangedAt      time.Time `json:"changed_at"` // orders the events of one data set
	Restricted     bool      `json:"restricted"` // not every member of the organization may know of it
}

func (e Dataset) EventSubject() string         { return e.DatasetID.String() }
func (e Dataset) EventOrganization() uuid.UUID { return e.OrganizationID }

// DatasetCreated reports a new data set, without data yet.
type DatasetCreated struct{ Dataset }

// DatasetUploaded reports that a version's bytes are stored and wait to be profiled.
type DatasetUploaded struct{ Dataset }

// DatasetRetried reports that a failed or blocked version waits to be profiled again.
type DatasetRetried struct{ Dataset }

// DatasetReady reports that the version was profiled and can be queried.
type DatasetReady struct{ Dataset }

// DatasetFailed reports that the version's file is unreadable or that profiling failed permanently, or, with the status
// blocked, that the version fails the data set's contract.
type DatasetFailed struct{ Dataset }

// DatasetDeleted reports that users can no longer see the data set. Its bytes are deleted when the
// retention policy says so.
type DatasetDeleted struct{ Dataset }

// DatasetUndeleted reports that a deleted data set is back.
type DatasetUndeleted struct{ Dataset }

// DatasetHeld reports that the data set is under legal hold: nothing of it is removed.
type DatasetHeld struct{ Dataset }

// DatasetReleased reports that the legal hold of the data set has ended.
type DatasetReleased struct{ Dataset }

// DatasetVisibilityChanged reports that other members of the organization see the data set than before.
type DatasetVisibilityChanged struct{ Dataset }

func (DatasetVisibilityChanged) EventType() string { return v1("datasets.visibility_changed") }

func (DatasetCreated) EventType() string   { return v1("datasets.created") }
func (DatasetUploaded) EventType() string  { return v1("datasets.uploaded") }
func (DatasetRetried) EventType() string   { return v1("datasets.retried") }
func (DatasetReady) EventType() string     { return v1("datasets.ready") }
func (DatasetFailed) EventType() string    { return v1("datasets.failed") }
func (DatasetDeleted) EventType() string   { return v1("datasets.deleted") }
func (DatasetUndeleted) EventType() string { return v1("datasets.undeleted") }
func (DatasetHeld) EventType() string      { return v1("datasets.held") }
func (DatasetReleased) EventType() string  { return v1("datasets.released") }

// FreshnessMissed reports that the current version of a data set is older than its contract allows. It is sent once, until
// there is another version or the contract allows another age.
type FreshnessMissed struct {
	DatasetID      uuid.UUID `json:"dataset_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Version        int       `json:"version"` // the current one; 0: there is none
	DueAt          time.Time `json:"due_at"`  // when a newer one should have been there
}

func (FreshnessMissed) EventType() string              { return v1("datasets.freshness_missed") }
func (e FreshnessMissed) EventSubject() string         { return e.DatasetID.String() }
func (e FreshnessMissed) EventOrganization() uuid.UUID { return e.OrganizationID }

// ProfileRequested starts the job that profiles a version of a data set.
type ProfileRequested struct {
	DatasetID      uuid.UUID `json:"dataset_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Version        int       `json:"version"`
}

func (ProfileRequested) EventType() string              { return v1("datasets.profile_requested") }
func (e ProfileRequested) EventSubject() string         { return e.DatasetID.String() }
func (e ProfileRequested) EventOrganization() uuid.UUID { return e.OrganizationID }

// ReplicationRequested starts the job that copies an object to the backup of its storage type.
type ReplicationRequested struct {
	Object string `json:"object"`
}

func (ReplicationRequested) EventType() string            { return v1("datasets.replication_requested") }
func (e ReplicationRequested) EventSubject() string       { return e.Object }
func (ReplicationRequested) EventOrganization() uuid.UUID { return uuid.Nil }

// ArchiveRequested starts the job that moves the objects of a version to the archive of their storage type.
type ArchiveRequested struct {
	DatasetID      uuid.UUID `json:"dataset_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Version        int       `json:"version"`
}

func (ArchiveRequested) EventType() string              { return v1("datasets.archive_requested") }
func (e ArchiveRequested) EventSubject() string         { return e.DatasetID.String() }
func (e ArchiveRequested) EventOrganization() uuid.UUID { return e.OrganizationID }

// RecallRequested starts the job that brings the objects of an archived version back.
type RecallRequested struct {
	DatasetID      uuid.UUID `json:"dataset_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Version        int       `json:"version"`
}

func (RecallRequested) EventType() string              { return v1("datasets.recall_requested") }
func (e RecallRequested) EventSubject() string         { return e.DatasetID.String() }
func (e RecallRequested) EventOrganization() uuid.UUID { return e.OrganizationID }

// SealRequested starts the job that seals a file which a client has put into the bucket, or the rest of it.
type SealRequested struct {
	UploadID       uuid.UUID `json:"upload_id"`
	DatasetID      uuid.UUID `json:"dataset_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
}

func (SealRequested) EventType() string              { return v1("datasets.seal_requested") }
func (e SealRequested) EventSubject() string         { return e.DatasetID.String() }
func (e SealRequested) EventOrganization() uuid.UUID { return e.OrganizationID }

// ImportRequested starts the job that fetches a file from a URL, or the rest of it.
type ImportRequested struct {
	UploadID       uuid.UUID `json:"upload_id"`
	DatasetID      uuid.UUID `json:"dataset_id"`
	OrganizationID uuid.UUID `json:"organization_id"`
	Offset         int64     `json:"offset"` // bytes that have arrived before
}

func (ImportRequested) EventType() string              { return v1("datasets.import_requested") }
func (e ImportRequested) EventSubject() string         { return e.DatasetID.String() }
func (e ImportRequested) EventOrganization() uuid.UUID { return e.OrganizationID }

// DatasetsRead reports that somebody has queried data sets.
type DatasetsRead struct {
	DatasetIDs     []uuid.UUID `json:"dataset_ids"`
	UserID         uuid.UUID   `json:"user_id"` // person or service account
	OrganizationID uuid.UUID   `json:"organization_id"`
}

func (DatasetsRead) EventType() string              { return v1("datasets.read") }
func (e DatasetsRead) EventSubject() string         { return e.UserID.String() }
func (e DatasetsRead) EventOrganization() uuid.UUID { return e.OrganizationID }
