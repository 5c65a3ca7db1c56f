package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
)

const lockPerson = `SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE`

// LockPerson locks a person's account row until the transaction ends, which serializes the use
// of their mailed tokens.
func LockPerson(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	if _, err := tx.Exec(ctx, lockPerson, user); err != nil {
		return fmt.Errorf("lock account: %w", err)
	}
	return nil
}

const lockOrganization = `SELECT FROM organizations WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE`

// LockOrganization serializes changes to an organization's roles, teams and members. It
// refuses an organization that is being deleted.
func LockOrganization(ctx context.Context, tx pgx.Tx, organization uuid.UUID) error {
	err := tx.QueryRow(ctx, lockOrganization, organization).Scan()
	if database.IsNoRows(err) {
		return ErrNoOrganization
	}
	if err != nil {
		return fmt.Errorf("lock organization: %w", err)
	}
	return nil
}
