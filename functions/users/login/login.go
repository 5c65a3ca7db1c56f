// Package login begins a session, or asks for the second factor of a person who has
// one: POST /v1/users/login.
package login

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/password"
)

// Operation is the HTTP operation.
var Operation = huma.Operation{
	OperationID: "users-login", Method: http.MethodPost, Path: "/v1/users/login",
	Summary: "Log in", Tags: []string{users.Tag},
	Errors: []int{http.StatusUnauthorized, http.StatusServiceUnavailable},
}

// Request is who the person says to be, and the proof.
type Request struct {
	Body struct {
		Email    string `json:"email" maxLength:"254"`
		Password string `json:"password" maxLength:"256"`
	}
}

// Response is the session's first pair of tokens, or the demand for a second factor.
type Response struct{ Body users.LoginAnswer }

// Function begins sessions.
type Function struct {
	users.Store
	hasher *password.Hasher
	issuer *auth.Issuer
}

// New opens the accounts and the signing key.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	return &Function{Store: store, hasher: password.NewHasher(), issuer: store.Issuer(env)}, nil
}

const selectCredentials = `
SELECT u.password_hash, m.user_id, m.organization_id, m.role, m.status
FROM users u JOIN memberships m ON m.user_id = u.id
WHERE u.email_index = $1 ORDER BY m.created_at LIMIT 1`

type credentials struct {
	PasswordHash string
	users.Membership
}

// Handle checks the password and begins a session. An unknown address takes as
// long, and is answered as, a wrong password (OWASP Authentication).
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	rows, _ := f.DB.Query(ctx, selectCredentials, users.EmailIndex(f.Keeper, in.Body.Email))
	known, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[credentials])
	if err != nil && !database.IsNoRows(err) {
		return nil, fmt.Errorf("look up account: %w", err)
	}
	ok, err := f.hasher.Verify(ctx, in.Body.Password, known.PasswordHash)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.New(fault.Unauthenticated, "The email address or the password is not right")
	}
	if err := f.issuer.Ready(ctx); err != nil {
		return nil, err
	}
	var answer users.LoginAnswer
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		answer, err = f.BeginOrChallenge(ctx, tx, f.issuer, users.Login{
			UserID: known.UserID, OrganizationID: known.OrganizationID, Active: known.Status == users.MembershipActive, Methods: []string{"pwd"},
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("begin session: %w", err)
	}
	return &Response{Body: answer}, nil
}
