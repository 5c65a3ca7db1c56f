// Package auth tells who is calling: it checks access tokens for every function
// that needs a caller. Tokens are JWTs in the profile of RFC 9068, signed with
// Ed25519 (RFC 8037); a session that has ended takes its tokens with it in under
// a second.
package auth

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"function/shared/fault"
)

// Caller is the person behind a request, as the token says.
type Caller struct {
	UserID         uuid.UUID
	SessionID      uuid.UUID
	OrganizationID uuid.UUID // uuid.Nil: no organization has let the person in yet
	Roles          []string
}

// The roles of a member in an organization.
const (
	RoleOwner  = "owner"
	RoleMember = "member"
)

// HasRole tells whether the caller has one of the roles.
func (c Caller) HasRole(roles ...string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(c.Roles, r) })
}

// Claims are the claims of an access token (RFC 9068 §2.2).
type Claims struct {
	Issuer         string   `json:"iss"`
	Audience       string   `json:"aud"`
	Subject        string   `json:"sub"`
	ClientID       string   `json:"client_id"`
	SessionID      string   `json:"sid"`
	OrganizationID string   `json:"org,omitempty"`
	Roles          []string `json:"roles"`
	Methods        []string `json:"amr"` // RFC 8176
	IssuedAt       int64    `json:"iat"`
	Expiry         int64    `json:"exp"`
	ID             string   `json:"jti"`
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
		return Caller{}, fault.New(fault.Unauthenticated, "This needs an access token")
	}
	return c, nil
}

// Member is the caller who belongs to an organization.
func Member(ctx context.Context) (Caller, error) {
	c, err := CallerFrom(ctx)
	if err != nil {
		return c, err
	}
	if c.OrganizationID == uuid.Nil {
		return c, fault.New(fault.Forbidden, "Your organization has not let you in yet: one of its owners approves the membership, then log in again")
	}
	return c, nil
}

// Owner is the caller who owns the organization.
func Owner(ctx context.Context) (Caller, error) {
	c, err := Member(ctx)
	if err == nil && !c.HasRole(RoleOwner) {
		err = fault.New(fault.Forbidden, "Only an owner of the organization may do this")
	}
	return c, err
}
