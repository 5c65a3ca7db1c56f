// Package dataset defines data sets as their users see them: their fields, declared schema, state
// in events, and deletion.
package dataset

import (
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/profiling"
	"function/shared/fault"
)

// The states of a data set are the states of its newest version.
const (
	Draft      = "draft"      // nothing uploaded yet
	Processing = "processing" // a version is being profiled
	Ready      = "ready"      // the newest version can be queried; documents and objects always are
	Failed     = "failed"     // the newest version could not be profiled
	Blocked    = "blocked"    // the newest version fails the data set's contract
)

// Dataset is a data set and the newest version of its data. Fields of the version are absent
// before the first upload.
type Dataset struct {
	ID           uuid.UUID           `json:"id" format:"uuid"`
	Kind         string              `json:"kind" enum:"table,documents,objects"`
	Name         string              `json:"name" doc:"Of a table, its name in SQL"`
	Description  string              `json:"description"`
	Schema       *Schema             `json:"schema,omitempty" doc:"As declared; absent if the types are inferred"`
	StorageType  string              `json:"storage_type" enum:"local,s3,gcs,azure"`
	Status       string              `json:"status" enum:"draft,processing,ready,failed,blocked"`
	Version      int                 `json:"version" doc:"Number of the newest version, 0 before the first upload"`
	ReadyVersion *int                `json:"ready_version,omitempty" doc:"The version that queries read"`
	Format       *string             `json:"format,omitempty" enum:"csv,json,parquet,avro,orc,arrow"`
	Compression  *string             `json:"compression,omitempty" enum:"gzip,zstd,zip,tar" doc:"Of the uploaded file; absent if it is not compressed"`
	SizeBytes    *int64              `json:"size_bytes,omitempty" doc:"Size of the uploaded file"`
	SHA256       *string             `json:"sha256,omitempty" doc:"SHA-256 of the uploaded file, hexadecimal"`
	RowCount     *int64              `json:"row_count,omitempty" doc:"Once profiled"`
	Progress     *profiling.Progress `json:"progress,omitempty" doc:"While processing"`
	Failure      *string             `json:"failure,omitempty" doc:"Why the newest version failed or is blocked"`
	UploadedAt   *time.Time          `json:"uploaded_at,omitempty"`
	CreatedAt    time.Time           `json:"created_at"`
	ChangedAt    time.Time           `json:"changed_at"`
}

// ErrNotFound is returned for a data set that does not exist, was deleted, or belongs to another
// organization.
var ErrNotFound = fault.New(fault.NotFound, "There is no data set with this identifier")
