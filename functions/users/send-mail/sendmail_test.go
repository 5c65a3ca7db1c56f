package sendmail_test

import (
	"context"
	"net/http"
	"strconv"
	"sync"
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

var declaration = sendmail.Service

// queued queues a mail and returns its event.
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
		return mail.Queue(ctx, tx, keeper, mail.About{}, mail.Message{To: "ada@example.com", Subject: "Hello", Text: "x"})
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

func TestSendMail_EventRepeated_SendsOnce(t *testing.T) {
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

// pass makes the waiting mail older.
func pass(t *testing.T, p *platformtest.Platform, interval string) {
	t.Helper()
	_, err := p.DB(database.Users).Exec(context.Background(),
		`UPDATE mails SET created_at = created_at - $1::interval, next_attempt_at = next_attempt_at - $1::interval`, interval)
	if err != nil {
		t.Fatal(err)
	}
}

// tried returns how often the mail was tried and in how many minutes it is tried again.
func tried(t *testing.T, p *platformtest.Platform) (attempts, minutes int) {
	t.Helper()
	err := p.DB(database.Users).QueryRow(context.Background(),
		`SELECT attempts, round(extract(epoch FROM next_attempt_at - now()) / 60) FROM mails`).Scan(&attempts, &minutes)
	if err != nil {
		t.Fatal(err)
	}
	return attempts, minutes
}

func TestSendMail_ServerUnavailable_Retries(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	event := queued(t, p, 1)
	p.Mailbox.Refuse(451)
	platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)
	for i, pause := range []int{1, 2, 4, 8, 16, 32, 60, 60} {
		p.Wake(name).Want(t, http.StatusNoContent) // not due yet
		if attempts, minutes := tried(t, p); attempts != i+1 || minutes != pause {
			t.Errorf("%d attempts, and the next in %d minutes; want %d, and %d", attempts, minutes, i+1, pause)
		}
		pass(t, p, strconv.Itoa(pause)+" minutes")
		p.Wake(name).Want(t, http.StatusNoContent)
	}
	pass(t, p, "6 days")
	p.Mailbox.Refuse(0)
	p.Wake(name).Want(t, http.StatusNoContent)
	p.Wake(name).Want(t, http.StatusNoContent)
	if len(p.Mailbox.Mails()) != 1 || waiting(t, p) != 0 {
		t.Errorf("%d mails arrived, %d wait; want 1 and none", len(p.Mailbox.Mails()), waiting(t, p))
	}
}

func TestSendMail_EventLost_IsSentByRetry(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	for n := range 3 {
		queued(t, p, n+1)
	}
	var wakings sync.WaitGroup
	for range 4 {
		wakings.Go(func() { p.Wake(name).Want(t, http.StatusNoContent) })
	}
	wakings.Wait()
	if len(p.Mailbox.Mails()) != 3 || waiting(t, p) != 0 {
		t.Errorf("%d mails arrived, %d wait; want each once, and none", len(p.Mailbox.Mails()), waiting(t, p))
	}
}

func TestSendMail_PermanentRefusal_IsADeadLetter(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	event := queued(t, p, 1)
	p.Mailbox.Refuse(451)
	platformtest.Deliver(p, name, event).Want(t, http.StatusNoContent)
	pass(t, p, "1 minute")
	p.Mailbox.Refuse(550)
	p.Wake(name).Want(t, http.StatusNoContent)

	again := platformtest.Published[events.MailQueued](p, 2)[1]
	if again.Data.MailID != event.Data.MailID {
		t.Fatalf("an event about %s, want about %s", again.Data.MailID, event.Data.MailID)
	}
	platformtest.Deliver(p, name, again).Want(t, http.StatusUnprocessableEntity)
	pass(t, p, "1 day")
	p.Wake(name).Want(t, http.StatusNoContent)
	if told := len(platformtest.Published[events.MailQueued](p, 2)); told != 2 || waiting(t, p) != 1 {
		t.Errorf("%d events and %d mails; want no more events of a mail that is a dead letter, and the mail", told, waiting(t, p))
	}

	p.Mailbox.Refuse(0)
	platformtest.Deliver(p, name, again).Want(t, http.StatusNoContent)
	if len(p.Mailbox.Mails()) != 1 {
		t.Error("the mail did not arrive when its dead letter was delivered again")
	}
}

func TestSendMail_Outdated_IsNotSent(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, declaration)
	event := queued(t, p, 1)
	if _, err := p.DB(database.Users).Exec(context.Background(), `UPDATE mails SET created_at = now() - interval '7 days 1 minute'`); err != nil {
		t.Fatal(err)
	}
	p.Wake(name).Want(t, http.StatusNoContent)
	again := platformtest.Published[events.MailQueued](p, 2)[1]
	for _, e := range []events.Received[events.MailQueued]{again, event} {
		platformtest.Deliver(p, name, e).Want(t, http.StatusUnprocessableEntity)
	}
	if len(p.Mailbox.Mails()) != 0 {
		t.Error("an old mail was sent")
	}
}

func TestSendMail_NoServer_Waits(t *testing.T) {
	t.Parallel()
	p := platformtest.NewWith(t, func(c *function.Config) { c.SMTPURL = "" }, declaration)
	platformtest.Deliver(p, name, queued(t, p, 1)).Want(t, http.StatusServiceUnavailable)
	if waiting(t, p) != 1 {
		t.Error("the mail is gone")
	}
}
