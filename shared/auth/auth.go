// Package auth authenticates callers by access token or API key. Access tokens are JWTs in the
// profile of RFC 9068, signed with Ed25519 (RFC 8037). When a session ends, its tokens stop working
// in under a second.
package auth

import (
	"context"
	"time"

	"github.com/google/uuid"

	"function/shared/fault"
	"function/shared/policy"
)

// Caller is the authenticated caller of a request. The identity comes from the token; the rights
// are read with each check, so that changed roles take effect in under a second.
type Caller struct {
	UserID         uuid.UUID // or the service account's
	SessionID      uuid.UUID // or the API key's; uuid.Nil for a token of another issuer, which has no session here
	OrganizationID uuid.UUID // uuid.Nil if no organization has approved the person yet
	Roles          []string
	Teams          []uuid.UUID // of the organization: those of the person, and the teams above them
	Methods        []string    // authentication methods (RFC 8176)
	Kind           Kind
	ImpersonatorID uuid.UUID // the platform admin who acts as this person
	SecondFactor   bool      // the person has enrolled a second factor, whether or not it was used
	Subject        policy.Subject
}

// Kind is the kind of a caller.
type Kind string

// The kinds of callers.
const (
	Person         Kind = "person"
	PersonsKey     Kind = "api_key" // a person's API key
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
	Roles          []string `json:"roles"`               // at the time of issue, for other services; see [Caller]
	Methods        []string `json:"amr"`                 // RFC 8176
	AuthTime       int64    `json:"auth_time,omitempty"` // time of the latest authentication (RFC 9068 §2.2.1)
	IssuedAt       int64    `json:"iat"`
	NotBefore      int64    `json:"nbf,omitempty"` // not issued, but checked
	Expiry         int64    `json:"exp"`
	Actor          *Actor   `json:"act,omitempty"`
	ID             string   `json:"jti"`
}

// Actor is the platform admin who impersonates the subject of a token (RFC 8693 §4.1).
type Actor struct {
	Subject string `json:"sub"`
}

// TokenType is the `typ` header that distinguishes access tokens from other JWTs.
const TokenType = "at+jwt"

// leeway is the clock skew that is tolerated.
const leeway = 30 * time.Second

type callerKey struct{}

// WithCaller returns a context that carries the caller.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the caller of a request. The runtime sets it for every operation with bearer
// security.
func CallerFrom(ctx context.Context) (Caller, error) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	if !ok {
		return Caller{}, fault.New(fault.Unauthenticated, "This requires an access token: log in (POST /v1/users/login)")
	}
	return c, nil
}

// OtherOrganization is returned for requests about an organization that the caller does not act in.
// It is answered as not found.
type OtherOrganization struct{ ID uuid.UUID }

var errOtherOrganization = fault.New(fault.NotFound, "You are not acting in this organization: switch to it with POST /v1/users/sessions/organization")

func (OtherOrganization) Error() string { return errOtherOrganization.Error() }
func (OtherOrganization) Unwrap() error { return errOtherOrganization }

// Member returns the caller, or an error if the caller does not act in an organization. Callers of
// an operation that needs a permission always do.
func Member(ctx context.Context) (Caller, error) {
	c, err := CallerFrom(ctx)
	if err == nil && c.OrganizationID == uuid.Nil {
		err = fault.New(fault.Forbidden, "%s", policy.Decide(c.Subject, policy.Need{Permission: policy.OrganizationsRead}, time.Now()).Reason)
	}
	return c, err
}
