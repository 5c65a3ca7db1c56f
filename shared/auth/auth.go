// Package auth tells who is calling: it checks access tokens for every function
// that needs a caller. Tokens are JWTs in the profile of RFC 9068, signed with
// Ed25519 (RFC 8037); a session that has ended takes its tokens with it in under
// a second.
package auth

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/shared/fault"
	"function/shared/policy"
)

// Caller is who is behind a request. Who it is comes from the token; what they may
// do is read with each check, so that a change of roles takes effect in under a second.
type Caller struct {
	UserID         uuid.UUID // or of the service account
	SessionID      uuid.UUID // or of the API key; uuid.Nil: another issuer's token, which has none here
	OrganizationID uuid.UUID // uuid.Nil: no organization has let the person in yet
	Roles          []string
	Methods        []string // how they proved who they are (RFC 8176)
	Kind           Kind
	ImpersonatorID uuid.UUID // the platform admin who acts as this person
	SecondFactor   bool      // a person has one here, whether or not it was used
	Subject        policy.Subject
}

// Kind is what a caller is.
type Kind string

// The kinds of callers.
const (
	Person         Kind = "person"
	PersonsKey     Kind = "api_key" // of a person
	ServiceAccount Kind = "service_account"
)

// Claims are the claims of an access token (RFC 9068 §2.2).
type Claims struct {
	Issuer         string   `json:"iss"`
	Audience       string   `json:"aud"`
	Subject        string   `json:"sub"`
	ClientID       string   `json:"client_id"`
	SessionID      string   `json:"sid"`
	OrganizationID string   `json:"org,omitempty"`
	Roles          []string `json:"roles"`               // as of when it was issued: for others, see [Caller]
	Methods        []string `json:"amr"`                 // RFC 8176
	AuthTime       int64    `json:"auth_time,omitempty"` // when that was, the newest time (RFC 9068 §2.2.1)
	IssuedAt       int64    `json:"iat"`
	NotBefore      int64    `json:"nbf,omitempty"` // not given out, but kept to
	Expiry         int64    `json:"exp"`
	Actor          *Actor   `json:"act,omitempty"`
	ID             string   `json:"jti"`
}

// Actor is the platform admin who acts as the subject of a token (RFC 8693 §4.1).
type Actor struct {
	Subject string `json:"sub"`
}

// TokenType is the `typ` header that tells an access token from every other JWT.
const TokenType = "at+jwt"

// leeway is the difference between two machines' clocks that is forgiven.
const leeway = 30 * time.Second

type callerKey struct{}

// WithCaller puts the caller into a request's context.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom is who is calling; the function runtime has put it there for every
// operation that declares bearer security.
func CallerFrom(ctx context.Context) (Caller, error) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	if !ok {
		return Caller{}, fault.New(fault.Unauthenticated, "This requires an access token: log in (POST /v1/users/login)")
	}
	return c, nil
}

// OtherOrganization is the refusal of what was asked about an organization that the
// caller does not act in: for them it does not exist.
type OtherOrganization struct{ ID uuid.UUID }

var errOtherOrganization = fault.New(fault.NotFound, "You are not acting in this organization: switch to it with POST /v1/users/sessions/organization")

func (OtherOrganization) Error() string { return errOtherOrganization.Error() }
func (OtherOrganization) Unwrap() error { return errOtherOrganization }

// Member is the caller who belongs to an organization: so does everybody whose
// operation needs a permission.
func Member(ctx context.Context) (Caller, error) {
	c, err := CallerFrom(ctx)
	if err == nil && c.OrganizationID == uuid.Nil {
		err = fault.New(fault.Forbidden, "%s", policy.Decide(c.Subject, policy.Need{Permission: policy.OrganizationsRead}, time.Now()).Reason)
	}
	return c, err
}
