// Package refresh exchanges a refresh token for a new pair of tokens:
// POST /v1/users/refresh.
package refresh

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Post("users-refresh", "/v1/users/refresh", "Exchange a refresh token for new tokens", policy.Public).
	Sensitive().Fails(fault.Unauthenticated).
	Describe("Each refresh token is valid for one exchange. A repeated request within 10 seconds, after a lost response or from a second tab, returns the same next refresh token while that one is unused. Any later reuse counts as theft and ends the session (RFC 9700 §4.14)."), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request contains the token.
type Request struct {
	Body struct {
		RefreshToken string `json:"refresh_token" maxLength:"100"`
	}
}

// Response contains the session's next pair of tokens.
type Response struct{ Body session.Tokens }

// Function exchanges refresh tokens.
type Function struct {
	store  store.Store
	issuer *auth.Issuer
	mailer notify.Mailer
}

// New opens the store, the token issuer and the mailer.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	mailer, err := notify.NewMailer(store, env)
	return &Function{store, session.NewIssuer(store, env), mailer}, err
}

const (
	useToken = `
UPDATE refresh_tokens SET used_at = now(), sealed_successor = $2 WHERE hash = $1 AND used_at IS NULL RETURNING session_id`
	// The successors of earlier tokens have been used by now, so nobody may request them again.
	forgetSuccessors = `UPDATE refresh_tokens SET sealed_successor = NULL WHERE session_id = $1 AND hash <> $2 AND sealed_successor IS NOT NULL`
	extend           = `
UPDATE sessions s SET refreshed_at = now(),
       expires_at = least(absolute_end, now() + coalesce((o.settings ->> 'session_idle_minutes')::int, $2) * interval '1 minute')
FROM organizations o WHERE s.id = $1 AND o.id = s.organization_id`
)

var errNotAccepted = fault.New(fault.Unauthenticated, "The refresh token is no longer valid: log in again")

// Handle consumes the token and returns the session's next one.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	hash := store.TokenHash(in.Body.RefreshToken)
	next := store.NewToken()
	sealed, err := sealSuccessor(in.Body.RefreshToken, next)
	if err != nil {
		return nil, err
	}
	var sessionID uuid.UUID
	var known auth.Caller
	err = f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if err := tx.QueryRow(ctx, useToken, hash, sealed).Scan(&sessionID); err != nil {
			return err
		}
		var err error
		if known, err = lookUp(ctx, tx, sessionID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, forgetSuccessors, sessionID, hash); err != nil {
			return fmt.Errorf("forget successors: %w", err)
		}
		if _, err := tx.Exec(ctx, extend, sessionID, store.DefaultSettings.SessionIdleMinutes); err != nil {
			return fmt.Errorf("extend session: %w", err)
		}
		return session.AddRefreshToken(ctx, tx, sessionID, next)
	})
	switch {
	case database.IsNoRows(err):
		known, next, err = f.reuse(ctx, in.Body.RefreshToken)
	case err != nil:
		err = act.Refused(ctx, f.store.DB, audit.Entry{Action: "sessions:refresh", ResourceID: sessionID.String()}, err)
	}
	if err != nil {
		return nil, fmt.Errorf("exchange refresh token: %w", err)
	}
	access, err := f.issuer.Issue(ctx, known, known.Methods...)
	if err != nil {
		return nil, err
	}
	return &Response{Body: session.Bearer(access, next)}, nil
}

func lookUp(ctx context.Context, tx pgx.Tx, sessionID uuid.UUID) (auth.Caller, error) {
	known, err := session.TokenSubject(ctx, tx, sessionID)
	if errors.Is(err, session.ErrSessionOver) {
		err = errNotAccepted
	}
	return known, err
}
