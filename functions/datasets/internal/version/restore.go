package version

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/dataset"
	"function/shared/auth"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/outbox"
)

const (
	selectUnfinished = `SELECT EXISTS (SELECT FROM dataset_versions WHERE dataset_id = $1 AND branch = $2 AND status = 'processing')`
	insertRestored   = `
INSERT INTO dataset_versions (dataset_id, version, status, format, header_absent, charset, size_bytes, stored_bytes, sha256, row_count, columns, distribution,
    uploaded_by, profiled_at, branch, operation, base_version, source_version, message, inherited)
SELECT dataset_id, $3, 'ready', format, header_absent, charset, size_bytes, 0, sha256, row_count, columns, distribution,
    $4, clock_timestamp(), $5, 'restore', head_of(dataset_id, $5, $3), coalesce(CASE operation WHEN 'restore' THEN source_version END, version), $6,
    inherited || CASE WHEN table_name IS NULL THEN '{}' ELSE ARRAY[version] END
FROM dataset_versions WHERE dataset_id = $1 AND version = $2`
	setReady = `UPDATE datasets SET ready_version = $2 WHERE id = $1`
)

// AddRestored adds a ready version to a branch that has the file and the rows of another one. The
// transaction holds the data set's row.
func AddRestored(ctx context.Context, tx *outbox.Tx, caller auth.Caller, id uuid.UUID, change Change, source int) (int, error) {
	return addRestored(ctx, tx, caller, id, change, source, false)
}

func addRestored(ctx context.Context, tx *outbox.Tx, caller auth.Caller, id uuid.UUID, change Change, source int, approved bool) (int, error) {
	v, err := number(ctx, tx, id, change.Branch, dataset.Ready, approved)
	if err != nil {
		return 0, err
	}
	var unfinished bool
	if err := tx.QueryRow(ctx, selectUnfinished, id, change.Branch).Scan(&unfinished); err != nil {
		return 0, fmt.Errorf("look for unfinished versions: %w", err)
	}
	if unfinished {
		return 0, fault.New(fault.Conflict, "A version of this branch is being processed: try again when it is ready or has failed")
	}
	if _, err := tx.Exec(ctx, insertRestored, id, source, v, caller.UserID, change.Branch, change.Message); err != nil {
		return 0, fmt.Errorf("insert restored version: %w", err)
	}
	if err := recordLineage(ctx, tx, id, v, nil); err != nil {
		return 0, err
	}
	if err := archival.CheckInputs(ctx, tx, id, v); err != nil {
		return 0, err
	}
	if change.Branch == Main {
		if _, err := tx.Exec(ctx, setReady, id, v); err != nil {
			return 0, fmt.Errorf("set ready version: %w", err)
		}
	}
	state, err := dataset.State(ctx, tx, id)
	if err != nil {
		return 0, err
	}
	return v, tx.Publish(ctx, events.DatasetReady{Dataset: state})
}
