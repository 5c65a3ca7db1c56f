package notify

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/store"
	"function/shared/outbox"
)

// welcomeLife is how long the link in a welcome mail is valid.
const welcomeLife = 7 * 24 * time.Hour

// Welcome mails a person whose account was created by somebody else a link to choose a
// password. The token is a password reset token that lives as long as an invitation.
func Welcome(ctx context.Context, s store.Store, tx *outbox.Tx, mailer Mailer, person uuid.UUID) error {
	if !mailer.Sends() {
		return nil
	}
	token, address, err := newMailedToken(ctx, s, tx, PasswordReset, person, nil, welcomeLife)
	if err != nil {
		return err
	}
	return mailer.Queue(ctx, tx, person, mailer.Welcome(address, token))
}
