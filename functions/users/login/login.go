// Package login begins a session: POST /v1/users/login.
package login

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/password"
	"function/shared/uuid7"
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

// Response is the session's first pair of tokens.
type Response struct{ Body users.Tokens }

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

const (
	selectCredentials = `
SELECT u.password_hash, m.user_id, m.organization_id, m.role, m.status
FROM users u JOIN memberships m ON m.user_id = u.id
WHERE u.email_index = $1 ORDER BY m.created_at LIMIT 1`
	insertSession = `INSERT INTO sessions (id, user_id, organization_id, expires_at) VALUES ($1, $2, $3, now() + $4)`
)

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
	return f.begin(ctx, known.Membership)
}

func (f *Function) begin(ctx context.Context, m users.Membership) (*Response, error) {
	session := uuid7.New()
	access, err := f.issuer.Issue(ctx, users.CallerOf(session, m), "pwd")
	if err != nil {
		return nil, err
	}
	var refresh string
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if _, err := tx.Exec(ctx, insertSession, session, m.UserID, m.OrganizationID, users.SessionLife); err != nil {
			return fmt.Errorf("insert session: %w", err)
		}
		if refresh, err = users.NewRefreshToken(ctx, tx, session); err != nil {
			return err
		}
		if m.Status != users.MembershipActive {
			return nil
		}
		return tx.Publish(ctx, events.UserLoggedIn{SessionID: session, UserID: m.UserID, OrganizationID: m.OrganizationID, LoggedInAt: time.Now().UTC()})
	})
	if err != nil {
		return nil, fmt.Errorf("begin session: %w", err)
	}
	return &Response{Body: users.Bearer(access, refresh)}, nil
}
