package mailbox_test

import (
	"fmt"
	"net/smtp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/mailbox"
)

// send sends a mail as any SMTP client does.
func send(box *mailbox.Mailbox, to, message string) error {
	return smtp.SendMail(strings.TrimPrefix(box.URL(), "smtp://"), nil, "from@example.com", []string{to}, []byte(message))
}

func TestMailbox_Full_KeepsTheNewest(t *testing.T) {
	t.Parallel()
	var told []int
	box, err := mailbox.Open(func(m mailbox.Mail) { told = append(told, m.ID) })
	if err != nil {
		t.Fatal(err)
	}
	const sent = 503
	for i := range sent {
		if err := send(box, "ada@example.com", fmt.Sprintf("Subject: number %d\r\n\r\nFollow\r\nhttps://example.com/%d\r\n", i+1, i+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := box.Close(); err != nil {
		t.Error(err)
	}
	mails := box.Mails()
	if len(mails) != 500 || mails[0].ID != sent || mails[499].ID != 4 || len(told) != sent {
		t.Fatalf("%d mails, from %d to %d, %d told of; want the newest 500 of %d", len(mails), mails[0].ID, mails[len(mails)-1].ID, len(told), sent)
	}
	if diff := cmp.Diff([]string{"https://example.com/503"}, mails[0].Links()); diff != "" || mails[0].Subject != "number 503" || mails[0].To != "ada@example.com" {
		t.Errorf("newest mail %+v %s", mails[0], diff)
	}
}

func TestMailbox_UnsuitableMail_IsRefused(t *testing.T) {
	t.Parallel()
	box, err := mailbox.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	for name, message := range map[string]string{
		"no message": "\x00\x01", "too large": "Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 998)+"\r\n", 1100),
	} {
		if err := send(box, "ada@example.com", message); err == nil {
			t.Errorf("%s: kept", name)
		}
	}
	box.Refuse(550)
	if err := send(box, "ada@example.com", "Subject: x\r\n\r\nx"); err == nil || !strings.HasPrefix(err.Error(), "550") {
		t.Errorf("answer %v, want 550", err)
	}
	box.Refuse(0)
	if err := send(box, "ada@example.com", "Subject: x\r\n\r\nx"); err != nil || len(box.Mails()) != 1 {
		t.Errorf("%v, %d mails", err, len(box.Mails()))
	}
}

func TestClose_BeforeTheServerServes_Returns(t *testing.T) {
	t.Parallel()
	for range 200 {
		m, err := mailbox.Open(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
