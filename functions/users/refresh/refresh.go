// Package refresh exchanges a refresh token for a new pair of tokens:
// POST /v1/users/refresh.
package refresh

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Operation is the HTTP operation.
var Operation = huma.Operation{
	OperationID: "users-refresh", Method: http.MethodPost, Path: "/v1/users/refresh",
	Summary: "Exchange a refresh token for new tokens", Tags: []string{users.Tag},
	Description: "Each refresh token is good for one exchange. A token that comes a second time was stolen: the session ends (RFC 9700 §4.14).",
	Errors:      []int{http.StatusUnauthorized},
}

// Request is the token.
type Request struct {
	Body struct {
		RefreshToken string `json:"refresh_token" maxLength:"100"`
	}
}

// Response is the session's next pair of tokens.
type Response struct{ Body users.Tokens }

// Function exchanges tokens.
type Function struct {
	users.Store
	issuer *auth.Issuer
	post   users.Post
}

// New opens the sessions, the signing key and the mail.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	post, err := store.Post(env)
	return &Function{store, store.Issuer(env), post}, err
}

const (
	useToken = `UPDATE refresh_tokens SET used_at = now() WHERE hash = $1 AND used_at IS NULL RETURNING session_id`
	extend   = `
UPDATE sessions s SET refreshed_at = now(),
       expires_at = least(absolute_end, now() + coalesce((o.settings ->> 'session_idle_minutes')::int, $2) * interval '1 minute')
FROM organizations o WHERE s.id = $1 AND o.id = s.organization_id`
	selectCaller = `SELECT user_id, organization_id, methods, impersonator_id, waits_for, roles FROM published.callers WHERE session_id = $1 AND alive`
)

type caller struct {
	UserID, OrganizationID uuid.UUID
	Methods, Roles         []string
	ImpersonatorID         uuid.NullUUID
	WaitsFor               *string
}

var errNotAccepted = fault.New(fault.Unauthenticated, "The refresh token is not valid any more: log in")

// Handle uses the token up and gives the session the next one.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	hash := users.TokenHash(in.Body.RefreshToken)
	var session uuid.UUID
	var known caller
	var refresh string
	err := f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if err := tx.QueryRow(ctx, useToken, hash).Scan(&session); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, selectCaller, session)
		var err error
		if known, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[caller]); database.IsNoRows(err) {
			return errNotAccepted
		} else if err != nil {
			return fmt.Errorf("look up session: %w", err)
		}
		if _, err := tx.Exec(ctx, extend, session, users.DefaultSettings.SessionIdleMinutes); err != nil {
			return fmt.Errorf("extend session: %w", err)
		}
		refresh, err = users.NewRefreshToken(ctx, tx, session)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		if err := f.endFamily(ctx, hash); err != nil {
			return nil, fmt.Errorf("end session of a reused token: %w", err)
		}
		return nil, errNotAccepted
	}
	if err != nil {
		return nil, fmt.Errorf("exchange refresh token: %w", err)
	}
	access, err := f.issuer.Issue(ctx, known.of(session), known.Methods...)
	if err != nil {
		return nil, err
	}
	return &Response{Body: users.Bearer(access, refresh)}, nil
}

// of is who the session's tokens speak of: without an organization while it has
// not let the person in.
func (c caller) of(session uuid.UUID) auth.Caller {
	to := auth.Caller{UserID: c.UserID, SessionID: session, Roles: c.Roles, ImpersonatorID: c.ImpersonatorID.UUID}
	if c.WaitsFor == nil || *c.WaitsFor == policy.WaitsForSecondFactor || *c.WaitsFor == policy.WaitsForPassword {
		to.OrganizationID = c.OrganizationID
	}
	return to
}
