package version

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/datasets/internal/archival"
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

	Approved bool // by another person than the one who made the changes
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
	if v, err = number(ctx, tx, id, m.Into, dataset.Processing, m.Approved); err != nil {
		return 0, 0, err
	}
	if _, err := tx.Exec(ctx, insertMerge, id, v, key, caller.UserID, m.Into, m.Key, found.Source, m.Prefer, m.Message); err != nil {
		return 0, 0, fmt.Errorf("insert merge: %w", err)
	}
	if err := archival.CheckInputs(ctx, tx, id, v); err != nil {
		return 0, 0, err
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

const selectUnmerged = `SELECT coalesce(common_version($1, head_of($1, 'main'), $2), 0) AS common, coalesce(head_of($1, 'main'), 0) AS head`

// Mergeable returns a fault.Conflict if main has all changes that led to a version.
func Mergeable(ctx context.Context, tx *outbox.Tx, id uuid.UUID, version int) error {
	found, err := database.One[struct{ Common, Head int }](ctx, tx, dataset.ErrNotFound, selectUnmerged, id, version)
	if err == nil && found.Common == version {
		return fault.New(fault.Conflict, "The branch has no changes that are not in main")
	}
	return err
}

// AddFastForward makes a version of a branch that began with the newest version of main the next
// version of main, as another person has approved.
func AddFastForward(ctx context.Context, tx *outbox.Tx, caller auth.Caller, id uuid.UUID, source int, message string) (int, error) {
	found, err := database.One[struct{ Common, Head int }](ctx, tx, dataset.ErrNotFound, selectUnmerged, id, source)
	if err != nil {
		return 0, err
	}
	if found.Common != found.Head {
		return 0, fault.New(fault.Conflict, "main has changed since the branch began: merge main into the branch, or propose it with a key to merge by")
	}
	return addRestored(ctx, tx, caller, id, Change{Branch: Main, Operation: Restore, Message: message}, source, true)
}
