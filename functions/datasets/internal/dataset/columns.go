package dataset

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/resultset"
)

const selectColumns = `
SELECT coalesce(v.columns, '[]') AS columns FROM datasets d LEFT JOIN dataset_versions v ON v.dataset_id = d.id AND v.version = d.ready_version WHERE d.id = $1`

// Columns returns the columns of the current version of a table. Before the first version is ready, the table has no columns.
func Columns(ctx context.Context, db database.Querier, id uuid.UUID) (columns []resultset.Column, err error) {
	found, err := database.One[struct{ Columns json.RawMessage }](ctx, db, pgx.ErrNoRows, selectColumns, id)
	if err != nil {
		return nil, fmt.Errorf("read columns: %w", err)
	}
	if err := json.Unmarshal(found.Columns, &columns); err != nil {
		return nil, fmt.Errorf("decode columns: %w", err)
	}
	return columns, nil
}
