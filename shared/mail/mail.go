// Package mail sends mail to people. A message is queued in the transaction of its cause, sealed
// because it contains an address and often a token. An event that carries only its identifier
// starts the function that sends it. A schedule retries what the mail server rejects temporarily.
package mail

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"function/shared/events"
	"function/shared/outbox"
	"function/shared/secret"
	"function/shared/uuid7"
)

// Message is one mail in plain text.
type Message struct {
	To      string `json:"to"` // one address
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// About is the person whom a mail concerns. Erasing the person deletes mail that still waits.
type About struct {
	PersonID     uuid.UUID // uuid.Nil: somebody without an account
	AddressIndex []byte    // a blind index of the recipient's address
}

const insert = `
INSERT INTO mails (id, wrapped_key, message, person_id, address_index)
VALUES ($1, $2, $3, nullif($4, '00000000-0000-0000-0000-000000000000'::uuid), $5)`

// field is the context that a message is sealed with.
const field = "mails.message"

// Queue queues a message to be sent after the transaction commits. SMTP can only guarantee
// at-least-once delivery.
func Queue(ctx context.Context, tx *outbox.Tx, keeper *secret.Keeper, about About, m Message) error {
	plain, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode mail: %w", err)
	}
	key, wrapped, err := keeper.NewKey(ctx)
	if err != nil {
		return err
	}
	sealed, err := secret.Seal(key, field, string(plain))
	if err != nil {
		return err
	}
	id := uuid7.New()
	if err := tx.Write(ctx, insert, id, wrapped, sealed, about.PersonID, about.AddressIndex); err != nil {
		return fmt.Errorf("queue mail: %w", err)
	}
	return tx.Publish(ctx, events.MailQueued{MailID: id})
}
