// Package credential manages the credentials of accounts: passwords, passkeys, authenticator
// apps, recovery codes and API keys.
package credential

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/policy"
)

// APIKey is an API key as shown in lists.
type APIKey struct {
	ID             uuid.UUID           `json:"id" format:"uuid"`
	OrganizationID uuid.UUID           `json:"organization_id" format:"uuid" doc:"Organization in which the key acts"`
	Name           string              `json:"name"`
	Scopes         []policy.Permission `json:"scopes" nullable:"false" doc:"The most that the key may do; its owner's roles limit it further"`
	Hint           string              `json:"hint" doc:"The last four characters of the newest secret"`
	CreatedAt      time.Time           `json:"created_at"`
	ExpiresAt      time.Time           `json:"expires_at"`
	LastUsedAt     *time.Time          `json:"last_used_at,omitempty" doc:"Accurate to a minute"`
}

// ShownKey is a key together with its secret, which the API shows only once.
type ShownKey struct {
	APIKey
	Key string `json:"key" doc:"For the Authorization header: Bearer aic_… Shown only once"`
}

// KeyRequest describes a new key.
type KeyRequest struct {
	Name          person.DisplayName  `json:"name" minLength:"1" maxLength:"100"`
	Scopes        []policy.Permission `json:"scopes" minItems:"1" maxItems:"64" nullable:"false" example:"[\"datasets:read\"]" doc:"Permissions such as datasets:read; you must have each of them yourself"`
	ExpiresInDays int                 `json:"expires_in_days,omitempty" minimum:"1" maximum:"365" default:"90"`
}

// RotateRequest says how long the current secret stays valid and how long the new one lives.
type RotateRequest struct {
	OverlapMinutes int `json:"overlap_minutes" minimum:"0" maximum:"1440" doc:"How long the current secret stays valid, at most until it expires"`
	ExpiresInDays  int `json:"expires_in_days,omitempty" minimum:"1" maximum:"365" default:"90" doc:"Lifetime of the new secret"`
}

// KeyOwner is a person or a service account of an organization.
type KeyOwner struct {
	ID             uuid.UUID
	ServiceAccount bool
}

const selectKeys = `
SELECT k.id, k.organization_id, k.name, k.scopes, s.hint, k.created_at, s.expires_at, k.last_used_at
FROM api_keys k CROSS JOIN LATERAL (SELECT hint, expires_at FROM api_key_secrets WHERE key_id = k.id ORDER BY created_at DESC LIMIT 1) s
WHERE (k.user_id = @owner OR k.service_account_id = @owner) AND k.revoked_at IS NULL AND k.id < @before
ORDER BY k.id DESC LIMIT @limit`

// Keys lists an owner's keys, including expired ones.
func Keys(ctx context.Context, s store.Store, owner KeyOwner, q page.Query) (page.Page[APIKey], error) {
	return page.List(ctx, s.DB, q, func(k APIKey) uuid.UUID { return k.ID }, selectKeys, pgx.NamedArgs{"owner": owner.ID})
}

const revokeKey = `
UPDATE api_keys SET revoked_at = now() WHERE id = @id AND (user_id = @owner OR service_account_id = @owner) AND revoked_at IS NULL`

var errNoKey = fault.New(fault.NotFound, "There is no such API key, or it has been revoked")

// RevokeKey revokes a key with all its secrets. It stops working everywhere within a second.
func RevokeKey(ctx context.Context, s store.Store, owner KeyOwner, id uuid.UUID) error {
	return act.Do(ctx, s.DB, audit.Entry{Action: "api_keys:revoke", ResourceID: id.String()}, func(tx *outbox.Tx, _ *audit.Entry) error {
		revoked, err := tx.Exec(ctx, revokeKey, pgx.NamedArgs{"id": id, "owner": owner.ID})
		if err != nil {
			return fmt.Errorf("revoke API key: %w", err)
		}
		if revoked.RowsAffected() == 0 {
			return errNoKey
		}
		return nil
	})
}

// IssueKey runs work, which creates a key or a secret for an owner and records it. A refusal is
// also recorded in the audit trail.
func IssueKey(ctx context.Context, s store.Store, action string, owner KeyOwner, work func(*outbox.Tx) error) error {
	return act.Refused(ctx, s.DB, audit.Entry{Action: action, ResourceID: owner.ID.String()}, s.DB.Transact(ctx, work))
}
