package organizationsettings

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/policy"
)

// Get shows the settings.
func (f *Function) Get(ctx context.Context, in *Request) (*Response, error) {
	if _, err := users.InOwn(ctx, in.ID); err != nil {
		return nil, err
	}
	settings, err := users.SettingsOf(ctx, f.DB, in.ID)
	return &Response{Body: settings}, err
}

const (
	selectDecided = `SELECT settings FROM organizations WHERE id = $1`
	setDecided    = `UPDATE organizations SET settings = $2 WHERE id = $1`
	countDeciders = `
SELECT count(*) FROM (
    SELECT FROM memberships m CROSS JOIN LATERAL roles_of(m.user_id, m.organization_id) AS roles
    WHERE m.organization_id = $1 AND m.status = 'active' AND (roles && $2 OR $3 = ANY (permissions_of($1, roles))) LIMIT 2
) deciders`
)

// Change merges the patch into what the organization has decided so far.
func (f *Function) Change(ctx context.Context, in *ChangeRequest) (*Response, error) {
	caller, err := users.InOwn(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var after users.Settings
	err = f.Act(ctx, audit.Entry{Action: "organizations:change_settings", ResourceID: in.ID.String(), Detail: in.Body}, func(tx *outbox.Tx, _ *audit.Entry) error {
		if err := users.LockOrganization(ctx, tx, in.ID); err != nil {
			return err
		}
		before, err := users.SettingsOf(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		if err := merge(ctx, tx, in.ID, in.Body); err != nil {
			return err
		}
		if after, err = users.SettingsOf(ctx, tx, in.ID); err != nil {
			return err
		}
		if after.SessionIdleMinutes < before.SessionIdleMinutes || after.SessionLifeHours < before.SessionLifeHours {
			if err := shorten(ctx, tx, in.ID, after); err != nil {
				return err
			}
		}
		switch {
		case before.RequireSecondPerson && !after.RequireSecondPerson:
			return fault.New(fault.Conflict, "That a second person approves changes of roles ends when a second person approves it: DELETE /v1/organizations/{id}/settings/require_second_person")
		case !before.RequireSecondPerson && after.RequireSecondPerson:
			return needDeciders(ctx, tx, in.ID)
		case before.RequireSecondFactor && !after.RequireSecondFactor:
			return users.Fresh(caller)
		}
		return nil
	})
	return &Response{Body: after}, err
}

// merge is RFC 7396 for an object without objects in it.
func merge(ctx context.Context, tx pgx.Tx, organization uuid.UUID, patch Patch) error {
	decided := Patch{}
	if err := tx.QueryRow(ctx, selectDecided, organization).Scan(&decided); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	maps.Copy(decided, patch)
	maps.DeleteFunc(decided, func(_ string, value any) bool { return value == nil })
	if _, err := tx.Exec(ctx, setDecided, organization, decided); err != nil {
		return fmt.Errorf("set settings: %w", err)
	}
	return nil
}

const (
	// Sessions that begin meanwhile read the settings with a lock on the organization that
	// this one waits for, and that waits for this one.
	waitForSessions = `SELECT FROM organizations WHERE id = $1 FOR UPDATE`
	shortenSessions = `
UPDATE sessions SET absolute_end = least(absolute_end, created_at + $2::interval),
       expires_at = least(expires_at, created_at + $2::interval, refreshed_at + $3::interval)
WHERE organization_id = $1 AND ended_at IS NULL AND expires_at > now()`
)

// shorten has the limits of the settings hold for open sessions too (OWASP ASVS 5.0 §7.3).
func shorten(ctx context.Context, tx pgx.Tx, organization uuid.UUID, s users.Settings) error {
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

// needDeciders refuses a rule that nobody could fulfil, and nobody could end.
func needDeciders(ctx context.Context, tx pgx.Tx, organization uuid.UUID) error {
	var mighty []string
	for _, role := range policy.BuiltIn() {
		if slices.Contains(policy.Permissions(role), policy.RolesApprove) {
			mighty = append(mighty, role)
		}
	}
	var deciders int
	if err := tx.QueryRow(ctx, countDeciders, organization, mighty, policy.RolesApprove).Scan(&deciders); err != nil {
		return fmt.Errorf("count those who can approve: %w", err)
	}
	if deciders < 2 {
		return fault.New(fault.Conflict, "Nobody else could approve a change of roles: give a second member a role that allows %s first", policy.RolesApprove)
	}
	return nil
}
