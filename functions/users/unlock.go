package users

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/mail"
	"function/shared/outbox"
)

// unlockLife is how long the link of an unlock mail is good.
const unlockLife = 24 * time.Hour

const (
	insertUnlock    = `INSERT INTO mailed_tokens (hash, purpose, user_id, expires_at) VALUES ($1, 'unlock', $2, now() + $3::interval)`
	selectIndex     = `SELECT email_index FROM users WHERE id = $1`
	deleteOfAccount = `DELETE FROM login_failures WHERE account = $1`
)

func (s Store) mailUnlock(ctx context.Context, tx *outbox.Tx, post Post, user uuid.UUID) error {
	if !post.Sends() {
		return nil
	}
	token := NewToken()
	if _, err := tx.Exec(ctx, insertUnlock, TokenHash(token), user, unlockLife); err != nil {
		return fmt.Errorf("insert unlock token: %w", err)
	}
	return post.Tell(ctx, tx, user, func(to string) mail.Message { return post.Unlock(to, token) })
}

// Unlock clears the failures of a person's account and of its pairs with addresses.
func (s Store) Unlock(ctx context.Context, tx pgx.Tx, user uuid.UUID) error {
	var index []byte
	if err := tx.QueryRow(ctx, selectIndex, user).Scan(&index); err != nil {
		return fmt.Errorf("find account %s: %w", user, err)
	}
	if _, err := tx.Exec(ctx, deleteOfAccount, s.accountKey(index)); err != nil {
		return fmt.Errorf("clear failures: %w", err)
	}
	return nil
}
