package mailtokens

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/events"
	"function/shared/outbox"
	"function/shared/secret"
)

const (
	selectRegistration = `SELECT email_index, wrapped_key, email FROM registrations WHERE id = $1 AND token_hash IS NULL`
	dropRegistration   = `DELETE FROM registrations WHERE id = $1`
	giveToken          = `UPDATE registrations SET token_hash = $2, expires_at = now() + $3::interval WHERE id = $1`
)

// Register mails a link to complete a registration or, if the address has an account, tells its
// owner so. An address that has been mailed too often gets no further mail, but its registration
// is kept: any link mailed to the address is valid for all its registrations, and the password
// determines which one is meant.
func (f *Function) Register(ctx context.Context, e events.Received[events.RegistrationRequested]) error {
	return outbox.Once(ctx, f.store.DB, e, func(tx *outbox.Tx) error {
		id := e.Data.RegistrationID
		var index, wrapped, sealed []byte
		err := tx.QueryRow(ctx, selectRegistration, id).Scan(&index, &wrapped, &sealed)
		if database.IsNoRows(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read registration: %w", err)
		}
		owner, err := f.owner(ctx, tx, index)
		if err != nil {
			return err
		}
		may, err := notify.MayMail(ctx, f.store, tx, notify.Registration, index)
		if err != nil {
			return err
		}
		if owner != uuid.Nil {
			if _, err := tx.Exec(ctx, dropRegistration, id); err != nil {
				return fmt.Errorf("drop registration: %w", err)
			}
		}
		if !may {
			return audit.Record(ctx, tx, audit.Entry{Action: "registrations:mail", ResourceID: id.String(), Refused: "address was mailed too often"})
		}
		if owner == uuid.Nil {
			return f.confirm(ctx, tx, id, wrapped, sealed)
		}
		name, err := person.NameOf(ctx, f.store, tx, owner)
		if err != nil {
			return err
		}
		if err := f.mailer.Queue(ctx, tx, owner, f.mailer.AlreadyRegistered(name.Email)); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "registrations:mail", ResourceID: owner.String(), Refused: "address has an account"})
	})
}

func (f *Function) confirm(ctx context.Context, tx *outbox.Tx, registration uuid.UUID, wrapped, sealed []byte) error {
	key, err := f.store.Keeper.Unwrap(ctx, wrapped)
	if err != nil {
		return err
	}
	address, err := secret.Unseal(key, person.EmailField, sealed)
	if err != nil {
		return err
	}
	token := store.NewToken()
	if _, err := tx.Exec(ctx, giveToken, registration, store.TokenHash(token), notify.RegistrationLife); err != nil {
		return fmt.Errorf("give registration a token: %w", err)
	}
	if err := f.mailer.Queue(ctx, tx, uuid.Nil, f.mailer.ConfirmRegistration(address, token)); err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{Action: "registrations:mail", ResourceID: registration.String()})
}
