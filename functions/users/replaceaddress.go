package users

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/shared/outbox"
	"function/shared/secret"
)

const replaceAddress = `
UPDATE users SET email = $2, email_index = $3, email_verified_at = CASE WHEN $4 THEN now() END WHERE id = $1`

// ReplaceAddress gives an account another address, which the person has shown to be theirs
// if it is verified, makes mailed tokens void, and tells the former address. One that has
// an account violates [EmailTaken].
func (s Store) ReplaceAddress(ctx context.Context, tx *outbox.Tx, post Post, person uuid.UUID, address string, verified bool) error {
	former, err := s.NameOf(ctx, tx, person)
	if err != nil {
		return err
	}
	key, err := s.KeyOf(ctx, tx, person)
	if err != nil {
		return err
	}
	sealed, err := secret.Seal(key, EmailField, address)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, replaceAddress, person, sealed, EmailIndex(s.Keeper, address), verified); err != nil {
		return fmt.Errorf("replace address: %w", err)
	}
	if err := CancelMailedTokens(ctx, tx, person); err != nil {
		return err
	}
	return post.Queue(ctx, tx, person, post.EmailChanged(former.Email))
}
