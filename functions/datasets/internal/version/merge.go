package version

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/dataset"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/keyed"
	"function/shared/outbox"
	"function/shared/secret"
)

// Merging asks to apply the changes of one branch to another.
type Merging struct {
	From string
	Into string
	Key  []string
	keyed.Choices
	Message string

	Approved bool // by another person than the one who made the changes
}

const (
	selectMerge = `
SELECT coalesce(ours, 0) AS into, coalesce(theirs, 0) AS source, coalesce(common_version($1, ours, theirs), 0) AS common
FROM (SELECT head_of($1, $3) AS ours, head_of($1, $2) AS theirs) h`
	insertMerge = `
INSERT INTO dataset_versions (dataset_id, version, status, stored_bytes, wrapped_key, uploaded_by, branch, operation, key_columns, source_version, prefer, message, resolutions)
VALUES ($1, $2, 'processing', 0, $3, $4, $5, 'merge', $6, $7, nullif($8, ''), $9, $10)`
)

// MergeVersions are the versions that a merge joins.
type MergeVersions struct {
	Into   int `json:"into_version" doc:"The newest version of the branch that gets the changes"`
	Source int `json:"source_version" doc:"The newest version of the branch that is merged"`
	Common int `json:"common_version" doc:"The version since which they differ"`
}

// FindMerge finds the versions that a merge of one branch into another one joins.
func FindMerge(ctx context.Context, db database.Querier, id uuid.UUID, from, into string) (MergeVersions, error) {
	found, err := database.One[MergeVersions](ctx, db, dataset.ErrNotFound, selectMerge, id, from, into)
	switch {
	case err != nil:
		return found, err
	case found.Source == 0:
		return found, fault.New(fault.NotFound, "This data set has no branch %q with a ready version", from)
	case found.Into == 0:
		return found, fault.New(fault.NotFound, "This data set has no branch %q with a ready version", into)
	case found.Source == found.Common:
		return found, fault.New(fault.Conflict, "The branch %q has no changes that are not merged yet", from)
	}
	return found, nil
}

// Key is the data key of a version, and the same key wrapped.
type Key struct{ Plain, Wrapped []byte }

// NewKey makes a data key.
func NewKey(ctx context.Context, keys *secret.Keeper) (k Key, err error) {
	k.Plain, k.Wrapped, err = keys.NewKey(ctx)
	return k, err
}

const resolutionsContext = "dataset_versions.resolutions"

// seal seals the resolutions, which hold values of rows. It returns nil if there are none.
func (m Merging) seal(key Key) ([]byte, error) {
	if len(m.Resolutions) == 0 {
		return nil, nil
	}
	encoded, err := json.Marshal(m.Resolutions)
	if err != nil {
		return nil, fmt.Errorf("encode resolutions: %w", err)
	}
	return secret.Seal(key.Plain, resolutionsContext, string(encoded))
}

// choices returns what decides the conflicts of the merge.
func (w *preparation) choices() (c keyed.Choices, err error) {
	c.Prefer = w.Prefer
	if w.Resolutions == nil {
		return c, nil
	}
	encoded, err := secret.Unseal(w.key, resolutionsContext, w.Resolutions)
	if err == nil {
		err = json.Unmarshal([]byte(encoded), &c.Resolutions)
	}
	if err != nil {
		return c, fmt.Errorf("read resolutions of version %d: %w", w.Version, err)
	}
	return c, nil
}

// AddMerge adds a version to a branch that will have the changes of another one, and requests its
// processing. key is the version's own. The transaction holds the data set's row.
func AddMerge(ctx context.Context, tx *outbox.Tx, key Key, caller auth.Caller, id uuid.UUID, m Merging) (v, source int, err error) {
	found, err := FindMerge(ctx, tx, id, m.From, m.Into)
	if err != nil {
		return 0, 0, err
	}
	resolutions, err := m.seal(key)
	if err != nil {
		return 0, 0, err
	}
	if v, err = number(ctx, tx, id, m.Into, dataset.Processing, m.Approved); err != nil {
		return 0, 0, err
	}
	if _, err := tx.Exec(ctx, insertMerge, id, v, key.Wrapped, caller.UserID, m.Into, m.Key, found.Source, m.Prefer, m.Message, resolutions); err != nil {
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
