// Package eraseorganization deletes the data sets of an organization that is gone. It
// runs when the users domain has deleted the organization for good.
//
// They are deleted as their users would: at once for queries, and their bytes and keys
// when the organization's retention policy says, whose duties to keep outlive it.
package eraseorganization

import (
	"context"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/erasure"
	"function/shared/outbox"
)

// Service declares the function.
var Service = erasure.Organization("datasets-erase-organization", database.Datasets, erasure.Each(selectSome, deleteSome))

const selectSome = `
SELECT id FROM datasets WHERE organization_id = $1 AND deleted_at IS NULL AND id > $2 ORDER BY id LIMIT 100 FOR UPDATE`

func deleteSome(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, some []uuid.UUID) error {
	for _, id := range some {
		if err := audit.Record(ctx, tx, dataset.Deletion(organization, id)); err != nil {
			return err
		}
	}
	return dataset.Delete(ctx, tx, organization, some...)
}
