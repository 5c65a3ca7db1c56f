package session

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/store"
	"function/shared/outbox"
)

const (
	selectIndex     = `SELECT email_index FROM users WHERE id = $1`
	deleteOfAccount = `DELETE FROM login_failures WHERE account = $1`
)

func mailUnlock(ctx context.Context, s store.Store, tx *outbox.Tx, mailer notify.Mailer, user uuid.UUID) error {
	if !mailer.Sends() {
		return nil
	}
	token, address, err := notify.NewMailedToken(ctx, s, tx, notify.AccountUnlock, user, nil)
	if err != nil {
		return err
	}
	return mailer.Queue(ctx, tx, user, mailer.Unlock(address, token))
}

// Unlock clears a person's failed logins and subtracts them from the failures of the sources
// that they came from.
func Unlock(ctx context.Context, s store.Store, tx pgx.Tx, user uuid.UUID) error {
	_, err := unlock(ctx, s, tx, user)
	return err
}

// UnlockHere is [Unlock] for a person who has followed a mailed link. It also lets them log in
// from their current address, whatever fails there or elsewhere.
func UnlockHere(ctx context.Context, s store.Store, tx *outbox.Tx, user uuid.UUID) error {
	index, err := unlock(ctx, s, tx, user)
	if err != nil {
		return err
	}
	return RememberSource(ctx, s, tx, user, index)
}

func unlock(ctx context.Context, s store.Store, tx pgx.Tx, user uuid.UUID) (emailIndex []byte, err error) {
	if err := tx.QueryRow(ctx, selectIndex, user).Scan(&emailIndex); err != nil {
		return nil, fmt.Errorf("find account %s: %w", user, err)
	}
	if _, err := tx.Exec(ctx, deleteOfAccount, FailuresKey(s, emailIndex)); err != nil {
		return nil, fmt.Errorf("clear failures: %w", err)
	}
	return emailIndex, nil
}
