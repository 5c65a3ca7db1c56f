package sendmail_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/uuid"

	sendmail "function/functions/users/send-mail"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/mail"
	"function/shared/outbox"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const name = "users-send-mail"

var declaration = function.Subscriber(name, sendmail.New)

// queued queues a mail and returns the event that tells of it.
func queued(t *testing.T, p *platformtest.Platform, n int) events.Received[events.MailQueued] {
	t.Helper()
	ctx := context.Background()
	db, err := p.Env.Database(ctx, database.Users)
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := p.Env.Keeper(ctx)
	if err != nil {
		t.Fatal(err)
	}
	db = outbox.New(db.Pool, "test", p.Env.Sender())
	err = db.Transact(ctx, func(tx *outbox.Tx) error {
		return mail.Queue(ctx, tx, keeper, mail.Message{To: "ada@example.com", Subject: "Hello", Text: "x"})
	})
	if err != nil {
		t.Fatal(err)
	}
	return platformtest.Published[events.MailQueued](p, n)[n-1]
}

func waiting(t *testing.T, p *platformtest.Platform) (n int) {
	t.Helper()
	if err := p.DB(database.Users).QueryRow(context.Background(), `SELECT count(*) FROM mails`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMailIsSentOnceHoweverOftenItsEventComes(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	event := queued(t, p, 1)
	statuses := make(chan int, 4)
	for range 4 {
		go func() { statuses <- platformtest.Deliver(p, name, event).Status }()
	}
	for range 4 {
		if status := <-statuses; status != http.StatusNoContent {
			t.Errorf("status %d", status)
		}
	}
	if arrived := p.Mailbox.Mails(); len(arrived) != 1 || arrived[0].To != "ada@example.com" || waiting(t, p) != 0 {
		t.Errorf("%d mails arrived, %d wait; want 1 and none", len(arrived), waiting(t, p))
	}
	platformtest.Deliver(p, name, platformtest.Event(events.MailQueued{MailID: uuid.New()})).Want(t, http.StatusNoContent)
}

func TestRefusedMail(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	event := queued(t, p, 1)
	p.Mailbox.Refuse(451)
	platformtest.Deliver(p, name, event).Want(t, http.StatusServiceUnavailable)
	p.Mailbox.Refuse(550)
	platformtest.Deliver(p, name, event).Want(t, http.StatusUnprocessableEntity)
	if waiting(t, p) != 1 {
		t.Error("a mail that was not sent is gone")
	}
	p.Mailbox.Refuse(0)
	platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)
	if len(p.Mailbox.Mails()) != 1 {
		t.Error("the mail did not arrive when its dead letter was delivered again")
	}
}

func TestMailOfLastWeekIsNotSent(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	event := queued(t, p, 1)
	if _, err := p.DB(database.Users).Exec(context.Background(), `UPDATE mails SET created_at = now() - interval '7 days 1 minute'`); err != nil {
		t.Fatal(err)
	}
	platformtest.Deliver(p, name, event).Want(t, http.StatusUnprocessableEntity)
	if len(p.Mailbox.Mails()) != 0 {
		t.Error("an old mail was sent")
	}
}

func TestWithoutAMailServerMailWaits(t *testing.T) {
	t.Parallel()
	p := platformtest.NewWith(t, func(c *function.Config) { c.SMTPURL = "" }, declaration)
	platformtest.Deliver(p, name, queued(t, p, 1)).Want(t, http.StatusServiceUnavailable)
	if waiting(t, p) != 1 {
		t.Error("the mail is gone")
	}
}
