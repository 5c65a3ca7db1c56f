// Package switchorganization switches a session to another of the person's organizations: POST
// /v1/users/sessions/organization.
package switchorganization

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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
var Service = function.Endpoint(function.Post("users-switch-organization", "/v1/users/sessions/organization", "Switch to another of your organizations", policy.Person).
	Fails(fault.NotFound).
	Describe("The session's earlier tokens stop working. The stricter organization's session limits apply."), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request identifies the organization.
type Request struct {
	Body struct {
		OrganizationID uuid.UUID `json:"organization_id" format:"uuid"`
	}
}

// Response contains the session's next pair of tokens.
type Response struct{ Body session.Tokens }

// Function switches sessions.
type Function struct {
	store  store.Store
	issuer *auth.Issuer
}

// New opens the store and the token issuer.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	return &Function{store: store, issuer: session.NewIssuer(store, env)}, nil
}

const (
	selectOpen = `
SELECT FROM memberships m JOIN organizations o ON o.id = m.organization_id
WHERE m.user_id = $1 AND m.organization_id = $2 AND m.status = 'active' AND o.deleted_at IS NULL FOR SHARE`
	switchSession = `
UPDATE sessions SET organization_id = $2, absolute_end = least(absolute_end, created_at + $3::interval),
       expires_at = least(absolute_end, created_at + $3::interval, now() + $4::interval)
WHERE id = $1 AND ended_at IS NULL AND expires_at > now() AND created_at + $3::interval > now()`
	// Tokens are deleted instead of marked as used, so that a client that refreshes concurrently
	// is not taken for a thief.
	forgetTokens = `DELETE FROM refresh_tokens WHERE session_id = $1 AND used_at IS NULL`
)

// Handle switches the session and issues new tokens.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := store.RequireSession(ctx)
	if err != nil {
		return nil, err
	}
	var next auth.Caller
	var refresh string
	entry := audit.Entry{Action: "sessions:switch_organization", ResourceID: caller.SessionID.String()}
	err = act.Do(ctx, f.store.DB, entry, func(tx *outbox.Tx, entry *audit.Entry) error {
		if err := f.enter(ctx, tx, caller, in.Body.OrganizationID); err != nil {
			return err
		}
		entry.OrganizationID = in.Body.OrganizationID
		if next, err = session.TokenSubject(ctx, tx, caller.SessionID); err != nil {
			return err
		}
		refresh, err = session.NewRefreshToken(ctx, tx, caller.SessionID)
		return err
	})
	if err != nil {
		return nil, err
	}
	access, err := f.issuer.Issue(ctx, next, next.Methods...)
	if err != nil {
		return nil, err
	}
	return &Response{Body: session.Bearer(access, refresh)}, nil
}

// enter switches the session to an organization in which the person may act.
func (f *Function) enter(ctx context.Context, tx pgx.Tx, caller auth.Caller, organization uuid.UUID) error {
	err := tx.QueryRow(ctx, selectOpen, caller.UserID, organization).Scan()
	if database.IsNoRows(err) {
		return fault.New(fault.NotFound, "You cannot act in an organization with this identifier: GET /v1/organizations lists yours")
	}
	if err != nil {
		return fmt.Errorf("read membership: %w", err)
	}
	limits, err := store.SettingsOf(ctx, tx, organization)
	if err != nil {
		return err
	}
	switched, err := tx.Exec(ctx, switchSession, caller.SessionID, organization, limits.SessionLife(), limits.SessionIdle())
	if err != nil {
		return fmt.Errorf("switch session: %w", err)
	}
	if switched.RowsAffected() == 0 {
		return fault.New(fault.Unauthenticated, "This session is older than the organization allows: log in again")
	}
	if _, err := tx.Exec(ctx, forgetTokens, caller.SessionID); err != nil {
		return fmt.Errorf("forget refresh tokens: %w", err)
	}
	return nil
}
