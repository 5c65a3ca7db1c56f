package version

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/archival"
	"function/shared/database"
	"function/shared/fault"
)

const selectVersionAt = `SELECT coalesce(published.version_at($1, $2), 0) AS version`

// Resolve returns the ready version that a reference names, to read its rows: a number, a tag, a branch,
// or a date or time. An archived version is refused. location is where the request has the reference, for the error.
func Resolve(ctx context.Context, db database.Querier, dataset uuid.UUID, ref, location string) (int, error) {
	found, err := database.One[struct{ Version int }](ctx, db, ErrNotFound, selectVersionAt, dataset, ref)
	if err != nil {
		return 0, fmt.Errorf("resolve version: %w", err)
	}
	if found.Version == 0 {
		if err := refuseBlocked(ctx, db, dataset, ref); err != nil {
			return 0, err
		}
		return 0, fault.At(location, "this data set has no ready version %s: name a version by its number, a tag, a branch or a time", fault.Excerpt(ref))
	}
	return found.Version, archival.Check(ctx, db, dataset, found.Version)
}

const selectBlocked = `
SELECT version, coalesce(failure, '') AS failure FROM dataset_versions
WHERE dataset_id = $1 AND version = CASE WHEN $2 ~ '^[0-9]{1,9}$' THEN $2::int END AND status = 'blocked'`

// refuseBlocked returns the refusal of a version that its number names and its contract blocks.
func refuseBlocked(ctx context.Context, db database.Querier, dataset uuid.UUID, ref string) error {
	found, err := database.One[struct {
		Version int
		Failure string
	}](ctx, db, pgx.ErrNoRows, selectBlocked, dataset, ref)
	if database.IsNoRows(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for blocked version: %w", err)
	}
	return Blocked(found.Version, found.Failure)
}

// Blocked refuses to read a version that its contract blocks.
func Blocked(version int, reason string) error {
	return fault.New(fault.Conflict, "Version %d is blocked by the contract of the data set. %s", version, reason)
}
