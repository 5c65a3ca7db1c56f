package version

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/archival"
	"function/functions/datasets/internal/dataset"
	"function/functions/datasets/internal/format"
	"function/functions/datasets/internal/profiling"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/outbox"
)

const (
	// The row lock orders everything that changes the history of a data set.
	nextVersion = `
UPDATE datasets SET newest_version = newest_version + 1, status = CASE $2 WHEN 'main' THEN $3 ELSE status END, ` + dataset.SetChangedAt + `
WHERE id = $1 AND deleted_at IS NULL
RETURNING newest_version, protected, EXISTS (SELECT FROM dataset_derivations WHERE dataset_id = id) AS derived, quality_of IS NOT NULL`
	selectBranch  = `SELECT EXISTS (SELECT FROM dataset_refs WHERE dataset_id = $1 AND name = $2 AND kind = 'branch')`
	insertVersion = `
INSERT INTO dataset_versions (dataset_id, version, status, format, header_absent, charset, compression, reading, size_bytes, stored_bytes, sha256, object_name, wrapped_key,
    uploaded_by, branch, operation, key_columns, message)
VALUES ($1, $2, 'processing', $3, $4, nullif($5, ''), nullif($6, ''), $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) RETURNING uploaded_at`
)

// ErrProtected is returned for a change of main that nobody has approved.
var ErrProtected = fault.New(fault.Conflict, "This data set is protected: change a branch, and propose it (POST /v1/datasets/{id}/proposals)")

// ErrDerived is returned for a change of a data set whose versions a query makes.
var ErrDerived = fault.New(fault.Conflict, "This data set is derived: a query makes its versions. End that first (DELETE /v1/datasets/{id}/derive), or change the query")

// errOfFailures is returned for a change of a data set of failing rows.
var errOfFailures = fault.New(fault.Conflict, "This data set holds the rows of another one that fail its contract, and only the platform adds versions to it: change the other data set")

// number returns the number of the next version that a person makes. It refuses to change a derived data set.
func number(ctx context.Context, tx *outbox.Tx, id uuid.UUID, branch, status string, approved bool) (int, error) {
	return next(ctx, tx, id, branch, status, approved, false)
}

// next returns the number of a branch's next version. It returns dataset.ErrNotFound if the data
// set was deleted. main of a protected data set takes only what another person has approved.
func next(ctx context.Context, tx *outbox.Tx, id uuid.UUID, branch, status string, approved, derive bool) (number int, err error) {
	var protected, derived, ofFailures bool
	err = tx.QueryRow(ctx, nextVersion, id, branch, status).Scan(&number, &protected, &derived, &ofFailures)
	if database.IsNoRows(err) {
		return 0, dataset.ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("number version: %w", err)
	}
	switch {
	case derived && !derive:
		return 0, ErrDerived
	case ofFailures && !approved:
		return 0, errOfFailures
	}
	if branch == Main && protected && !approved {
		return 0, ErrProtected
	}
	if branch == Main {
		return number, nil
	}
	var exists bool
	if err := tx.QueryRow(ctx, selectBranch, id, branch).Scan(&exists); err != nil {
		return 0, fmt.Errorf("look up branch: %w", err)
	}
	if !exists {
		return 0, noBranch(branch)
	}
	return number, nil
}

func noBranch(branch string) error {
	return fault.New(fault.NotFound, "This data set has no branch %q: create it first", branch)
}

const selectTarget = `
SELECT d.protected, $2 = 'main' OR EXISTS (SELECT FROM dataset_refs WHERE dataset_id = d.id AND name = $2 AND kind = 'branch') AS exists FROM datasets d WHERE d.id = $1`

// CheckBranch returns the error with which [Add] would refuse a version of a branch, so that a file is
// refused before it has arrived. Add checks again.
func CheckBranch(ctx context.Context, db database.Querier, id uuid.UUID, branch string) error {
	target, err := database.One[struct{ Protected, Exists bool }](ctx, db, dataset.ErrNotFound, selectTarget, id, branch)
	switch {
	case err != nil:
		return err
	case branch == Main && target.Protected:
		return ErrProtected
	case !target.Exists:
		return noBranch(branch)
	}
	return nil
}

// Add makes a received file the next version of a data set and requests its profiling. It returns
// dataset.ErrNotFound if the data set was deleted while the file arrived.
func Add(ctx context.Context, tx *outbox.Tx, sender uuid.UUID, id uuid.UUID, change Change, file format.File, c Content) (v int, at time.Time, err error) {
	if v, err = number(ctx, tx, id, change.Branch, dataset.Processing, false); err != nil {
		return 0, at, err
	}
	err = tx.QueryRow(ctx, insertVersion, id, v, file.Format, file.Reading.HeaderAbsent(), file.Reading.Encoding, file.Compression, file.Reading, c.Size,
		c.StoredBytes, c.SHA256, c.object(), c.Parts[0].WrappedKey, sender, change.Branch, change.Operation, change.Key, change.Message).Scan(&at)
	if err != nil {
		return 0, at, fmt.Errorf("insert version: %w", err)
	}
	if err := c.adopt(ctx, tx, id, v); err != nil {
		return 0, at, err
	}
	if err := archival.CheckInputs(ctx, tx, id, v); err != nil {
		return 0, at, err
	}
	if err := Start(ctx, tx, id, change.Branch); err != nil {
		return 0, at, err
	}
	state, err := dataset.State(ctx, tx, id)
	if err != nil {
		return 0, at, err
	}
	return v, at, tx.Publish(ctx, events.DatasetUploaded{Dataset: state})
}

// selectStartable lists the unfinished versions of a branch whose jobs can start: those that replace
// all rows, at once; those that change rows, once every version before them is finished.
const selectStartable = `
SELECT d.organization_id, v.version FROM datasets d JOIN dataset_versions v ON v.dataset_id = d.id
WHERE d.id = $1 AND v.branch = $2 AND v.status = 'processing' AND d.deleted_at IS NULL
  AND (v.operation = ANY ($3) OR NOT EXISTS (
      SELECT FROM dataset_versions earlier
      WHERE earlier.dataset_id = d.id AND earlier.branch = v.branch AND earlier.version < v.version AND earlier.status = 'processing'))
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.kind = '` + profiling.Kind + `' AND j.key = d.id || '/' || v.version AND j.finished_at IS NULL)
ORDER BY v.version`

// Start requests the jobs of a branch that can start. Every transaction that adds or finishes a
// version calls it, holding the data set's row.
func Start(ctx context.Context, tx *outbox.Tx, id uuid.UUID, branch string) error {
	rows, _ := tx.Query(ctx, selectStartable, id, branch, []string{Replace, Restore, Derive})
	startable, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		Organization uuid.UUID
		Version      int
	}])
	if err != nil {
		return fmt.Errorf("list versions that can be processed: %w", err)
	}
	for _, s := range startable {
		if err := profiling.Request(ctx, tx, s.Organization, id, s.Version); err != nil {
			return err
		}
	}
	return nil
}
