// Package sendmail hands queued mail to the mail server. It runs when a mail was
// queued, and again while the server does not take it.
package sendmail

import (
	"context"

	"function/functions/users"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/mail"
)

// Function sends mail.
type Function struct {
	users.Store
	sender *mail.Sender // nil: no mail server is configured
}

// New opens the queue, and reads which server takes the mail.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	if err != nil || env.Config.SMTPURL == "" {
		return &Function{Store: store}, err
	}
	sender, err := mail.NewSender(env.Config.SMTPURL, env.Config.MailFrom)
	return &Function{store, sender}, err
}

// Handle sends one mail. It needs no outbox.Once: a mail that was sent is gone.
func (f *Function) Handle(ctx context.Context, e events.Received[events.MailQueued]) error {
	if f.sender == nil {
		return fault.New(fault.Unavailable, "No mail server is configured (SMTP_URL)")
	}
	return f.sender.Deliver(ctx, f.DB.Pool, f.Keeper, e.Data.MailID)
}
