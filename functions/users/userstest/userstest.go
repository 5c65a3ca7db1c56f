// Package userstest exposes parts of the users domain to tests and benchmarks of other domains.
package userstest

import (
	"function/functions/users/internal/access"
	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/secret"
)

// Response bodies of the domain's operations.
type (
	Account = person.Account
	Team    = access.Team
	Tokens  = session.Tokens
)

// EmailIndex returns the blind index of an address.
func EmailIndex(keeper *secret.Keeper, email string) []byte { return person.EmailIndex(keeper, email) }

// NewToken returns a random token in the form used in mails.
func NewToken() string { return store.NewToken() }

// TokenHash returns the stored form of a token.
func TokenHash(token string) []byte { return store.TokenHash(token) }
