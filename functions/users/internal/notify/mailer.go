package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/mail"
	"function/shared/outbox"
)

// Mailer writes and queues all mail of the domain: each kind of mail is one of its methods.
// A mail says what happened, what to do, and what to do if it was not the recipient.
//
// Mails contain no text that somebody other than the recipient may have typed, not even a
// name, so that nobody can use us to mail their words to a stranger. The one exception is
// the reason in [Mailer.Impersonated].
//
// If no mail server is configured, notifications are dropped instead of queued, and
// operations that cannot work without mail are refused ([Mailer.Require]).
type Mailer struct {
	store store.Store
	pages string // PUBLIC_URL; empty: this deployment sends no mail
}

// NewMailer returns a Mailer, which only sends if a mail server is configured.
func NewMailer(s store.Store, env *function.Env) (Mailer, error) {
	p := Mailer{store: s}
	if !env.Config.SendsMail {
		return p, nil
	}
	u, err := PublicURL(env.Config)
	if err != nil {
		return p, fmt.Errorf("mail is configured (MAIL): %w", err)
	}
	p.pages = strings.TrimSuffix(u.String(), "/")
	return p, nil
}

// PublicURL returns the base URL of the pages that people see. The name in knative/base is a
// placeholder and counts as not configured (RFC 6761 §6.4).
func PublicURL(c function.Config) (*url.URL, error) {
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.HasSuffix(u.Hostname(), ".invalid") {
		return nil, errors.New("PUBLIC_URL must be the https:// URL of the pages that people see: mails link to it, and passkeys are bound to its host")
	}
	return u, nil
}

// Sends reports whether this deployment sends mail.
func (p Mailer) Sends() bool { return p.pages != "" }

// Require returns an error if this deployment sends no mail.
func (p Mailer) Require() error {
	if p.Sends() {
		return nil
	}
	return fault.New(fault.Unavailable, "This requires mail, which is not configured on this platform: ask an administrator")
}

// Queue sends a mail about a person once the transaction has committed, if mail is
// configured. personID is uuid.Nil for an address without an account. Erasing the person
// removes their queued mail, so the mail about the erasure is queued afterwards.
func (p Mailer) Queue(ctx context.Context, tx *outbox.Tx, personID uuid.UUID, m mail.Message) error {
	if !p.Sends() {
		return nil
	}
	return mail.Queue(ctx, tx, p.store.Keeper, mail.About{PersonID: personID, AddressIndex: person.EmailIndex(p.store.Keeper, m.To)}, m)
}

// Notify queues a mail to a person's current address, so that they notice changes that
// somebody else made to their account (OWASP ASVS 5.0 §6.3.7).
func (p Mailer) Notify(ctx context.Context, tx *outbox.Tx, personID uuid.UUID, write func(to string) mail.Message) error {
	if !p.Sends() {
		return nil
	}
	name, err := person.NameOf(ctx, p.store, tx, personID)
	if err != nil {
		return err
	}
	return p.Queue(ctx, tx, personID, write(name.Email))
}

// link returns the URL of a page with a token. The token is in the fragment, which browsers
// do not send to servers, so it appears in no log and no Referer.
func (p Mailer) link(page, token string) string { return p.pages + page + "#token=" + token }

func message(to, subject, format string, arguments ...any) mail.Message {
	return mail.Message{To: to, Subject: subject, Text: fmt.Sprintf("Hello,\n\n"+format+"\n\n-- \n002AIC data services\n", arguments...)}
}
