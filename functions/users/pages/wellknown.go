package pages

import (
	"context"
	"fmt"
	"time"

	"function/shared/fault"
)

// Redirection leads to another page.
type Redirection struct {
	Location string `header:"Location"`
}

// Text is a plain one.
type Text struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// ChangePassword leads to the page that mails a link: it works with a password that is
// known, forgotten or stolen alike.
func (f *Function) ChangePassword(context.Context, *struct{}) (*Redirection, error) {
	return &Redirection{Location: "/password/forgot"}, nil
}

// securityLife is how long what security.txt says may be believed: less than a year (RFC
// 9116 §2.5.5), and it is said anew each day.
const securityLife = 30 * 24 * time.Hour

// Security names who is told of vulnerabilities.
func (f *Function) Security(context.Context, *struct{}) (*Text, error) {
	if f.contact == "" {
		return nil, fault.New(fault.NotFound, "This deployment has no contact for vulnerability reports: write to its operator")
	}
	expires := time.Now().UTC().Add(securityLife).Truncate(24 * time.Hour).Format(time.RFC3339)
	return &Text{
		ContentType: "text/plain; charset=utf-8",
		Body:        fmt.Appendf(nil, "Contact: %s\nExpires: %s\nPreferred-Languages: en\nCanonical: %s/.well-known/security.txt\n", f.contact, expires, f.public),
	}, nil
}
