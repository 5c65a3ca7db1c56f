// Package userstest is what tests and measurements outside the domain need of it.
package userstest

import (
	"function/functions/users/internal/access"
	"function/functions/users/internal/person"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/secret"
)

// What the domain's operations answer.
type (
	Account = person.Account
	Team    = access.Team
	Tokens  = session.Tokens
)

// EmailIndex is the blind index by which an address is found.
func EmailIndex(keeper *secret.Keeper, email string) []byte { return person.EmailIndex(keeper, email) }

// NewToken is a random token as mails hold them.
func NewToken() string { return store.NewToken() }

// TokenHash is what the database holds of a token.
func TokenHash(token string) []byte { return store.TokenHash(token) }
