// Package passkeys manages a person's passkeys (WebAuthn): POST
// /v1/users/passkeys/register/begin and …/finish, GET /v1/users/passkeys, PATCH and DELETE
// /v1/users/passkeys/{id}.
package passkeys

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/secret"
)

// Function manages passkeys.
type Function struct{ credential.Passkeys }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	passkeys, err := credential.OpenPasskeys(ctx, env)
	return &Function{passkeys}, err
}

const (
	selectPasskeys = `
SELECT id, name, created_at, last_used_at FROM passkeys WHERE user_id = @user AND id < @before ORDER BY id DESC LIMIT @limit`
	renamePasskey = `
UPDATE passkeys SET name = $3 WHERE user_id = $1 AND id = $2 RETURNING id, name, created_at, last_used_at`
	deletePasskey = `DELETE FROM passkeys WHERE user_id = $1 AND id = $2`
)

var errNotFound = fault.New(fault.NotFound, "You have no such passkey")

// Begin begins the registration of a passkey.
func (f *Function) Begin(ctx context.Context, _ *struct{}) (*BeginResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var out BeginResponse
	err = f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		out.Body, err = f.BeginRegistration(ctx, tx, caller.UserID)
		return err
	})
	return &out, err
}

// Finish stores the passkey that the device created. The session then counts as authenticated
// with it.
func (f *Function) Finish(ctx context.Context, in *FinishRequest) (*FinishResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var out FinishResponse
	change := credential.FactorChange{Action: "passkeys:register", Notice: notify.Mailer.PasskeyAdded}
	err = f.ChangeFactors(ctx, caller, change, func(tx *outbox.Tx) error {
		var methods []string
		if out.Body.PasskeyInfo, methods, err = f.Register(ctx, tx, caller.UserID, string(in.Body.Name), in.Body.Assertion); err != nil {
			return err
		}
		out.Body.RecoveryCodes, err = f.CompleteEnrolment(ctx, tx, caller, methods)
		return err
	})
	return &out, err
}

type stored struct {
	ID         uuid.UUID
	Name       []byte
	CreatedAt  time.Time
	LastUsedAt *time.Time
}

func (s stored) open(key []byte) (credential.PasskeyInfo, error) {
	name, err := secret.Unseal(key, credential.PasskeyNameField, s.Name)
	return credential.PasskeyInfo{ID: s.ID, Name: name, CreatedAt: s.CreatedAt, LastUsedAt: s.LastUsedAt}, err
}

// List lists the caller's passkeys.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	key, err := person.KeyOf(ctx, f.Store, f.Store.DB, caller.UserID)
	if err != nil {
		return nil, err
	}
	found, err := page.List(ctx, f.Store.DB, in.Query, func(s stored) uuid.UUID { return s.ID }, selectPasskeys, pgx.NamedArgs{"user": caller.UserID})
	if err != nil {
		return nil, err
	}
	opened, err := page.Map(found, func(s stored) (credential.PasskeyInfo, error) { return s.open(key) })
	return &ListResponse{Body: opened}, err
}

// Rename renames a passkey.
func (f *Function) Rename(ctx context.Context, in *RenameRequest) (*RenameResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	key, err := person.KeyOf(ctx, f.Store, f.Store.DB, caller.UserID)
	if err != nil {
		return nil, err
	}
	name, err := secret.Seal(key, credential.PasskeyNameField, string(in.Body.Name))
	if err != nil {
		return nil, err
	}
	var renamed stored
	change := credential.FactorChange{Action: "passkeys:rename", ResourceID: in.ID.String()}
	err = f.ChangeFactors(ctx, caller, change, func(tx *outbox.Tx) error {
		renamed, err = database.One[stored](ctx, tx, errNotFound, renamePasskey, caller.UserID, in.ID, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("rename passkey: %w", err)
	}
	var out RenameResponse
	out.Body, err = renamed.open(key)
	return &out, err
}

// Delete deletes a passkey.
func (f *Function) Delete(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	change := credential.FactorChange{Action: "passkeys:delete", ResourceID: in.ID.String(), Notice: notify.Mailer.PasskeyDeleted}
	return nil, f.ChangeFactors(ctx, caller, change, func(tx *outbox.Tx) error {
		deleted, err := tx.Exec(ctx, deletePasskey, caller.UserID, in.ID)
		if err != nil {
			return fmt.Errorf("delete passkey: %w", err)
		}
		if deleted.RowsAffected() == 0 {
			return errNotFound
		}
		return f.CompleteRemoval(ctx, tx, caller.UserID)
	})
}
