package users

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/shared/mail"
	"function/shared/outbox"
)

// WelcomeLife is how long the link of a welcome is good.
const WelcomeLife = 7 * 24 * time.Hour

// Welcome mails a person whose account somebody else has opened a link to choose a
// password: a token as for a forgotten one, which lives as long as an invitation.
func (s Store) Welcome(ctx context.Context, tx *outbox.Tx, post Post, person uuid.UUID) error {
	if !post.Sends() {
		return nil
	}
	token := NewToken()
	if _, err := tx.Exec(ctx, insertMailedToken, TokenHash(token), PasswordReset, person, nil, WelcomeLife); err != nil {
		return fmt.Errorf("insert mailed token: %w", err)
	}
	return post.Tell(ctx, tx, person, func(to string) mail.Message { return post.Welcome(to, token) })
}
