package lifecycle

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/outbox"
	"function/shared/secret"
)

const replaceAddress = `
UPDATE users SET email = $2, email_index = $3, email_verified_at = CASE WHEN $4 THEN now() END WHERE id = $1`

// ReplaceAddress changes an account's address, voids mailed tokens, and notifies the former
// address. The person must already have proved that a verified address is theirs. An address
// that already has an account violates [person.EmailTaken].
func ReplaceAddress(ctx context.Context, s store.Store, tx *outbox.Tx, mailer notify.Mailer, personID uuid.UUID, address string, verified bool) error {
	former, err := person.NameOf(ctx, s, tx, personID)
	if err != nil {
		return err
	}
	key, err := person.KeyOf(ctx, s, tx, personID)
	if err != nil {
		return err
	}
	sealed, err := secret.Seal(key, person.EmailField, address)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, replaceAddress, personID, sealed, person.EmailIndex(s.Keeper, address), verified); err != nil {
		return fmt.Errorf("replace address: %w", err)
	}
	if err := notify.CancelMailedTokens(ctx, tx, personID); err != nil {
		return err
	}
	return mailer.Queue(ctx, tx, personID, mailer.EmailChanged(former.Email))
}
