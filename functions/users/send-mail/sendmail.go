// Package sendmail hands queued mail to the mail server. It runs when a mail was
// queued, and every minute for what the server did not take then.
package sendmail

import (
	"context"
	"fmt"
	"time"

	"function/functions/users/internal/store"

	"github.com/google/uuid"

	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/mail"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Service("users-send-mail", New,
	function.OnEvent((*Function).Send),
	function.OnSchedule(function.Schedule{Cron: "* * * * *"}, (*Function).Retry),
).
	Uses(function.Owns(database.Users), function.Keys, function.Mail)

// Function sends mail.
type Function struct {
	store.Store
	sender *mail.Sender // nil: no mail server is configured
}

// New opens the queue, and reads which server takes the mail.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil || env.Config.SMTPURL == "" {
		return &Function{Store: store}, err
	}
	sender, err := mail.NewSender(env.Config.SMTPURL, env.Config.MailFrom)
	return &Function{store, sender}, err
}

// Send sends one mail. It needs no outbox.Once: a mail that was sent is gone.
func (f *Function) Send(ctx context.Context, e events.Received[events.MailQueued]) error {
	if f.sender == nil {
		return fault.New(fault.Unavailable, "No mail server is configured (SMTP_URL)")
	}
	return f.sender.Deliver(ctx, f.DB.Pool, f.Keeper, e.Data.MailID)
}

// retryBound is how long one waking begins to send more: the next one goes on.
const retryBound = 45 * time.Second

// Retry sends the mail that is due.
func (f *Function) Retry(ctx context.Context) error {
	if f.sender == nil {
		return nil
	}
	for until := time.Now().Add(retryBound); time.Now().Before(until); {
		id, err := f.sender.DeliverDue(ctx, f.DB.Pool, f.Keeper)
		if refusal, ok := fault.As(err); ok && refusal.Kind == fault.Invalid {
			err = f.deadLetter(ctx, id)
		}
		if err != nil {
			return fmt.Errorf("send mail that waits: %w", err)
		}
		if id == uuid.Nil {
			return nil
		}
	}
	return nil
}

// deadLetter has a mail tried by an event once more: one that is refused for good ends
// there, where people look for what was not delivered.
func (f *Function) deadLetter(ctx context.Context, id uuid.UUID) error {
	return f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		return tx.Publish(ctx, events.MailQueued{MailID: id})
	})
}
