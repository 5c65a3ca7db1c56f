package users

import (
	"context"

	"github.com/google/uuid"

	"function/shared/mail"
	"function/shared/outbox"
)

// Alert mails a person what happened to their account, in the transaction of it: so
// that they notice what somebody else did (OWASP ASVS 5.0 §6.3.7).
func (s Store) Alert(ctx context.Context, tx *outbox.Tx, person uuid.UUID, subject, text string) error {
	name, err := s.NameOf(ctx, tx, person)
	if err != nil {
		return err
	}
	return mail.Queue(ctx, tx, s.Keeper, mail.Message{
		To: name.Email, Subject: subject,
		Text: "Hello " + name.FirstName + ",\n\n" + text + "\n",
	})
}
