package platformtest

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/mail"
	"function/shared/mailbox"
)

const selectQueued = `SELECT id FROM mails ORDER BY id`

// Mail sends the queued mail by SMTP, as users-send-mail does, and returns all mail that has
// arrived, oldest first. The test fails if there are fewer than n.
func (p *Platform) Mail(n int) []mailbox.Mail {
	p.t.Helper()
	p.sendMail()
	arrived := p.Mailbox.Mails()
	slices.Reverse(arrived)
	if len(arrived) < n {
		p.t.Fatalf("%d mails have arrived, want %d", len(arrived), n)
	}
	return arrived
}

// MailTo sends the queued mail and returns the newest mail to an address. The test fails if there
// is none.
func (p *Platform) MailTo(address string) mailbox.Mail {
	p.t.Helper()
	p.sendMail()
	mails := p.Mailbox.Mails()
	i := slices.IndexFunc(mails, func(m mailbox.Mail) bool { return strings.EqualFold(m.To, address) })
	if i < 0 {
		p.t.Fatalf("none of %d mails is to %s", len(mails), address)
	}
	return mails[i]
}

// Token returns the token in a mail's link.
func (p *Platform) Token(m mailbox.Mail) string {
	p.t.Helper()
	for _, link := range m.Links() {
		if _, token, ok := strings.Cut(link, "#token="); ok {
			return token
		}
	}
	p.t.Fatalf("there is no token in the mail %q", m.Subject)
	return ""
}

func (p *Platform) sendMail() {
	p.t.Helper()
	ctx := context.Background()
	sender, err := mail.NewSender(p.Mailbox.URL(), p.Env.Config.MailFrom)
	if err != nil {
		p.t.Fatal(err)
	}
	keeper, err := p.Env.Keeper(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	db := p.DB(database.Users)
	rows, _ := db.Query(ctx, selectQueued)
	queued, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		p.t.Fatal(err)
	}
	for _, id := range queued {
		if err := sender.Deliver(ctx, db, keeper, id); err != nil {
			p.t.Fatal(err)
		}
	}
}
