// Package confirmregistration opens the account whose address a person has
// confirmed: POST /v1/users/email/confirm.
package confirmregistration

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
)

// Operation is the HTTP operation.
var Operation = huma.Operation{
	OperationID: "users-confirm-registration", Method: http.MethodPost, Path: "/v1/users/email/confirm",
	Summary: "Open an account by the token that was mailed", Tags: []string{users.Tag}, Metadata: function.Guarded,
	Description:   "Where registrations are confirmed by mail. The token is in the mailed link, good once and for a day.",
	DefaultStatus: http.StatusCreated,
}

// Request is the token.
type Request struct {
	Body struct {
		Token string `json:"token" maxLength:"100"`
	}
}

// Response is the account.
type Response struct{ Body users.Account }

// Function opens accounts.
type Function struct{ users.Store }

// New opens the registrations.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

const (
	takeRegistration = `
DELETE FROM registrations WHERE token_hash = $1 AND expires_at > now()
RETURNING user_id, email_index, wrapped_key, email, first_name, last_name, password_hash,
    (SELECT o.id FROM organizations o WHERE o.id = organization_id AND o.deleted_at IS NULL) AS organization_id`
	dropOthers = `DELETE FROM registrations WHERE email_index = $1`
)

type registration struct {
	UserID         uuid.UUID
	EmailIndex     []byte
	WrappedKey     []byte
	PasswordHash   string
	OrganizationID *uuid.UUID
	users.SealedName
}

func (r registration) account() users.NewAccount {
	return users.NewAccount{
		ID: r.UserID, EmailIndex: r.EmailIndex, WrappedKey: r.WrappedKey, SealedName: r.SealedName,
		PasswordHash: r.PasswordHash, JoinsID: r.OrganizationID, Verified: true,
	}
}

// Handle opens the account in one transaction. Of several registrations of one
// address the first to be confirmed wins, and the others are void.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	var account users.Account
	err := f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		rows, _ := tx.Query(ctx, takeRegistration, users.TokenHash(in.Body.Token))
		r, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[registration])
		if err != nil {
			return err
		}
		if account, err = users.OpenAccount(ctx, tx, r.account()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, dropOthers, r.EmailIndex); err != nil {
			return fmt.Errorf("drop other registrations: %w", err)
		}
		name, err := f.NameOf(ctx, tx, account.ID)
		account.Email, account.FirstName, account.LastName = name.Email, name.FirstName, name.LastName
		return err
	})
	if database.IsNoRows(err) || database.Violates(err, users.EmailTaken) {
		return nil, f.Refused(ctx, audit.Entry{Action: "users:register"}, users.ErrMailedToken)
	}
	if err != nil {
		return nil, fmt.Errorf("confirm registration: %w", err)
	}
	return &Response{Body: account}, nil
}
