package credential

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/notify"
	"function/shared/audit"
	"function/shared/outbox"
)

// recentKeyDays is the age up to which a password reset by mail revokes API keys. A thief who
// has taken over an account creates a key to keep access after the password changes; the
// programs of a person who has merely forgotten the password use older keys.
const recentKeyDays = 30

const revokeRecentKeys = `
UPDATE api_keys k SET revoked_at = now() WHERE k.user_id = $1 AND k.revoked_at IS NULL AND EXISTS (
    SELECT FROM api_key_secrets s WHERE s.key_id = k.id AND s.created_at > now() - make_interval(days => $2))
RETURNING k.id, k.organization_id`

// RevokeRecentKeys revokes those API keys of a person that were created, or got a new secret, in
// the last 30 days. It is called when the person resets the password by mail.
func RevokeRecentKeys(ctx context.Context, tx *outbox.Tx, user uuid.UUID) error {
	rows, _ := tx.Query(ctx, revokeRecentKeys, user, recentKeyDays)
	revoked, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ ID, OrganizationID uuid.UUID }])
	if err != nil {
		return fmt.Errorf("revoke recent API keys: %w", err)
	}
	for _, k := range revoked {
		entry := audit.Entry{
			Action: "api_keys:revoke", ResourceID: k.ID.String(), ActorID: user, OrganizationID: k.OrganizationID, Detail: map[string]any{"by": "passwords:reset"},
		}
		if err := audit.Record(ctx, tx, entry); err != nil {
			return err
		}
	}
	return nil
}

// Since now() is the start of the transaction, k.revoked_at = now() selects the keys that this
// transaction has revoked.
const selectOtherCredentials = `
SELECT kind, count(*) AS count, max(created_at) AS newest, revoked FROM (
    SELECT 1 AS n, 'passkey' AS kind, created_at, false AS revoked FROM passkeys WHERE user_id = $1
    UNION ALL SELECT 2, 'authenticator app', confirmed_at, false FROM totp_secrets WHERE user_id = $1 AND confirmed_at IS NOT NULL
    UNION ALL SELECT 3, 'login of another issuer', created_at, false FROM external_identities WHERE user_id = $1
    UNION ALL SELECT 4, 'API key', s.created_at, k.revoked_at IS NOT NULL FROM api_keys k
        CROSS JOIN LATERAL (SELECT created_at, expires_at FROM api_key_secrets WHERE key_id = k.id ORDER BY created_at DESC LIMIT 1) s
        WHERE k.user_id = $1 AND (k.revoked_at IS NULL AND s.expires_at > now() OR k.revoked_at = now())
) c GROUP BY n, kind, revoked ORDER BY n, revoked`

// otherCredentials returns the credentials that a new password does not change, and the API keys
// that this transaction has revoked.
func otherCredentials(ctx context.Context, tx pgx.Tx, user uuid.UUID) ([]notify.OtherCredentials, error) {
	rows, _ := tx.Query(ctx, selectOtherCredentials, user)
	beside, err := pgx.CollectRows(rows, pgx.RowToStructByName[notify.OtherCredentials])
	if err != nil {
		return nil, fmt.Errorf("read other credentials of user %s: %w", user, err)
	}
	return beside, nil
}
