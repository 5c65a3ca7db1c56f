package datasets

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/shared/audit"
	"function/shared/events"
	"function/shared/outbox"
)

const markDeleted = `
UPDATE datasets SET deleted_at = clock_timestamp(), ` + Changed + `
WHERE id = $1 AND organization_id = $2 AND deleted_at IS NULL`

// Delete takes a data set of an organization away; ErrNotFound if it has none such. It
// is gone for its users with the transaction. Its bytes and keys go when the retention
// policy says (datasets-dispose).
func Delete(ctx context.Context, tx *outbox.Tx, organization, dataset uuid.UUID) error {
	marked, err := tx.Exec(ctx, markDeleted, dataset, organization)
	if err != nil {
		return fmt.Errorf("mark data set as deleted: %w", err)
	}
	if marked.RowsAffected() == 0 {
		return ErrNotFound
	}
	state, err := State(ctx, tx, dataset)
	if err != nil {
		return err
	}
	if err := audit.Record(ctx, tx, audit.Entry{Action: "datasets:delete", ResourceID: dataset.String(), OrganizationID: organization}); err != nil {
		return err
	}
	return tx.Publish(ctx, events.DatasetDeleted{Dataset: state})
}
