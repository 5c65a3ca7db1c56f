// Package sendmail hands queued mail to the mail server. It runs when a mail is queued, and
// every minute for mail that the server has not accepted yet.
package sendmail

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/store"
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
	store  store.Store
	sender *mail.Sender // nil: no mail server is configured
}

// New opens the store and configures the mail server.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil || env.Config.SMTPURL == "" {
		return &Function{store: store}, err
	}
	sender, err := mail.NewSender(env.Config.SMTPURL, env.Config.MailFrom)
	return &Function{store, sender}, err
}

// Send sends one mail. It does not need outbox.Once, because a mail is deleted once it is sent.
func (f *Function) Send(ctx context.Context, e events.Received[events.MailQueued]) error {
	if f.sender == nil {
		return fault.New(fault.Unavailable, "No mail server is configured (SMTP_URL)")
	}
	return f.sender.Deliver(ctx, f.store.DB.Pool, f.store.Keeper, e.Data.MailID)
}

// retryBound limits the time in which one run starts to send further mail. The next run
// continues.
const retryBound = 45 * time.Second

// Retry sends the mail that is due.
func (f *Function) Retry(ctx context.Context) error {
	if f.sender == nil {
		return nil
	}
	for until := time.Now().Add(retryBound); time.Now().Before(until); {
		id, err := f.sender.DeliverDue(ctx, f.store.DB.Pool, f.store.Keeper)
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

// deadLetter queues the event for a mail once more. If the server rejects the mail permanently,
// the event becomes a dead letter, where operators look for undelivered events.
func (f *Function) deadLetter(ctx context.Context, id uuid.UUID) error {
	return f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		return tx.Publish(ctx, events.MailQueued{MailID: id})
	})
}
