package notify

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/store"
	"function/shared/outbox"
)

// welcomeLife is how long the link of a welcome is good.
const welcomeLife = 7 * 24 * time.Hour

// Welcome mails a person whose account somebody else has opened a link to choose a
// password: a token as for a forgotten one, which lives as long as an invitation.
func Welcome(ctx context.Context, s store.Store, tx *outbox.Tx, post Mailer, person uuid.UUID) error {
	if !post.Sends() {
		return nil
	}
	token, address, err := newMailedToken(ctx, s, tx, PasswordReset, person, nil, welcomeLife)
	if err != nil {
		return err
	}
	return post.Queue(ctx, tx, person, post.Welcome(address, token))
}
