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

// SelectNamed selects the number of the version that reference $3 to a version of data set d names.
const SelectNamed = `(SELECT number FROM published.version_named(d.id, $3))`

const selectNamed = `SELECT coalesce(number, 0) AS number, coalesce(expired, false) AS expired FROM published.version_named($1, $2)`

// Resolve returns the ready version that a reference names, to read its rows: a number, a tag, a branch,
// or a date or time. An expired or archived version is refused. location is where the request has the reference, for the error.
func Resolve(ctx context.Context, db database.Querier, dataset uuid.UUID, ref, location string) (int, error) {
	number, err := At(ctx, db, dataset, ref, location)
	if err != nil {
		return 0, err
	}
	return number, archival.Check(ctx, db, dataset, number)
}

// At is [Resolve] for what does not read rows: the version may be archived.
func At(ctx context.Context, db database.Querier, dataset uuid.UUID, ref, location string) (int, error) {
	number, err := named(ctx, db, dataset, ref, location)
	if err == nil && number == 0 {
		err = refuseBlocked(ctx, db, dataset, ref)
	}
	if err == nil && number == 0 {
		err = fault.At(location, "this data set has no ready version %s: name a version by its number, a tag, a branch or a time", fault.Excerpt(ref))
	}
	return number, err
}

// CheckExpired returns an error if a reference names a version that has expired.
func CheckExpired(ctx context.Context, db database.Querier, dataset uuid.UUID, ref, location string) error {
	_, err := named(ctx, db, dataset, ref, location)
	return err
}

func named(ctx context.Context, db database.Querier, dataset uuid.UUID, ref, location string) (int, error) {
	found, err := database.One[struct {
		Number  int
		Expired bool
	}](ctx, db, ErrNotFound, selectNamed, dataset, ref)
	if err != nil {
		return 0, fmt.Errorf("resolve version: %w", err)
	}
	if found.Expired {
		return 0, fault.At(location, "%s is version %d, which has expired: its rows and its file are no longer kept, so name another version", fault.Excerpt(ref), found.Number)
	}
	return found.Number, nil
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
