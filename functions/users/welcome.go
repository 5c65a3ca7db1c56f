package users

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/shared/outbox"
)

// welcomeLife is how long the link of a welcome is good.
const welcomeLife = 7 * 24 * time.Hour

// Welcome mails a person whose account somebody else has opened a link to choose a
// password: a token as for a forgotten one, which lives as long as an invitation.
func (s Store) Welcome(ctx context.Context, tx *outbox.Tx, post Post, person uuid.UUID) error {
	if !post.Sends() {
		return nil
	}
	token, address, err := s.newMailedToken(ctx, tx, PasswordReset, person, nil, welcomeLife)
	if err != nil {
		return err
	}
	return post.Queue(ctx, tx, person, post.Welcome(address, token))
}
