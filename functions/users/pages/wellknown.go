package pages

import (
	"context"
	"fmt"
	"time"

	"function/shared/fault"
)

// Redirection redirects to another page.
type Redirection struct {
	Location string `header:"Location"`
}

// Text is a plain-text response.
type Text struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// ChangePassword redirects to the page that mails a link to choose a password, which works
// whether the current one is known, forgotten or stolen.
func (f *Function) ChangePassword(context.Context, *struct{}) (*Redirection, error) {
	return &Redirection{Location: "/password/forgot"}, nil
}

// securityLife is how long security.txt is valid from the moment it is served. It must be less
// than a year (RFC 9116 §2.5.5).
const securityLife = 30 * 24 * time.Hour

// Security returns security.txt, which names the contact for vulnerability reports.
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
