package credential

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/uuid7"
)

// maxKeys limits the unrevoked keys of one owner.
const maxKeys = 100

const (
	lockPerson         = `SELECT FROM users WHERE id = @owner FOR NO KEY UPDATE`
	lockServiceAccount = `SELECT FROM service_accounts WHERE id = @owner AND organization_id = @organization FOR NO KEY UPDATE`
	countKeys          = `SELECT count(*) FROM api_keys WHERE (user_id = @owner OR service_account_id = @owner) AND revoked_at IS NULL`
	insertKey          = `
INSERT INTO api_keys (id, organization_id, user_id, service_account_id, name, scopes)
VALUES (@id, @organization, CASE WHEN NOT @account THEN @owner::uuid END, CASE WHEN @account THEN @owner::uuid END, @name, @scopes)
RETURNING created_at`
	insertSecret = `
INSERT INTO api_key_secrets (hash, key_id, hint, expires_at) VALUES ($1, $2, $3, now() + make_interval(days => $4)) RETURNING expires_at`
)

// CreateKey creates a key for an owner. Its scopes cannot exceed the caller's permissions.
func CreateKey(ctx context.Context, s store.Store, tx *outbox.Tx, caller auth.Caller, owner KeyOwner, in KeyRequest) (ShownKey, error) {
	k := ShownKey{APIKey: APIKey{ID: uuid7.New(), OrganizationID: caller.OrganizationID, Name: string(in.Name), Scopes: distinct(in.Scopes)}}
	if err := checkScopes(caller, k.Scopes); err != nil {
		return k, err
	}
	arguments := pgx.NamedArgs{
		"id": k.ID, "organization": caller.OrganizationID, "owner": owner.ID, "account": owner.ServiceAccount, "name": in.Name, "scopes": k.Scopes,
	}
	if err := lockOwner(ctx, tx, owner, arguments); err != nil {
		return k, err
	}
	var held int
	if err := tx.QueryRow(ctx, countKeys, arguments).Scan(&held); err != nil {
		return k, fmt.Errorf("count API keys: %w", err)
	}
	if held >= maxKeys {
		return k, fault.New(fault.Conflict, "There are already %d keys: revoke one first", maxKeys)
	}
	if err := tx.QueryRow(ctx, insertKey, arguments).Scan(&k.CreatedAt); err != nil {
		return k, fmt.Errorf("insert API key: %w", err)
	}
	err := k.newSecret(ctx, tx, in.ExpiresInDays)
	if err != nil {
		return k, err
	}
	return k, audit.Record(ctx, tx, audit.Entry{
		Action: "api_keys:create", ResourceID: k.ID.String(), Detail: map[string]any{"owner": owner.ID, "scopes": k.Scopes, "expires_at": k.ExpiresAt},
	})
}

func distinct(scopes []policy.Permission) []policy.Permission {
	scopes = slices.Clone(scopes)
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// lockOwner serializes the creation of keys for an owner.
func lockOwner(ctx context.Context, tx *outbox.Tx, owner KeyOwner, arguments pgx.NamedArgs) error {
	lock := lockPerson
	if owner.ServiceAccount {
		lock = lockServiceAccount
	}
	found, err := tx.Exec(ctx, lock, arguments)
	if err != nil {
		return fmt.Errorf("lock the key's owner: %w", err)
	}
	if found.RowsAffected() == 0 {
		return ErrNoServiceAccount
	}
	return nil
}

// ErrNoServiceAccount is returned for a service account that the caller's organization does not
// have.
var ErrNoServiceAccount = fault.New(fault.NotFound, "There is no such service account in your organization")

// checkScopes refuses scopes that the caller does not have, so that nobody can use a key to gain
// rights.
func checkScopes(caller auth.Caller, scopes []policy.Permission) error {
	known, now := policy.Grantable(), time.Now()
	for _, scope := range scopes {
		if !slices.Contains(known, scope) {
			return fault.At("body.scopes", "an API key cannot have this permission")
		}
		if d := policy.Decide(caller.Subject, policy.Need{Permission: scope}, now); !d.Allowed {
			return fault.New(fault.Forbidden, "You cannot give a key %s: %s", scope, d.Reason)
		}
	}
	return nil
}

const (
	isDisabled      = `SELECT disabled_at IS NOT NULL FROM service_accounts WHERE id = @owner AND organization_id = @organization FOR NO KEY UPDATE`
	selectKeyScopes = `SELECT coalesce(array_agg(DISTINCT scope), '{}') FROM api_keys, unnest(scopes) AS scope WHERE service_account_id = @owner AND revoked_at IS NULL`
)

// MayEnable refuses to enable a disabled service account if the caller could not create its
// keys, since enabling the account makes its unrevoked keys work again. It also requires step-up
// authentication.
func MayEnable(ctx context.Context, s store.Store, tx *outbox.Tx, caller auth.Caller, owner KeyOwner) error {
	arguments := pgx.NamedArgs{"owner": owner.ID, "organization": caller.OrganizationID}
	var disabled bool
	err := tx.QueryRow(ctx, isDisabled, arguments).Scan(&disabled)
	if database.IsNoRows(err) {
		return ErrNoServiceAccount
	}
	if err != nil {
		return fmt.Errorf("lock service account: %w", err)
	}
	if !disabled {
		return nil
	}
	var scopes []policy.Permission
	if err := tx.QueryRow(ctx, selectKeyScopes, arguments).Scan(&scopes); err != nil {
		return fmt.Errorf("read what the keys may do: %w", err)
	}
	for _, scope := range scopes {
		if d := policy.Decide(caller.Subject, policy.Need{Permission: scope}, time.Now()); !d.Allowed {
			return fault.New(fault.Forbidden, "You cannot enable a service account whose keys have %s: %s", scope, d.Reason)
		}
	}
	return store.RequireFreshProof(caller)
}

func (k *ShownKey) newSecret(ctx context.Context, tx *outbox.Tx, days int) error {
	k.Key = auth.NewAPIKey(k.ID)
	k.Hint = k.Key[len(k.Key)-4:]
	if err := tx.QueryRow(ctx, insertSecret, auth.APIKeyHash(k.Key), k.ID, k.Hint, days).Scan(&k.ExpiresAt); err != nil {
		return fmt.Errorf("insert secret of API key: %w", err)
	}
	return nil
}

const (
	selectAPIKey = `
SELECT k.id, k.organization_id, k.name, k.scopes, '' AS hint, k.created_at, now() AS expires_at, k.last_used_at
FROM api_keys k WHERE k.id = @id AND (k.user_id = @owner OR k.service_account_id = @owner) AND k.revoked_at IS NULL FOR UPDATE`
	endSecrets           = `UPDATE api_key_secrets SET expires_at = least(expires_at, now() + make_interval(mins => $2)) WHERE key_id = $1`
	deleteExpiredSecrets = `DELETE FROM api_key_secrets WHERE key_id = $1 AND expires_at <= now()`
)

// RotateKey gives a key a new secret. Current secrets stay valid for the overlap, at most until
// they expire. To rotate a service account's key, the caller needs all of the key's scopes,
// because the response contains the new secret.
func RotateKey(ctx context.Context, s store.Store, tx *outbox.Tx, caller auth.Caller, owner KeyOwner, id uuid.UUID, in RotateRequest) (ShownKey, error) {
	key, err := database.One[APIKey](ctx, tx, errNoKey, selectAPIKey, pgx.NamedArgs{"id": id, "owner": owner.ID})
	k := ShownKey{APIKey: key}
	if err != nil {
		return k, err
	}
	if owner.ServiceAccount {
		if err := checkScopes(caller, k.Scopes); err != nil {
			return k, err
		}
	}
	if _, err := tx.Exec(ctx, endSecrets, id, in.OverlapMinutes); err != nil {
		return k, fmt.Errorf("end secrets of API key: %w", err)
	}
	if _, err := tx.Exec(ctx, deleteExpiredSecrets, id); err != nil {
		return k, fmt.Errorf("delete secrets of API key: %w", err)
	}
	if err := k.newSecret(ctx, tx, in.ExpiresInDays); err != nil {
		return k, err
	}
	return k, audit.Record(ctx, tx, audit.Entry{
		Action: "api_keys:rotate", ResourceID: id.String(), Detail: map[string]any{"overlap_minutes": in.OverlapMinutes, "expires_at": k.ExpiresAt},
	})
}
