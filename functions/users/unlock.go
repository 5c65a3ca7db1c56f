package users

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/outbox"
)

const (
	selectIndex     = `SELECT email_index FROM users WHERE id = $1`
	deleteOfAccount = `DELETE FROM login_failures WHERE account = $1`
)

func (s Store) mailUnlock(ctx context.Context, tx *outbox.Tx, post Post, user uuid.UUID) error {
	if !post.Sends() {
		return nil
	}
	token, address, err := s.NewMailedToken(ctx, tx, AccountUnlock, user, nil)
	if err != nil {
		return err
	}
	return post.Queue(ctx, tx, user, post.Unlock(address, token))
}

// Unlock clears the failures of a person's account and of its pairs with sources, and
// so what these have added to the failures of the sources.
func (s Store) Unlock(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	_, err := s.unlock(ctx, tx, user)
	return err
}

// UnlockHere is Unlock by the person, who has shown to read their mail: where they are
// they can log in from now on, whoever guesses elsewhere, or has failed from there.
func (s Store) UnlockHere(ctx context.Context, tx *outbox.Tx, user uuid.UUID) error {
	index, err := s.unlock(ctx, tx, user)
	if err != nil {
		return err
	}
	return s.RememberSource(ctx, tx, user, index)
}

func (s Store) unlock(ctx context.Context, tx pgx.Tx, user uuid.UUID) (emailIndex []byte, err error) {
	if err := tx.QueryRow(ctx, selectIndex, user).Scan(&emailIndex); err != nil {
		return nil, fmt.Errorf("find account %s: %w", user, err)
	}
	if _, err := tx.Exec(ctx, deleteOfAccount, s.FailuresKey(emailIndex)); err != nil {
		return nil, fmt.Errorf("clear failures: %w", err)
	}
	return emailIndex, nil
}
