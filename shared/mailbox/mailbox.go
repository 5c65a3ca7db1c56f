// Package mailbox is a small SMTP server on the loopback interface that stores mail instead of
// relaying it: for `make run`, whose console and endpoints show the mail, and for tests.
package mailbox

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Limits on what is stored.
const (
	maxMails = 500
	maxBytes = 1 << 20
)

// Mail is a received mail.
type Mail struct {
	ID         int         `json:"id"` // counts from 1
	ReceivedAt time.Time   `json:"received_at"`
	From       string      `json:"from"` // of the envelope
	To         string      `json:"to"`   // of the envelope
	Subject    string      `json:"subject"`
	Text       string      `json:"text"`
	Header     mail.Header `json:"header"`
}

// Links returns the lines of the text that are web addresses, which ask the recipient to do
// something.
func (m Mail) Links() []string {
	var links []string
	for line := range strings.Lines(m.Text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "http://") || strings.HasPrefix(line, "https://") {
			links = append(links, line)
		}
	}
	return links
}

// Mailbox stores the newest mails.
type Mailbox struct {
	server   *smtp.Server
	listener net.Listener
	arrived  func(Mail)
	ended    chan struct{}

	mu      sync.Mutex
	mails   []Mail // oldest first
	count   int
	refusal *smtp.SMTPError
}

// Open starts the server on a free port of the loopback interface. It calls arrived, if not nil,
// for each mail, one at a time.
func Open(arrived func(Mail)) (*Mailbox, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for mail: %w", err)
	}
	m := &Mailbox{listener: listener, arrived: arrived, ended: make(chan struct{})}
	m.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{mailbox: m}, nil }))
	m.server.Domain = "localhost"
	m.server.MaxMessageBytes = maxBytes
	m.server.MaxRecipients = 1
	m.server.EnableSMTPUTF8 = true
	m.server.ReadTimeout, m.server.WriteTimeout = time.Minute, time.Minute
	go func() {
		defer close(m.ended)
		_ = m.server.Serve(listener) // returns when it is closed
	}()
	return m, nil
}

// Close stops the server.
func (m *Mailbox) Close() error {
	err := m.server.Close()
	_ = m.listener.Close() // the server does not know the listener until it serves
	<-m.ended
	if errors.Is(err, net.ErrClosed) || errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	return err
}

// URL returns the server's address as a value for SMTP_URL.
func (m *Mailbox) URL() string { return "smtp://" + m.listener.Addr().String() }

// Mails returns the stored mails, newest first.
func (m *Mailbox) Mails() []Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	newest := slices.Clone(m.mails)
	slices.Reverse(newest)
	return newest
}

// Refuse makes the server answer every recipient with a status, such as 550 (permanent) or 451
// (temporary); 0 makes it accept mail again.
func (m *Mailbox) Refuse(status int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refusal = nil
	if status != 0 {
		m.refusal = &smtp.SMTPError{Code: status, EnhancedCode: smtp.EnhancedCode{status / 100, 1, 1}, Message: "refused"}
	}
}

func (m *Mailbox) refused() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refusal == nil {
		return nil
	}
	return m.refusal
}

func (m *Mailbox) keep(kept Mail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count++
	kept.ID = m.count
	m.mails = append(m.mails[max(0, len(m.mails)-maxMails+1):], kept)
	if m.arrived != nil {
		m.arrived(kept)
	}
}

// session receives one mail.
type session struct {
	mailbox  *Mailbox
	from, to string
}

func (s *session) Reset()        { s.from, s.to = "", "" }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return s.mailbox.refused()
}

func (s *session) Data(r io.Reader) error {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "not a mail message"}
	}
	text, err := io.ReadAll(decoded(message))
	if err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil {
		subject = message.Header.Get("Subject")
	}
	s.mailbox.keep(Mail{
		ReceivedAt: time.Now().UTC(), From: s.from, To: s.to, Header: message.Header,
		Subject: subject, Text: strings.ReplaceAll(string(text), "\r\n", "\n"),
	})
	return nil
}

func decoded(m *mail.Message) io.Reader {
	if strings.EqualFold(m.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		return quotedprintable.NewReader(m.Body)
	}
	return m.Body
}
