package register

import (
	"context"
	"fmt"

	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/shared/audit"
	"function/shared/events"
	"function/shared/outbox"
	"function/shared/password"
	"function/shared/uuid7"
)

func (f *Function) open(ctx context.Context, person lifecycle.NewAccount) (account person.Account, err error) {
	err = f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if account, err = lifecycle.OpenAccount(ctx, tx, person); err != nil {
			return err
		}
		return notify.MailVerification(ctx, f.Store, tx, f.mailer, person.ID, person.EmailIndex)
	})
	return account, err
}

// registrationHash returns a hash function that uses the same salt for all registrations of an
// address. The confirmation finds the right registration by its password, which then takes a
// single hash, however many registrations others have made for the address.
func (f *Function) registrationHash(emailIndex []byte) hash {
	salt := f.Store.Keeper.BlindIndex("registrations.salt", string(emailIndex))[:password.SaltSize]
	return func(ctx context.Context, chosen string) (string, error) {
		return f.Hasher.HashSalted(ctx, chosen, salt)
	}
}

const insertRegistration = `
INSERT INTO registrations (id, email_index, user_id, wrapped_key, email, first_name, last_name, password_hash, organization_id, expires_at, organization_name)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $9::uuid IS NOT NULL THEN
    coalesce((SELECT id FROM organizations WHERE id = $9 AND ` + lifecycle.AcceptsRequests + `), '00000000-0000-0000-0000-000000000000') END,
    now() + $10::interval, nullif($11, ''))`

// await stores a registration until its address is confirmed. It does not look up whether the
// address has an account; users-mail-tokens does so when nobody waits for a response.
func (f *Function) storeRegistration(ctx context.Context, p lifecycle.NewAccount) error {
	return f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		id := uuid7.New()
		_, err := tx.Exec(ctx, insertRegistration, id, p.EmailIndex, p.ID, p.WrappedKey, p.Email, p.FirstName, p.LastName, p.PasswordHash, p.JoinsID, notify.RegistrationLife, p.OrganizationName)
		if err != nil {
			return fmt.Errorf("insert registration: %w", err)
		}
		if err := audit.Record(ctx, tx, audit.Entry{Action: "registrations:begin", ResourceID: id.String()}); err != nil {
			return err
		}
		return tx.Publish(ctx, events.RegistrationRequested{RegistrationID: id})
	})
}
