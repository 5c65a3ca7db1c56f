package mail

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/google/uuid"

	"function/shared/fault"
	"function/shared/mailbox"
)

const from = "Data services <no-reply@platform.example>"

func open(t *testing.T) *mailbox.Mailbox {
	t.Helper()
	box, err := mailbox.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	return box
}

func sender(t *testing.T, url string) *Sender {
	t.Helper()
	s, err := NewSender(url, from)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func kind(err error) fault.Kind {
	f, ok := fault.As(err)
	if !ok {
		return fault.Internal
	}
	return f.Kind
}

func TestSend_AnyCharacter_ArrivesUnchanged(t *testing.T) {
	t.Parallel()
	box := open(t)
	m := Message{To: "ada@example.com", Subject: "Grüße an Łovelace", Text: "Überschrift\n\n" + strings.Repeat("long line ", 30) + "\n.\nFrom here = on\n"}
	id := uuid.New()
	if err := sender(t, box.URL()).Send(t.Context(), id, m); err != nil {
		t.Fatal(err)
	}
	got := box.Mails()[0]
	if got.To != m.To || got.Subject != m.Subject || strings.TrimRight(got.Text, "\n") != strings.TrimRight(m.Text, "\n") {
		t.Errorf("arrived as %+v", got)
	}
	if want := "<" + id.String() + "@platform.example>"; got.Header.Get("Message-Id") != want {
		t.Errorf("Message-ID %s, want %s, by which a second sending is told", got.Header.Get("Message-Id"), want)
	}
}

func TestSend_LineBreaks_AddNoHeader(t *testing.T) {
	t.Parallel()
	box := open(t)
	s := sender(t, box.URL())
	for _, subject := range []string{
		"Join Evil\r\nBcc: eve@example.com", "Join Evil\nBcc: eve@example.com\n\nbody", "Join Evil\rBcc: eve@example.com", "Join \x00\x85\u2028Evil",
		strings.Repeat("long ", 100) + "\r\nBcc: eve@example.com",
	} {
		if err := s.Send(t.Context(), uuid.New(), Message{To: "ada@example.com", Subject: subject, Text: "x"}); err != nil {
			t.Fatal(err)
		}
		m := box.Mails()[0]
		if m.Header.Get("Bcc") != "" || strings.ContainsAny(m.Subject, "\r\n\x00") || strings.TrimSpace(m.Text) != "x" {
			t.Errorf("subject %q made the header %v", subject, m.Header)
		}
	}
	arrived := len(box.Mails())
	for _, to := range []string{
		"", "ada", "ada@example.com\r\nBcc: eve@example.com", "ada@example.com, eve@example.com", "Eve <eve@example.com>",
		"ada@example.com>\r\nRCPT TO:<eve@example.com", "ada@example.com\x00",
	} {
		if err := s.Send(t.Context(), uuid.New(), Message{To: to, Subject: "x", Text: "x"}); kind(err) != fault.Invalid {
			t.Errorf("a mail to %q: %v, want refused for good", to, err)
		}
	}
	if n := len(box.Mails()); n != arrived {
		t.Errorf("%d mails to addresses that are none", n-arrived)
	}
}

func TestSend_Rejected_IsInvalidOrUnavailable(t *testing.T) {
	t.Parallel()
	box := open(t)
	s := sender(t, box.URL())
	for status, want := range map[int]fault.Kind{550: fault.Invalid, 553: fault.Invalid, 421: fault.Unavailable, 450: fault.Unavailable, 452: fault.Unavailable} {
		box.Refuse(status)
		err := s.Send(t.Context(), uuid.New(), Message{To: "ada@example.com", Subject: "x", Text: "x"})
		if kind(err) != want || strings.Contains(err.Error(), "ada@") {
			t.Errorf("status %d: %v; want kind %d, without the address", status, err, want)
		}
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, url := range []string{"smtp://" + closed.Addr().String(), "smtps://" + strings.TrimPrefix(box.URL(), "smtp://"), strings.Replace(box.URL(), "smtp://", "smtp://user:pass@", 1)} {
		if err := sender(t, url).Send(t.Context(), uuid.New(), Message{To: "ada@example.com", Subject: "x", Text: "x"}); kind(err) != fault.Unavailable {
			t.Errorf("a server that cannot be spoken to: %v, want to try again", err)
		}
	}
	if n := len(box.Mails()); n != 0 {
		t.Errorf("%d mails arrived", n)
	}
}

func TestSend_ServerWithoutTLS_IsRefused(t *testing.T) {
	t.Parallel()
	box := open(t)
	// A name that is not a known loopback name.
	named := strings.Replace(box.URL(), "127.0.0.1", "LocalHost", 1)
	if err := sender(t, named).Send(t.Context(), uuid.New(), Message{To: "ada@example.com", Subject: "x", Text: "x"}); kind(err) != fault.Unavailable || len(box.Mails()) != 0 {
		t.Errorf("%v, %d mails; want none without STARTTLS", err, len(box.Mails()))
	}
	if err := sender(t, named+"?tls=none").Send(t.Context(), uuid.New(), Message{To: "ada@example.com", Subject: "x", Text: "x"}); err != nil {
		t.Errorf("to a server that is configured to be in the clear: %v", err)
	}
}

func TestNewSender_WrongSettings_DoNotQuoteThePassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "http://host", "smtp://", "smtp://user:s3cret@host:none", "smtp://user:s3cret@host:25?tls=none", "smtp://user:s3cret@ho st", "smtp://user:s3cret%zz@host",
	} {
		if _, err := NewSender(url, from); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v, want a refusal without the password", url, err)
		}
	}
	for _, from := range []string{"", "nobody", "a@example.com, b@example.com", "Eve\r\nBcc: x <a@example.com>"} {
		if _, err := NewSender("smtp://localhost", from); err == nil {
			t.Errorf("MAIL_FROM %q is taken", from)
		}
	}
}

// account is a server that accepts mail only over TLS and from one user.
type account struct {
	received chan string
	user     string
}

func (a *account) Reset()                               {}
func (a *account) Logout() error                        { return nil }
func (a *account) AuthMechanisms() []string             { return []string{sasl.Plain} }
func (a *account) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (a *account) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "platform" || password != "s3cret/?" {
			return smtp.ErrAuthFailed
		}
		a.user = user
		return nil
	}), nil
}

func (a *account) Mail(string, *smtp.MailOptions) error {
	if a.user == "" {
		return errors.New("not logged in")
	}
	return nil
}

func (a *account) Data(r io.Reader) error {
	line, err := bufio.NewReader(r).ReadString('\n')
	a.received <- line
	return err
}

func TestSend_TLSAndPassword_IsAccepted(t *testing.T) {
	t.Parallel()
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	pool := x509.NewCertPool()
	pool.AddCert(certified.Certificate())
	received := make(chan string, 10)
	for scheme, listen := range map[string]func(*smtp.Server, net.Listener) error{
		"smtp":  func(s *smtp.Server, l net.Listener) error { return s.Serve(l) },
		"smtps": func(s *smtp.Server, l net.Listener) error { return s.Serve(tls.NewListener(l, s.TLSConfig)) },
	} {
		t.Run(scheme, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &account{received: received}, nil }))
			server.TLSConfig = &tls.Config{Certificates: certified.TLS.Certificates}
			ended := make(chan struct{})
			go func() { defer close(ended); _ = listen(server, listener) }()
			defer func() { server.Close(); <-ended }()
			m := Message{To: "ada@example.com", Subject: "x", Text: "x"}

			for user, want := range map[string]fault.Kind{"platform:s3cret%2F%3F": -1, "platform:wrong": fault.Unavailable} {
				s := sender(t, scheme+"://"+user+"@"+listener.Addr().String())
				if err := s.Send(t.Context(), uuid.New(), m); kind(err) != fault.Unavailable {
					t.Errorf("a server with an unknown certificate is sent mail: %v", err)
				}
				if err := s.client.SetTLSConfig(&tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}); err != nil {
					t.Fatal(err)
				}
				if err := s.Send(t.Context(), uuid.New(), m); want >= 0 && kind(err) != want || want < 0 && err != nil {
					t.Errorf("as %s: %v", user, err)
				}
			}
			if n := len(received); n != 1 {
				t.Fatalf("%d mails arrived, want the one with the right password", n)
			}
			<-received
		})
	}
}
