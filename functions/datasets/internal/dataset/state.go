package dataset

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/access"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
)

// Newest selects the newest version of main of data set d, whose state is the data set's state.
const Newest = `SELECT * FROM dataset_versions WHERE dataset_id = d.id AND branch = 'main' ORDER BY version DESC LIMIT 1`

// NewestNumber selects its number.
const NewestNumber = `SELECT max(version) FROM dataset_versions WHERE dataset_id = d.id AND branch = 'main'`

const selectState = `
SELECT d.id AS dataset_id, d.organization_id, d.kind, d.name, d.storage_type,
       CASE WHEN d.deleted_at IS NULL THEN d.status ELSE 'deleted' END AS status,
       coalesce(newest.version, 0) AS version, coalesce(ready.row_count, 0) AS rows, coalesce(newest.size_bytes, 0) AS bytes,
       d.created_at, d.changed_at,
       coalesce((SELECT source.restricted FROM datasets source WHERE source.id = d.quality_of), d.restricted) AS restricted
FROM datasets d
LEFT JOIN dataset_versions ready ON ready.dataset_id = d.id AND ready.version = d.ready_version
LEFT JOIN LATERAL (` + Newest + `) newest ON true
WHERE d.id = ANY ($1)`

// State returns a data set as its events carry it. A transaction that changes a data set calls
// State after its last change, and advances changed_at with SetChangedAt, so that subscribers can
// order the events.
func State(ctx context.Context, tx pgx.Tx, dataset uuid.UUID) (events.Dataset, error) {
	state, err := database.One[events.Dataset](ctx, tx, pgx.ErrNoRows, selectState, []uuid.UUID{dataset})
	if err != nil {
		return state, fmt.Errorf("read state of data set %s: %w", dataset, err)
	}
	return state, nil
}

// SetChangedAt is the assignment that every UPDATE of a data set must contain. The start time of the
// transaction would not do, because a long transaction may commit after one that started later.
const SetChangedAt = `changed_at = greatest(clock_timestamp(), changed_at + interval '1 microsecond')`

const lockDataset = `
SELECT kind, held_at IS NOT NULL OR EXISTS (SELECT FROM datasets f WHERE f.quality_of = d.id AND f.held_at IS NOT NULL AND f.deleted_at IS NULL) AS held
FROM datasets d WHERE id = $1 AND may_change(d, $2) AND deleted_at IS NULL FOR NO KEY UPDATE`

type locked struct {
	Kind string
	Held bool
}

func lock(ctx context.Context, tx pgx.Tx, id uuid.UUID, r access.Reader) (locked, error) {
	return database.One[locked](ctx, tx, ErrNotFound, lockDataset, id, r)
}

var errHeld = fault.New(fault.Conflict, "This data set is under legal hold, so nothing of it can be removed: end the hold first (DELETE /v1/datasets/{id}/hold)")

// Lock locks a table until the transaction ends: whatever changes its history does so in turn. It
// returns ErrNotFound unless the reader may change the data set, and a conflict if it is not a table.
func Lock(ctx context.Context, tx pgx.Tx, id uuid.UUID, r access.Reader) error {
	d, err := lock(ctx, tx, id, r)
	if err != nil {
		return err
	}
	return CheckKind(d.Kind, Table)
}

// LockToRemove locks a table as Lock does, and returns a conflict if it is under legal hold. Call it
// before anything of the table is removed.
func LockToRemove(ctx context.Context, tx pgx.Tx, id uuid.UUID, r access.Reader) error {
	d, err := lock(ctx, tx, id, r)
	switch {
	case err != nil:
		return err
	case d.Kind != Table:
		return CheckKind(d.Kind, Table)
	case d.Held:
		return errHeld
	}
	return nil
}

// LockToDelete locks a data set of any kind, and returns a conflict if it is under legal hold.
func LockToDelete(ctx context.Context, tx pgx.Tx, id uuid.UUID, r access.Reader) error {
	d, err := lock(ctx, tx, id, r)
	if err == nil && d.Held {
		return errHeld
	}
	return err
}

// LockAny locks a data set of any kind, for a change of what is said about it.
func LockAny(ctx context.Context, tx pgx.Tx, id uuid.UUID, r access.Reader) error {
	_, err := lock(ctx, tx, id, r)
	return err
}
