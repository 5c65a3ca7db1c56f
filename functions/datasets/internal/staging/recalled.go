package staging

import (
	"context"
	"fmt"

	"function/shared/outbox"
)

const (
	// The row lock waits for the sweep, if that is deleting the object.
	restage = `
INSERT INTO staged_objects (name, storage_type) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET created_at = now()`
	unstage = `DELETE FROM staged_objects WHERE name = ANY ($1)`
)

// Restage records that an object of a version is being written again, before its first byte. If the
// object is still there because the sweep has not reached it, the sweep leaves it for StaleAfter.
func (a Area) Restage(ctx context.Context, storageType, name string) error {
	if _, err := a.DB.Exec(ctx, restage, name, storageType); err != nil {
		return fmt.Errorf("stage object again: %w", err)
	}
	return nil
}

// Unstage belongs in the transaction after which the version needs its restaged objects. It fails if
// one was swept because writing them took longer than StaleAfter.
func Unstage(ctx context.Context, tx *outbox.Tx, names []string) error {
	deleted, err := tx.Exec(ctx, unstage, names)
	if err != nil {
		return fmt.Errorf("adopt objects again: %w", err)
	}
	if int(deleted.RowsAffected()) != len(names) {
		return fmt.Errorf("adopt objects again: %d of %d were swept", len(names)-int(deleted.RowsAffected()), len(names))
	}
	return nil
}
