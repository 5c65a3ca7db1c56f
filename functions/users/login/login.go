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
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
)

// Operation is the HTTP operation.
var Operation = huma.Operation{
	OperationID: "users-login", Method: http.MethodPost, Path: "/v1/users/login",
	Summary: "Log in", Tags: []string{users.Tag}, Metadata: function.Guarded,
	Description: "After several failures in a row the next try has to wait, for the account, the network address, or both; 429 tells how long.",
	Errors:      []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable},
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
	issuer *auth.Issuer
	post   users.Post
}

// New opens the accounts, the signing key and the mail.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	post, err := store.Post(env)
	return &Function{store, store.Issuer(env), post}, err
}

const selectCredentials = `
SELECT coalesce(u.password_hash, '') AS password_hash, u.suspended_at IS NOT NULL AS suspended, m.user_id, m.organization_id, m.role, m.status
FROM users u JOIN memberships m ON m.user_id = u.id
WHERE u.email_index = $1 ORDER BY m.status = 'active' DESC, m.created_at LIMIT 1`

type credentials struct {
	PasswordHash string
	Suspended    bool
	users.Membership
}

// Handle checks the password and begins a session. An unknown address takes as
// long, and is answered as, a wrong password (OWASP Authentication).
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	index := users.EmailIndex(f.Keeper, in.Body.Email)
	rows, _ := f.DB.Query(ctx, selectCredentials, index)
	known, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[credentials])
	if err != nil && !database.IsNoRows(err) {
		return nil, fmt.Errorf("look up account: %w", err)
	}
	attempt := f.Attempt(ctx, index, known.UserID)
	if err := attempt.Allowed(ctx); err != nil {
		return nil, err
	}
	ok, err := f.Hasher.Verify(ctx, in.Body.Password, known.PasswordHash)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, attempt.Failed(ctx, f.post, known.OrganizationID)
	}
	if known.Suspended {
		return nil, f.suspended(ctx, known)
	}
	rehashed, err := f.rehash(ctx, in.Body.Password, known.PasswordHash)
	if err != nil {
		return nil, err
	}
	if err := f.issuer.Ready(ctx); err != nil {
		return nil, err
	}
	var answer users.LoginAnswer
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if err := attempt.Proved(ctx, tx, known.PasswordHash, rehashed); err != nil {
			return err
		}
		answer, err = f.begin(ctx, tx, known)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	return &Response{Body: answer}, nil
}

func (f *Function) suspended(ctx context.Context, known credentials) error {
	entry := audit.Entry{Action: "sessions:begin", ResourceID: known.UserID.String(), OrganizationID: known.OrganizationID, Refused: "suspended"}
	if err := audit.Record(ctx, f.DB, entry); err != nil {
		return err
	}
	return fault.New(fault.Forbidden, "This account is suspended: ask an administrator of your organization")
}

// begin follows a right password.
func (f *Function) begin(ctx context.Context, tx *outbox.Tx, known credentials) (users.LoginAnswer, error) {
	return f.BeginOrChallenge(ctx, tx, f.issuer, users.Login{
		UserID: known.UserID, OrganizationID: known.OrganizationID, Active: known.Status == users.MembershipActive, Methods: []string{"pwd"},
	})
}

// rehash hashes a password anew whose hash has other parameters than those of
// today; empty if there is no need.
func (f *Function) rehash(ctx context.Context, password, stored string) (string, error) {
	if !f.Hasher.Outdated(stored) {
		return "", nil
	}
	return f.Hasher.Hash(ctx, password)
}
