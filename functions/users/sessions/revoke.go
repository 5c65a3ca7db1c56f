package sessions

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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
var Service = function.Service("users-sessions", New,
	function.On(function.Get("users-list-sessions", "/v1/users/sessions", "List your sessions", policy.Person).
		Describe("A platform admin acting as you does not see devices and locations."), (*Function).List),
	function.On(function.Delete("users-revoke-session", "/v1/users/sessions/{id}", "End a session of yours", policy.Person).
		Describe("Its tokens are refused everywhere within a second. Ending a session other than the current one requires step-up authentication (POST /v1/users/mfa/step-up)."), (*Function).Revoke),
	function.On(function.Post("users-revoke-all-sessions", "/v1/users/sessions/revoke-all", "Log out everywhere", policy.Person.WithFreshProof()).
		Describe("Ends all your sessions, in every organization. Their tokens are refused everywhere within a second."), (*Function).RevokeAll),
).
	Uses(function.Owns(database.Users), function.Keys)

// RevokeRequest identifies a session.
type RevokeRequest struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

// RevokeAllRequest says whether to keep the current session.
type RevokeAllRequest struct {
	Body *struct {
		KeepCurrent bool `json:"keep_current,omitempty" doc:"Keep the current session"`
	}
}

// RevokeAllResponse contains the number of ended sessions.
type RevokeAllResponse struct {
	Body struct {
		Revoked int `json:"revoked" doc:"Number of sessions ended"`
	}
}

const end = `
UPDATE sessions SET ended_at = now(), end_reason = 'revoked'
WHERE user_id = @user AND ended_at IS NULL AND expires_at > now() AND (@only::uuid IS NULL OR id = @only) AND id <> @except
RETURNING id`

// Revoke ends one session. The holder of a stolen session can only end that one; to end others
// takes step-up authentication, so that the owner can always end the thief's session (OWASP ASVS
// 5.0 §7.5.2).
func (f *Function) Revoke(ctx context.Context, in *RevokeRequest) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	if in.ID != caller.SessionID {
		if err := store.RequireFreshProof(caller); err != nil {
			return nil, act.Refused(ctx, f.store.DB, audit.Entry{Action: "sessions:revoke", ResourceID: in.ID.String()}, err)
		}
	}
	ended, err := f.end(ctx, &in.ID, uuid.Nil)
	if err == nil && ended == 0 {
		entry := audit.Entry{Action: "sessions:revoke", ResourceID: in.ID.String()}
		err = act.Refused(ctx, f.store.DB, entry, fault.New(fault.NotFound, "You have no session with this identifier, or it has ended"))
	}
	return nil, err
}

// RevokeAll ends all sessions, optionally except the current one.
func (f *Function) RevokeAll(ctx context.Context, in *RevokeAllRequest) (*RevokeAllResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	except := uuid.Nil
	if in.Body != nil && in.Body.KeepCurrent {
		except = caller.SessionID
	}
	var out RevokeAllResponse
	out.Body.Revoked, err = f.end(ctx, nil, except)
	return &out, err
}

// end ends sessions of the caller. It notifies the person unless only the current session has
// ended.
func (f *Function) end(ctx context.Context, only *uuid.UUID, except uuid.UUID) (int, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return 0, err
	}
	var ended []uuid.UUID
	err = f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		rows, _ := tx.Query(ctx, end, pgx.NamedArgs{"user": caller.UserID, "only": only, "except": except})
		if ended, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
		for _, id := range ended {
			if err := audit.Record(ctx, tx, audit.Entry{Action: "sessions:revoke", ResourceID: id.String(), Detail: map[string]any{"by": caller.SessionID}}); err != nil {
				return err
			}
		}
		if !slices.ContainsFunc(ended, func(id uuid.UUID) bool { return id != caller.SessionID }) {
			return nil
		}
		return f.mailer.Notify(ctx, tx, caller.UserID, f.mailer.SessionsEnded)
	})
	return len(ended), err
}
