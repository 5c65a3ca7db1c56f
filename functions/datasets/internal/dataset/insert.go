package dataset

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/outbox"
)

// ErrNameTaken is returned for a name that another data set of the organization has.
var ErrNameTaken = fault.New(fault.Conflict, "Your organization already has a data set with this name; SQL names are case-insensitive")

func init() {
	database.Constraint("datasets_name", fault.Conflict, ErrNameTaken.Detail)
}

const insertDataset = `
INSERT INTO datasets (id, organization_id, kind, name, description, declared_schema, storage_type, status, created_by, created_at, changed_at, restricted)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)`

// Insert adds a data set of an organization, in the transaction that records its creation.
func Insert(ctx context.Context, tx *outbox.Tx, d Dataset, organization, creator uuid.UUID, restricted bool) error {
	_, err := tx.Exec(ctx, insertDataset, d.ID, organization, d.Kind, d.Name, d.Description, d.Schema, d.StorageType, d.Status, creator, d.CreatedAt, restricted)
	if err != nil {
		return fmt.Errorf("insert data set: %w", err)
	}
	state, err := State(ctx, tx, d.ID)
	if err != nil {
		return err
	}
	return tx.Publish(ctx, events.DatasetCreated{Dataset: state})
}
