// Package archival records the objects of old versions in the archive of their storage type: which
// are there, and which must be deleted from it. A version is readable while its archived_at is NULL:
// then its own objects, and those of the versions whose rows or file it has, are in the primary store.
package archival

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/profiling"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/job"
	"function/shared/objects"
	"function/shared/outbox"
)

// The kinds of the jobs that move versions, and the names of the functions that run them. Their keys
// are those of the jobs that profile versions.
const (
	ArchiveKind = "datasets-archive"
	RecallKind  = "datasets-recall"
)

// Refusal is returned for work that needs an archived version.
func Refusal(version int) error {
	return fault.New(fault.Conflict, "Version %d is archived: recall it first (POST /v1/datasets/{id}/versions/%d/recall)", version, version)
}

const (
	selectArchived = `
SELECT version FROM dataset_versions WHERE dataset_id = $1 AND version = $2 AND status <> 'expired' AND archived_at IS NOT NULL`
	selectInputs = `
SELECT min(a.version) AS version FROM dataset_versions v CROSS JOIN LATERAL (SELECT head_of($1, v.branch, v.version) AS version) base
JOIN dataset_versions a ON a.dataset_id = $1 AND (
    a.version IN (v.version, v.source_version) OR a.version = ANY (v.inherited)
    OR v.operation IN ('append', 'upsert', 'delete', 'merge') AND a.version IN (base.version, common_version($1, base.version, v.source_version)))
WHERE v.dataset_id = $1 AND v.version = $2 AND a.archived_at IS NOT NULL HAVING count(*) > 0`
)

// Check returns the Refusal if a version is archived.
func Check(ctx context.Context, db database.Querier, dataset uuid.UUID, version int) error {
	return refuse(ctx, db, selectArchived, dataset, version)
}

// CheckInputs returns the Refusal if a version was added, or is to be prepared again, that needs an
// archived version. The transaction holds the data set's row.
func CheckInputs(ctx context.Context, tx *outbox.Tx, dataset uuid.UUID, version int) error {
	return refuse(ctx, tx, selectInputs, dataset, version)
}

func refuse(ctx context.Context, db database.Querier, sql string, dataset uuid.UUID, version int) error {
	archived, err := database.One[struct{ Version int }](ctx, db, pgx.ErrNoRows, sql, dataset, version)
	switch {
	case database.IsNoRows(err):
		return nil
	case err != nil:
		return fmt.Errorf("look for archived versions: %w", err)
	}
	return Refusal(archived.Version)
}

// RequestArchive enqueues the job that archives a version, unless there is one.
func RequestArchive(ctx context.Context, tx *outbox.Tx, organization, dataset uuid.UUID, version int) error {
	return request(ctx, tx, ArchiveKind, dataset, version, events.ArchiveRequested{DatasetID: dataset, OrganizationID: organization, Version: version})
}

// RequestRecall enqueues the job that recalls a version, unless there is one.
func RequestRecall(ctx context.Context, tx *outbox.Tx, organization, dataset uuid.UUID, version int) error {
	return request(ctx, tx, RecallKind, dataset, version, events.RecallRequested{DatasetID: dataset, OrganizationID: organization, Version: version})
}

func request(ctx context.Context, tx *outbox.Tx, kind string, dataset uuid.UUID, version int, e events.Event) error {
	err := job.Enqueue(ctx, tx, job.Spec{Kind: kind, Key: profiling.Spec(dataset, version).Key}, e)
	if errors.Is(err, job.ErrExists) {
		return nil
	}
	return err
}

// Archives are the configured archives.
type Archives struct {
	Stores map[string]string // the identity of the store, for each storage type that has one
	Open   func(ctx context.Context, storageType string) (*objects.Bucket, error)
}

const selectObjects = `
SELECT object_name AS name FROM version_files WHERE dataset_id = $1 AND version = ANY ($2)
UNION ALL SELECT table_name FROM dataset_versions WHERE dataset_id = $1 AND version = ANY ($2) AND table_name IS NOT NULL`

// Objects lists the own objects of versions.
func Objects(ctx context.Context, db database.Querier, dataset uuid.UUID, versions ...int) ([]string, error) {
	rows, _ := db.Query(ctx, selectObjects, dataset, versions)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list objects of versions: %w", err)
	}
	return names, nil
}
