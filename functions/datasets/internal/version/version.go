package version

import (
	"time"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/profiling"
	"function/shared/access"
	"function/shared/fault"
)

// Version is a version of a data set as its users see it.
type Version struct {
	Version       int                 `json:"version"`
	Branch        string              `json:"branch"`
	Operation     string              `json:"operation" enum:"replace,append,upsert,delete,restore,merge,derive" doc:"How the version was made from the one before it"`
	BaseVersion   *int                `json:"base_version,omitempty" doc:"The version before it on its branch. Absent for the first one, and while processing"`
	SourceVersion *int                `json:"source_version,omitempty" doc:"The version that was restored or merged"`
	Key           []string            `json:"key,omitempty" doc:"The columns that identified rows"`
	Message       string              `json:"message,omitempty"`
	Query         *string             `json:"query,omitempty" doc:"Of a derived version: the query that made it"`
	Status        string              `json:"status" enum:"processing,ready,failed,blocked,expired" doc:"blocked: it fails the contract and nobody can read it. expired: a lifecycle policy has removed its rows and its file"`
	Current       bool                `json:"current" doc:"Whether queries without a version read this one"`
	Tags          []string            `json:"tags" nullable:"false"`
	Format        *string             `json:"format,omitempty" enum:"csv,json,parquet,avro,orc,arrow" doc:"Of the uploaded file; absent for a merge and a derived version"`
	SizeBytes     *int64              `json:"size_bytes,omitempty" doc:"Size of the uploaded file"`
	SHA256        *string             `json:"sha256,omitempty" doc:"SHA-256 of the uploaded file, hexadecimal"`
	RowCount      *int64              `json:"row_count,omitempty" doc:"All rows of the version, once it is ready"`
	Progress      *profiling.Progress `json:"progress,omitempty" doc:"While processing"`
	Failure       *string             `json:"failure,omitempty"`
	CreatedBy     uuid.UUID           `json:"created_by" format:"uuid"`
	CreatedAt     time.Time           `json:"created_at"`
	ReadyAt       *time.Time          `json:"ready_at,omitempty" doc:"Since when it can be read"`
	ArchivedAt    *time.Time          `json:"archived_at,omitempty" doc:"Since when it is in the archive: it can be read again after a recall"`
}

// Columns selects a Version from version v of data set d.
const Columns = `v.version, v.branch, v.operation, v.base_version, v.source_version, v.key_columns AS key, v.message, v.query, v.status,
       coalesce(v.version = d.ready_version, false) AS current,
       ARRAY(SELECT r.name FROM dataset_refs r WHERE r.dataset_id = d.id AND r.version = v.version AND r.kind = 'tag' ORDER BY r.name) AS tags,
       v.format, v.size_bytes, encode(v.sha256, 'hex') AS sha256, v.row_count, ` + profiling.SelectProgress + `, v.failure,
       v.uploaded_by AS created_by, v.uploaded_at AS created_at, CASE v.status WHEN 'ready' THEN v.profiled_at END AS ready_at,
       CASE WHEN v.status <> 'expired' THEN v.archived_at END AS archived_at`

// ErrNotFound is returned for a version that does not exist.
var ErrNotFound = fault.New(fault.NotFound, "There is no data set with this identifier, or it has no such version")

// Conceal removes what a view does not show: figures of all rows.
func (v *Version) Conceal(view access.View) {
	if view.Whole() {
		return
	}
	v.SizeBytes, v.SHA256, v.RowCount = nil, nil, nil
	if v.Failure != nil {
		concealed := dataset.Concealed
		v.Failure = &concealed
	}
}
