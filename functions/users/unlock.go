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

// unlockLife is how long the code of an unlock mail is good.
const unlockLife = 24 * time.Hour

const (
	insertUnlock    = `INSERT INTO mailed_tokens (hash, purpose, user_id, expires_at) VALUES ($1, 'unlock', $2, now() + $3::interval)`
	selectIndex     = `SELECT email_index FROM users WHERE id = $1`
	deleteOfAccount = `DELETE FROM login_failures WHERE account = $1`
)

func (s Store) mailUnlock(ctx context.Context, tx *outbox.Tx, user uuid.UUID) error {
	name, err := s.NameOf(ctx, tx, user)
	if err != nil {
		return err
	}
	token := NewToken()
	if _, err := tx.Exec(ctx, insertUnlock, TokenHash(token), user, unlockLife); err != nil {
		return fmt.Errorf("insert unlock token: %w", err)
	}
	return mail.Queue(ctx, tx, s.Keeper, mail.Message{To: name.Email, Subject: "Your account is protected from password guessing", Text: fmt.Sprintf(unlockText, name.FirstName, token)})
}

const unlockText = `Hello %s,

somebody has tried many passwords on your account. None was right, and for a while
logins from places that you have not used before have to wait. Where you have logged
in before you still can.

If you are waiting yourself, this code ends it within a day, once, at POST /v1/users/unlock:

    %s

If you are not, there is nothing to do. Nobody has got in.
`

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
