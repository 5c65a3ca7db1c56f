package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	gomail "github.com/wneessen/go-mail"

	"function/shared/fault"
)

// sendTimeout is the timeout for handing one mail to a server.
const sendTimeout = 30 * time.Second

// Sender hands mail to an SMTP server (RFC 5321), with one connection per mail: mails are few, and
// the process scales to zero in between.
type Sender struct {
	client *gomail.Client
	from   *mail.Address
}

// NewSender returns a sender to the server at SMTP_URL, for mail from MAIL_FROM:
//
//	smtp://user:password@host:587    STARTTLS, without which nothing is sent (RFC 3207)
//	smtps://user:password@host:465   TLS from the first byte (RFC 8314)
//	smtp://host:25?tls=none          in the clear, for a relay in the same network
//
// To a loopback address, mail may be sent unencrypted. Without a user, the sender does not
// authenticate.
func NewSender(server, from string) (*Sender, error) {
	sender, err := mail.ParseAddress(from)
	if err != nil {
		return nil, errors.New("MAIL_FROM is not an address, such as Data services <no-reply@example.com>")
	}
	host, options, err := optionsOf(server)
	if err != nil {
		return nil, err
	}
	client, err := gomail.NewClient(host, options...)
	if err != nil {
		return nil, fmt.Errorf("make SMTP client: %w", err)
	}
	return &Sender{client: client, from: sender}, nil
}

func optionsOf(server string) (host string, options []gomail.Option, err error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return "", nil, errors.New("SMTP_URL must be smtp://user:password@host:port or smtps://…") // the cause quotes the password
	}
	inClear := u.Query().Get("tls") == "none"
	port := 587
	policy := gomail.TLSMandatory
	switch {
	case u.Scheme == "smtps":
		port = 465
		options = append(options, gomail.WithSSL())
	case inClear:
		policy = gomail.NoTLS
	case isLoopback(u.Hostname()):
		policy = gomail.TLSOpportunistic
	}
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return "", nil, errors.New("SMTP_URL must have a numeric port")
		}
	}
	options = append(options, gomail.WithTimeout(sendTimeout), gomail.WithTLSPolicy(policy), gomail.WithPort(port))
	if u.User != nil {
		if inClear {
			return "", nil, errors.New("SMTP_URL would send a password unencrypted: remove tls=none or the user")
		}
		password, _ := u.User.Password()
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	return u.Hostname(), options, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Send hands over one mail. A permanent rejection (5xx) is fault.Invalid; a temporary failure is
// fault.Unavailable. Neither quotes the library's errors, which contain the address.
func (s *Sender) Send(ctx context.Context, id uuid.UUID, m Message) error {
	message, err := s.compose(id, m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	err = s.client.DialAndSendWithContext(ctx, message)
	if err == nil || message.IsDelivered() { // accepted; only closing the connection failed
		return nil
	}
	var refused *gomail.SendError
	if errors.As(err, &refused) && refused.ErrorCode() >= 500 {
		return fault.New(fault.Invalid, "The mail server permanently refused this mail: status %d %s", refused.ErrorCode(), refused.EnhancedStatusCode())
	}
	unavailable := fault.New(fault.Unavailable, "The mail server does not accept this mail right now")
	if refused != nil {
		return unavailable.Because(fmt.Errorf("send mail %s: %s, status %d %s", id, refused.Reason, refused.ErrorCode(), refused.EnhancedStatusCode()))
	}
	return unavailable.Because(fmt.Errorf("reach the mail server for mail %s: %w", id, err))
}

// compose builds the mail. User data cannot add header lines: addresses are parsed, and control
// characters are removed from subjects.
func (s *Sender) compose(id uuid.UUID, m Message) (*gomail.Msg, error) {
	to, err := mail.ParseAddress(m.To)
	if err != nil || to.Name != "" {
		return nil, fault.New(fault.Invalid, "This mail does not have exactly one recipient")
	}
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	message.FromMailAddress(s.from)
	message.ToMailAddress(to)
	message.Subject(oneLine(m.Subject))
	message.SetDate()
	_, domain, _ := strings.Cut(s.from.Address, "@")
	message.SetMessageIDWithValue(id.String() + "@" + domain) // stays the same if the mail is sent twice
	message.SetGenHeader("Auto-Submitted", "auto-generated")  // RFC 3834: suppresses automatic replies
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	return message, nil
}

func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 }), " ")
}
