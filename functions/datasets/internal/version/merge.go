package version

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/datasets/internal/dataset"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/outbox"
)

// Merging asks to apply the changes of one branch to another.
type Merging struct {
	From    string
	Into    string
	Key     []string
	Prefer  string // keyed.Ours, keyed.Theirs or empty
	Message string
}

const (
	selectMerge = `
SELECT coalesce(theirs, 0) AS source, coalesce(common_version($1, head_of($1, $3), theirs), 0) AS common FROM (SELECT head_of($1, $2) AS theirs) h`
	insertMerge = `
INSERT INTO dataset_versions (dataset_id, version, status, stored_bytes, wrapped_key, uploaded_by, branch, operation, key_columns, source_version, prefer, message)
VALUES ($1, $2, 'processing', 0, $3, $4, $5, 'merge', $6, $7, nullif($8, ''), $9)`
)

// AddMerge adds a version to a branch that will have the changes of another one, and requests its
// processing. key is the version's own, wrapped. The transaction holds the data set's row.
func AddMerge(ctx context.Context, tx *outbox.Tx, key []byte, caller auth.Caller, id uuid.UUID, m Merging) (v, source int, err error) {
	found, err := database.One[struct{ Source, Common int }](ctx, tx, dataset.ErrNotFound, selectMerge, id, m.From, m.Into)
	if err != nil {
		return 0, 0, err
	}
	if found.Source == 0 {
		return 0, 0, fault.New(fault.NotFound, "This data set has no branch %q with a ready version", m.From)
	}
	if found.Source == found.Common {
		return 0, 0, fault.New(fault.Conflict, "The branch %q has no changes that are not merged yet", m.From)
	}
	if v, err = number(ctx, tx, id, m.Into, dataset.Processing); err != nil {
		return 0, 0, err
	}
	if _, err := tx.Exec(ctx, insertMerge, id, v, key, caller.UserID, m.Into, m.Key, found.Source, m.Prefer, m.Message); err != nil {
		return 0, 0, fmt.Errorf("insert merge: %w", err)
	}
	if err := Start(ctx, tx, id, m.Into); err != nil {
		return 0, 0, err
	}
	state, err := dataset.State(ctx, tx, id)
	if err != nil {
		return 0, 0, err
	}
	return v, found.Source, tx.Publish(ctx, events.DatasetUploaded{Dataset: state})
}
