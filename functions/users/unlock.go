package users

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const deleteFailures = `DELETE FROM login_failures WHERE key = (SELECT email_index FROM users WHERE id = $1)`

// Unlock clears the failures of a person's account.
func (s Store) Unlock(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	if _, err := tx.Exec(ctx, deleteFailures, user); err != nil {
		return fmt.Errorf("clear failures: %w", err)
	}
	return nil
}
