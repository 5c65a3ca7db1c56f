package version

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/shared/lineage"
	"function/shared/outbox"
)

const (
	// The inputs of a derived version have been recorded when it was added.
	insertInputs = `
INSERT INTO version_inputs (dataset_id, version, name, input_dataset_id, input_version)
SELECT dataset_id, version, name, dataset_id, input FROM dataset_versions CROSS JOIN LATERAL (VALUES
    ('base', CASE WHEN operation IN ('append', 'upsert', 'delete', 'merge') THEN base_version END),
    ('source', CASE WHEN operation IN ('merge', 'restore') THEN source_version END)) i (name, input)
WHERE dataset_id = $1 AND version = $2 AND status = 'ready' AND input IS NOT NULL`
	insertColumnInputs = `
INSERT INTO version_column_inputs (dataset_id, version, column_name, name, input_column, kind, transformation)
SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[])`
)

// recordLineage records from which versions and columns a version was made, in the transaction that finishes it.
func recordLineage(ctx context.Context, tx *outbox.Tx, id uuid.UUID, number int, edges []lineage.Edge) error {
	if _, err := tx.Exec(ctx, insertInputs, id, number); err != nil {
		return fmt.Errorf("record inputs of version: %w", err)
	}
	if len(edges) == 0 {
		return nil
	}
	var columns [5][]string
	for _, e := range edges {
		for i, value := range []string{e.Output, e.Table, e.Column, e.Kind, e.Transformation} {
			columns[i] = append(columns[i], value)
		}
	}
	if _, err := tx.Exec(ctx, insertColumnInputs, id, number, columns[0], columns[1], columns[2], columns[3], columns[4]); err != nil {
		return fmt.Errorf("record inputs of columns: %w", err)
	}
	return nil
}
