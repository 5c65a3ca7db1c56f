// Package confirmregistration creates the account once its address is confirmed: POST
// /v1/users/email/confirm.
package confirmregistration

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/ratelimit"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-confirm-registration", "/v1/users/email/confirm", "Complete a registration with the mailed token and the password", policy.Public).
	Sensitive().Status(http.StatusCreated).Fails(fault.Unavailable).
	Describe("Needed where registrations are confirmed by mail. The token comes from the mailed link and is valid for a day; it proves that the person controls the address. "+
		"The password must be the one given at registration, so that nobody completes a registration that somebody else started for their address. The link works on any device. "+
		"If the address was registered several times, the newest registration with this password counts, whichever mail the token is from. If you have forgotten the password, register again."), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request contains the mailed token and the password given at registration.
type Request struct {
	Body struct {
		Token    string `json:"token" maxLength:"100"`
		Password string `json:"password" maxLength:"256" doc:"The password given at registration"`
	}
}

// Response is the account.
type Response struct{ Body person.Account }

// Function creates confirmed accounts.
type Function struct{ credential.Passwords }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	passwords, err := credential.OpenPasswords(ctx, env)
	return &Function{passwords}, err
}

const (
	selectAddress    = `SELECT email_index FROM registrations WHERE token_hash = $1 AND expires_at > now()`
	selectCandidates = `SELECT id, password_hash FROM registrations WHERE email_index = $1 AND expires_at > now() ORDER BY id DESC`
	takeRegistration = `
DELETE FROM registrations WHERE id = $1 AND expires_at > now()
RETURNING user_id, email_index, wrapped_key, email, first_name, last_name, password_hash,
    (SELECT o.id FROM organizations o WHERE o.id = organization_id AND ` + lifecycle.AcceptsRequests + `) AS organization_id,
    coalesce(organization_name, '') AS organization_name`
	dropOthers = `DELETE FROM registrations WHERE email_index = $1`
)

var errPassword = fault.At("body.password", "this address was not registered with this password: enter the password that you chose, or register again")

// Handle creates the account in one transaction and discards all other registrations of the
// address. Of several concurrent confirmations the first one wins.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	id, err := f.find(ctx, in.Body.Token, in.Body.Password)
	if err != nil {
		return nil, act.Refused(ctx, f.Store.DB, audit.Entry{Action: "users:register"}, err)
	}
	account, err := f.open(ctx, id)
	if database.IsNoRows(err) || database.Violates(err, person.EmailTaken) {
		return nil, act.Refused(ctx, f.Store.DB, audit.Entry{Action: "users:register"}, notify.ErrMailedToken)
	}
	if err != nil {
		return nil, fmt.Errorf("confirm registration: %w", err)
	}
	return &Response{Body: account}, nil
}

// find returns the registration of the token's address that has the password. The password is
// only checked for the holder of a token, who reads the address's mail and could therefore
// register it again anyway.
func (f *Function) find(ctx context.Context, token, password string) (id uuid.UUID, err error) {
	var address []byte
	err = f.Store.DB.QueryRow(ctx, selectAddress, store.TokenHash(token)).Scan(&address)
	if database.IsNoRows(err) {
		return id, notify.ErrMailedToken
	}
	if err != nil {
		return id, fmt.Errorf("look up token of registration: %w", err)
	}
	if err := ratelimit.Account(ctx, address); err != nil {
		return id, err
	}
	rows, _ := f.Store.DB.Query(ctx, selectCandidates, address)
	var ids []uuid.UUID
	var hashes []string
	var hash string
	if _, err := pgx.ForEachRow(rows, []any{&id, &hash}, func() error {
		ids, hashes = append(ids, id), append(hashes, hash)
		return nil
	}); err != nil {
		return id, fmt.Errorf("list registrations of address: %w", err)
	}
	found, err := f.Hasher.Find(ctx, password, hashes)
	if err == nil && found < 0 {
		err = errPassword
	}
	if err != nil {
		return uuid.Nil, err
	}
	return ids[found], nil
}

type registration struct {
	UserID           uuid.UUID
	EmailIndex       []byte
	WrappedKey       []byte
	PasswordHash     string
	OrganizationID   *uuid.UUID
	OrganizationName string
	person.SealedName
}

func (r registration) account() lifecycle.NewAccount {
	return lifecycle.NewAccount{
		ID: r.UserID, EmailIndex: r.EmailIndex, WrappedKey: r.WrappedKey, SealedName: r.SealedName,
		PasswordHash: r.PasswordHash, JoinsID: r.OrganizationID, OrganizationName: r.OrganizationName, Verified: true,
	}
}

func (f *Function) open(ctx context.Context, id uuid.UUID) (account person.Account, err error) {
	err = f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		r, err := database.One[registration](ctx, tx, pgx.ErrNoRows, takeRegistration, id)
		if err != nil {
			return err
		}
		if account, err = lifecycle.OpenAccount(ctx, tx, r.account()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, dropOthers, r.EmailIndex); err != nil {
			return fmt.Errorf("drop other registrations: %w", err)
		}
		name, err := person.NameOf(ctx, f.Store, tx, account.ID)
		account.Email, account.FirstName, account.LastName = name.Email, name.FirstName, name.LastName
		return err
	})
	return account, err
}
