// Package eraseorganization deletes the data sets of a deleted organization. It runs when the
// users domain has deleted the organization permanently.
//
// As with any other deletion, the data sets disappear from queries at once. Their bytes and
// keys are destroyed when the organization's retention policy allows it; the policy outlives the
// organization. The glossary, and lineage outside of versions, are deleted at once.
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
var Service = erasure.Organization("datasets-erase-organization", database.Datasets, erasure.Each(selectSome, deleteSome),
	erasure.Table("dataset_terms"), erasure.Table("glossary_terms"), erasure.Table("lineage_nodes"))

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
