package organizationsettings

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/access"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/fault"
	"function/shared/outbox"
)

// Get returns the settings.
func (f *Function) Get(ctx context.Context, in *Request) (*Response, error) {
	settings, err := store.SettingsOf(ctx, f.store.DB, in.ID)
	return &Response{Body: settings}, err
}

const (
	selectDecided = `SELECT settings FROM organizations WHERE id = $1`
	setDecided    = `UPDATE organizations SET settings = $2 WHERE id = $1`
)

// Change merges a patch into the organization's settings.
func (f *Function) Change(ctx context.Context, in *ChangeRequest) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	var after store.Settings
	err = act.Do(ctx, f.store.DB, audit.Entry{Action: "organizations:change_settings", ResourceID: in.ID.String(), Detail: in.Body}, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := store.LockOrganization(ctx, tx, in.ID); err != nil {
			return err
		}
		before, err := store.SettingsOf(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		if err := merge(ctx, tx, in.ID, in.Body); err != nil {
			return err
		}
		if after, err = store.SettingsOf(ctx, tx, in.ID); err != nil {
			return err
		}
		if after.SessionIdleMinutes < before.SessionIdleMinutes || after.SessionLifeHours < before.SessionLifeHours {
			if err := applySessionLimits(ctx, tx, in.ID, after); err != nil {
				return err
			}
		}
		if before.RequireSecondPerson && !after.RequireSecondPerson {
			return fault.New(fault.Conflict, "Turning off second-person approval itself needs a second person's approval: use DELETE /v1/organizations/{id}/settings/require_second_person")
		}
		if after.RequireSecondPerson && !before.RequireSecondPerson {
			if err := access.RequireApprovers(ctx, tx, in.ID); err != nil {
				return err
			}
		}
		if after.Weakens(before) {
			return store.RequireFreshProof(caller)
		}
		return nil
	})
	return &Response{Body: after}, err
}

// merge applies a merge patch (RFC 7396) to an object without nested objects. Decoding sets the
// members that the patch contains; null removes them.
func merge(ctx context.Context, tx pgx.Tx, organization uuid.UUID, patch Patch) error {
	var decided store.Decisions
	if err := tx.QueryRow(ctx, selectDecided, organization).Scan(&decided); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	encoded, err := json.Marshal(patch)
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	if err := json.Unmarshal(encoded, &decided); err != nil {
		return fmt.Errorf("merge settings: %w", err)
	}
	if _, err := tx.Exec(ctx, setDecided, organization, decided); err != nil {
		return fmt.Errorf("set settings: %w", err)
	}
	return nil
}

const (
	// A session that begins concurrently reads the settings under a lock on the organization, so
	// one of the two transactions waits for the other.
	waitForSessions = `SELECT FROM organizations WHERE id = $1 FOR UPDATE`
	shortenSessions = `
UPDATE sessions SET absolute_end = least(absolute_end, created_at + $2::interval),
       expires_at = least(expires_at, created_at + $2::interval, refreshed_at + $3::interval)
WHERE organization_id = $1 AND ended_at IS NULL AND expires_at > now()`
)

// applySessionLimits applies the limits of the settings to open sessions (OWASP ASVS 5.0 §7.3).
func applySessionLimits(ctx context.Context, tx pgx.Tx, organization uuid.UUID, s store.Settings) error {
	for _, statement := range []struct {
		sql       string
		arguments []any
	}{{waitForSessions, []any{organization}}, {shortenSessions, []any{organization, s.SessionLife(), s.SessionIdle()}}} {
		if _, err := tx.Exec(ctx, statement.sql, statement.arguments...); err != nil {
			return fmt.Errorf("shorten sessions: %w", err)
		}
	}
	return nil
}
