// Package mail sends mail to people: a message is queued in the transaction of its
// cause, sealed, because it holds an address and often a token, and an event that
// tells only its identifier wakes the function that sends it. What the mail server does not
// take then is tried again by a schedule.
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

// About is whom a mail is about: erasing them takes it back while it waits.
type About struct {
	PersonID     uuid.UUID // uuid.Nil: nobody who has an account
	AddressIndex []byte    // a blind index of the address that it goes to
}

const insert = `
INSERT INTO mails (id, wrapped_key, message, person_id, address_index)
VALUES ($1, $2, $3, nullif($4, '00000000-0000-0000-0000-000000000000'::uuid), $5)`

// field is what a sealed message is bound to.
const field = "mails.message"

// Queue has a message sent once the transaction has committed: at least once, for
// SMTP knows no better.
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
