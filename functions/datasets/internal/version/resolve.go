package version

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/datasets/internal/archival"
	"function/shared/database"
	"function/shared/fault"
)

const selectVersionAt = `SELECT coalesce(published.version_at($1, $2), 0) AS version`

// Resolve returns the ready version that a reference names, to read its rows: a number, a tag, a branch,
// or a date or time. An archived version is refused. location is where the request has the reference, for the error.
func Resolve(ctx context.Context, db database.Querier, dataset uuid.UUID, ref, location string) (int, error) {
	number, err := At(ctx, db, dataset, ref, location)
	if err != nil {
		return 0, err
	}
	return number, archival.Check(ctx, db, dataset, number)
}

// At is [Resolve] for what does not read rows: the version may be archived.
func At(ctx context.Context, db database.Querier, dataset uuid.UUID, ref, location string) (int, error) {
	found, err := database.One[struct{ Version int }](ctx, db, ErrNotFound, selectVersionAt, dataset, ref)
	if err != nil {
		return 0, fmt.Errorf("resolve version: %w", err)
	}
	if found.Version == 0 {
		return 0, fault.At(location, "this data set has no ready version %s: name a version by its number, a tag, a branch or a time", fault.Excerpt(ref))
	}
	return found.Version, nil
}
