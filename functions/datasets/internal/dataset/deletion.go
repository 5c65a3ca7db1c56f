package dataset

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/profiling"
	"function/shared/access"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/job"
	"function/shared/outbox"
)

const (
	markDeleted = `
UPDATE datasets SET deleted_at = clock_timestamp(), ` + SetChangedAt + `
WHERE (id = ANY ($1) OR quality_of = ANY ($1)) AND organization_id = $2 AND deleted_at IS NULL RETURNING id`
	selectProcessing = `SELECT dataset_id || '/' || version FROM dataset_versions WHERE dataset_id = ANY ($1) AND status = 'processing'`
)

// Delete marks data sets of an organization as deleted, with those that hold their failing rows. It returns ErrNotFound unless the
// organization has all of them. They disappear for their users when the transaction commits.
// Their bytes and keys are destroyed when the retention policy allows it (datasets-dispose).
func Delete(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, datasets ...uuid.UUID) error {
	rows, _ := tx.Query(ctx, markDeleted, datasets, organization)
	marked, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return fmt.Errorf("mark data sets as deleted: %w", err)
	}
	for _, id := range datasets {
		if !slices.Contains(marked, id) {
			return ErrNotFound
		}
	}
	datasets = marked
	rows, _ = tx.Query(ctx, selectProcessing, datasets)
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list versions being profiled: %w", err)
	}
	if _, err := job.Cancel(ctx, tx, profiling.Kind, keys...); err != nil {
		return err
	}
	rows, _ = tx.Query(ctx, selectState, datasets)
	states, err := pgx.CollectRows(rows, pgx.RowToStructByName[events.Dataset])
	if err != nil {
		return fmt.Errorf("read state of data sets: %w", err)
	}
	for _, state := range states {
		if err := tx.Publish(ctx, events.DatasetDeleted{Dataset: state}); err != nil {
			return err
		}
	}
	return nil
}

const selectProtected = `SELECT protected FROM datasets WHERE id = $1`

// Remove deletes a data set that the reader may change and that nothing protects.
func Remove(ctx context.Context, db *outbox.DB, organization, id uuid.UUID, r access.Reader) error {
	return act.Do(ctx, db, Deletion(organization, id), func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := LockToDelete(ctx, tx, id, r); err != nil {
			return err
		}
		found, err := database.One[struct{ Protected bool }](ctx, tx, ErrNotFound, selectProtected, id)
		if err != nil {
			return err
		}
		if found.Protected {
			return fault.New(fault.Conflict, "This data set is protected: end its protection first (PUT /v1/datasets/{id}/protection)")
		}
		return Delete(ctx, tx, organization, id)
	})
}

// Deletion returns the audit entry for deleting a data set.
func Deletion(organization, dataset uuid.UUID) audit.Entry {
	return audit.Entry{Action: "datasets:delete", ResourceID: dataset.String(), OrganizationID: organization}
}
