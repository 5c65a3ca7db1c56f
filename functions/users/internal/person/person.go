// Package person reads and writes personal data for the other functions of the domain: names
// and addresses, sealed with the person's key, and the profile.
package person

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/store"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/secret"
)

// ErrErased is returned for a person whose account was erased concurrently.
var ErrErased = fault.New(fault.Unauthenticated, "This account no longer exists")

// Encryption contexts of a person's sealed fields.
const (
	EmailField     = "users.email"
	FirstNameField = "users.first_name"
	LastNameField  = "users.last_name"
)

const selectKey = `SELECT wrapped_key FROM users WHERE id = $1`

// KeyOf returns a person's key, which seals their personal fields.
func KeyOf(ctx context.Context, s store.Store, db store.RowQuerier, user uuid.UUID) ([]byte, error) {
	var wrapped []byte
	if err := db.QueryRow(ctx, selectKey, user).Scan(&wrapped); database.IsNoRows(err) {
		return nil, ErrErased
	} else if err != nil {
		return nil, fmt.Errorf("read key of user %s: %w", user, err)
	}
	return s.Keeper.Unwrap(ctx, wrapped)
}

// OwnKey returns the caller's key, or nil for an admin who acts as the person.
func OwnKey(ctx context.Context, s store.Store, caller auth.Caller) ([]byte, error) {
	if caller.ImpersonatorID != uuid.Nil {
		return nil, nil
	}
	return KeyOf(ctx, s, s.DB, caller.UserID)
}

// Unseal decrypts a person's field. nil yields an empty string.
func Unseal(key []byte, field string, sealed []byte) (string, error) {
	if sealed == nil {
		return "", nil
	}
	return secret.Unseal(key, field, sealed)
}

const selectName = `SELECT wrapped_key, email, first_name, last_name FROM users WHERE id = $1`

// Name is a person's name and address.
type Name struct {
	Email, FirstName, LastName string
}

// NameOf reads and unseals a person's name and address.
func NameOf(ctx context.Context, s store.Store, db store.RowQuerier, user uuid.UUID) (Name, error) {
	var wrapped []byte
	var sealed SealedName
	err := db.QueryRow(ctx, selectName, user).Scan(&wrapped, &sealed.Email, &sealed.FirstName, &sealed.LastName)
	if database.IsNoRows(err) {
		return Name{}, ErrErased
	}
	if err != nil {
		return Name{}, fmt.Errorf("read name of user %s: %w", user, err)
	}
	return OpenName(ctx, s, wrapped, sealed)
}

// OpenName unseals a name with the person's wrapped key.
func OpenName(ctx context.Context, s store.Store, wrapped []byte, sealed SealedName) (Name, error) {
	key, err := s.Keeper.Unwrap(ctx, wrapped)
	if err != nil {
		return Name{}, err
	}
	return sealed.Open(key)
}

// SealedName is a Name as it is stored.
type SealedName struct {
	Email, FirstName, LastName []byte
}

// Seal seals a name with a person's key.
func (n Name) Seal(key []byte) (s SealedName, err error) {
	if s.Email, err = secret.Seal(key, EmailField, n.Email); err != nil {
		return s, err
	}
	if s.FirstName, err = secret.Seal(key, FirstNameField, n.FirstName); err != nil {
		return s, err
	}
	s.LastName, err = secret.Seal(key, LastNameField, n.LastName)
	return s, err
}

// Open reverses Seal.
func (s SealedName) Open(key []byte) (n Name, err error) {
	unseal, err := secret.Unsealer(key)
	if err != nil {
		return n, err
	}
	if n.Email, err = unseal(EmailField, s.Email); err != nil {
		return n, err
	}
	if n.FirstName, err = unseal(FirstNameField, s.FirstName); err != nil {
		return n, err
	}
	n.LastName, err = unseal(LastNameField, s.LastName)
	return n, err
}
