package icebergtable

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
)

// snapshotIDs are the identifiers of the snapshots that clients have committed, by version. Other snapshots have the numbers of
// their versions.
type snapshotIDs map[int]int64

const selectSnapshotIDs = `SELECT version, snapshot_id FROM iceberg_snapshots WHERE dataset_id = $1`

func (t *Tables) snapshotIDs(ctx context.Context, id uuid.UUID) (snapshotIDs, error) {
	rows, _ := t.db.Query(ctx, selectSnapshotIDs, id)
	ids := snapshotIDs{}
	var version int
	var snapshot int64
	_, err := pgx.ForEachRow(rows, []any{&version, &snapshot}, func() error {
		ids[version] = snapshot
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	return ids, nil
}

func (ids snapshotIDs) of(version int) int64 {
	if id, ok := ids[version]; ok {
		return id
	}
	return int64(version)
}

// minSnapshotID is greater than the number of any version. Clients choose random numbers of 63 bits.
const minSnapshotID = 1_000_000_000

var errNoSnapshot = fault.New(fault.NotFound, "The table has no snapshot with this identifier")

const selectVersionOf = `SELECT version FROM iceberg_snapshots WHERE dataset_id = $1 AND snapshot_id = $2`

// Committed returns the version that a client has committed as a snapshot, or 0.
func (t *Tables) Committed(ctx context.Context, db database.Querier, id uuid.UUID, snapshot int64) (int, error) {
	found, err := database.One[struct{ Version int }](ctx, db, errNoSnapshot, selectVersionOf, id, snapshot)
	if errors.Is(err, errNoSnapshot) {
		return 0, nil
	}
	return found.Version, err
}

// VersionOf returns the version that is a snapshot, or 0 for an identifier that no version can have.
func (t *Tables) VersionOf(ctx context.Context, id uuid.UUID, snapshot int64) (int, error) {
	if snapshot > 0 && snapshot < minSnapshotID {
		return int(snapshot), nil
	}
	return t.Committed(ctx, t.db, id, snapshot)
}

// CheckSnapshotID refuses an identifier for a new snapshot that a version could have as its number.
func CheckSnapshotID(id int64) error {
	if id < minSnapshotID {
		return fault.New(fault.Malformed, "Snapshots below %d are versions of the platform: choose a random snapshot-id of 63 bits", minSnapshotID)
	}
	return nil
}

const (
	selectHead = `
SELECT coalesce(max(version), 0) AS version FROM dataset_versions
WHERE dataset_id = $1 AND branch = 'main' AND status IN ('ready', 'processing') AND version <> $2`
	insertSnapshot = `INSERT INTO iceberg_snapshots (dataset_id, version, snapshot_id) VALUES ($1, $2, $3)`
)

// Newer is the error of a commit whose base is not the newest version.
type Newer struct{ Version int }

func (e *Newer) Error() string {
	return fmt.Sprintf("version %d is newer than the base of the commit", e.Version)
}

// Record gives a new version its snapshot identifier, in the transaction that adds the version and holds the data set's row.
// It refuses with [Newer] if another version than the base is the newest one of main, whether it is ready or not.
func (t *Tables) Record(ctx context.Context, tx *outbox.Tx, id uuid.UUID, base, version int, snapshot int64) error {
	head, err := database.One[struct{ Version int }](ctx, tx, errNoSnapshot, selectHead, id, version)
	if err != nil {
		return fmt.Errorf("look up newest version: %w", err)
	}
	if head.Version != base {
		return &Newer{head.Version}
	}
	if _, err := tx.Exec(ctx, insertSnapshot, id, version, snapshot); err != nil {
		return fmt.Errorf("insert snapshot: %w", err)
	}
	return nil
}
