// Package mailtokens answers by mail what people asked without being logged in: to
// open an account, to choose a new password. It runs when somebody has asked, and
// is the one place that looks up whether the address has an account: nobody waits
// for it, so nobody can tell.
package mailtokens

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/secret"
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.OnEvent((*Function).Register),
	function.OnEvent((*Function).Reset),
}

// Function mails tokens.
type Function struct {
	users.Store
	post users.Post
}

// New opens the accounts and the mail.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	post, err := store.Post(env)
	return &Function{store, post}, err
}

const (
	selectRegistration = `SELECT email_index, wrapped_key, email FROM registrations WHERE id = $1 AND token_hash IS NULL`
	dropRegistration   = `DELETE FROM registrations WHERE id = $1`
	giveToken          = `UPDATE registrations SET token_hash = $2, expires_at = now() + $3::interval WHERE id = $1`
	selectUser         = `SELECT id FROM users WHERE email_index = $1`
	takeRequest        = `DELETE FROM password_reset_requests WHERE id = $1 RETURNING email_index`
)

// Register mails a link that opens the account, or tells the owner of an account
// that there is one.
func (f *Function) Register(ctx context.Context, e events.Received[events.RegistrationRequested]) error {
	return outbox.Once(ctx, f.DB, e, func(tx *outbox.Tx) error {
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
		may, err := f.MayMail(ctx, tx, users.Registration, index)
		if err != nil {
			return err
		}
		if may && owner == uuid.Nil {
			return f.confirm(ctx, tx, id, wrapped, sealed)
		}
		if _, err := tx.Exec(ctx, dropRegistration, id); err != nil {
			return fmt.Errorf("drop registration: %w", err)
		}
		if !may {
			return audit.Record(ctx, tx, audit.Entry{Action: "registrations:mail", ResourceID: id.String(), Refused: "address was mailed too often"})
		}
		name, err := f.NameOf(ctx, tx, owner)
		if err != nil {
			return err
		}
		if err := f.post.Queue(ctx, tx, f.post.AlreadyRegistered(name.Email)); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "registrations:mail", ResourceID: owner.String(), Refused: "address has an account"})
	})
}

func (f *Function) confirm(ctx context.Context, tx *outbox.Tx, registration uuid.UUID, wrapped, sealed []byte) error {
	key, err := f.Keeper.Unwrap(ctx, wrapped)
	if err != nil {
		return err
	}
	address, err := secret.Unseal(key, users.EmailField, sealed)
	if err != nil {
		return err
	}
	token := users.NewToken()
	if _, err := tx.Exec(ctx, giveToken, registration, users.TokenHash(token), users.RegistrationLife); err != nil {
		return fmt.Errorf("give registration a token: %w", err)
	}
	if err := f.post.Queue(ctx, tx, f.post.ConfirmRegistration(address, token)); err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{Action: "registrations:mail", ResourceID: registration.String()})
}

// Reset mails a link to choose a new password to whoever has the account.
func (f *Function) Reset(ctx context.Context, e events.Received[events.PasswordResetRequested]) error {
	return outbox.Once(ctx, f.DB, e, func(tx *outbox.Tx) error {
		var index []byte
		err := tx.QueryRow(ctx, takeRequest, e.Data.RequestID).Scan(&index)
		if database.IsNoRows(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take request: %w", err)
		}
		entry := audit.Entry{Action: "passwords:mail_reset", ResourceID: e.Data.RequestID.String()}
		owner, err := f.owner(ctx, tx, index)
		if err != nil {
			return err
		}
		if owner == uuid.Nil {
			entry.Refused = "address has no account"
			return audit.Record(ctx, tx, entry)
		}
		entry.Detail = map[string]any{"user_id": owner}
		may, err := f.MayMail(ctx, tx, users.PasswordReset, index)
		if err != nil {
			return err
		}
		if !may {
			entry.Refused = "address was mailed too often"
			return audit.Record(ctx, tx, entry)
		}
		token, address, err := f.NewMailedToken(ctx, tx, users.PasswordReset, owner, nil)
		if err != nil {
			return err
		}
		if err := f.post.Queue(ctx, tx, f.post.ResetPassword(address, token)); err != nil {
			return err
		}
		return audit.Record(ctx, tx, entry)
	})
}

// owner is who has an address, uuid.Nil for nobody.
func (f *Function) owner(ctx context.Context, tx *outbox.Tx, emailIndex []byte) (owner uuid.UUID, err error) {
	err = tx.QueryRow(ctx, selectUser, emailIndex).Scan(&owner)
	if err != nil && !database.IsNoRows(err) {
		return owner, fmt.Errorf("look up account: %w", err)
	}
	return owner, nil
}
