package credential

import (
	"context"
	"fmt"
	"slices"

	"function/functions/users/internal/notify"
	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/ratelimit"
)

// removeUnproved are the statements that remove everything that was added to an account before one
// of its addresses was first verified. The password reset that verifies it replaces the password
// and ends sessions and mailed tokens itself.
var removeUnproved = []string{
	`DELETE FROM totp_secrets WHERE user_id = $1`,
	`DELETE FROM passkeys WHERE user_id = $1`,
	deleteRecoveryCodes,
	`DELETE FROM external_identities WHERE user_id = $1`,
	`UPDATE api_keys SET revoked_at = now() WHERE revoked_at IS NULL AND (user_id = $1
     OR service_account_id IN (SELECT id FROM service_accounts WHERE created_by = $1))`,
	`UPDATE invitations SET ended_at = now(), end_reason = 'revoked' WHERE invited_by = $1 AND ended_at IS NULL`,
	`DELETE FROM known_sources WHERE user_id = $1`,
}

const selectProved = `SELECT proved_at IS NOT NULL FROM users WHERE id = $1 FOR NO KEY UPDATE`

// RemoveUnprovedCredentials removes everything that was added to an account before one of its
// addresses was first verified. It runs in the transaction of the first password reset by mail, in
// which the owner of the address proves that it is theirs. The account may have been registered by
// a stranger, who could otherwise return with their own passkey or API key. It does nothing if an
// address was verified before: then the account's second factors protect it from somebody who only
// reads its mail.
func RemoveUnprovedCredentials(ctx context.Context, s store.Store, tx *outbox.Tx, mailer notify.Mailer, c Credentials) error {
	var proved bool
	if err := tx.QueryRow(ctx, selectProved, c.UserID).Scan(&proved); err != nil {
		return fmt.Errorf("read whether the account is verified: %w", err)
	}
	if proved {
		return nil
	}
	had, err := otherCredentials(ctx, tx, c.UserID)
	if err != nil {
		return err
	}
	removed := int64(0)
	for _, statement := range removeUnproved {
		tag, err := tx.Exec(ctx, statement, c.UserID)
		if err != nil {
			return fmt.Errorf("remove unverified credentials: %w", err)
		}
		removed += tag.RowsAffected()
	}
	if removed == 0 {
		return nil
	}
	had = slices.DeleteFunc(had, func(b notify.OtherCredentials) bool { return b.Revoked })
	if err := session.ForgetGuesses(ctx, s, tx, c.UserID); err != nil {
		return err
	}
	if err := mailer.Queue(ctx, tx, c.UserID, mailer.UnprovedCredentialsRemoved(c.Name.Email, had)); err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{
		Action: "users:disown", ActorID: c.UserID, ResourceID: c.UserID.String(), OrganizationID: c.OrganizationID, Detail: map[string]any{"removed": removed},
	})
}

const selectTokenOwner = `SELECT email_index, coalesce(password_hash, '') FROM users WHERE id = $1`

var (
	errWrongPassword = fault.At("body.password", "this is not the password of the account: enter it, or choose a new one (POST /v1/users/password/forgot), which confirms the address too")
	errNoPassword    = fault.At("body.password", "the account has no password: choose one (POST /v1/users/password/forgot), which confirms the address too")
)

// ProveOwnership checks the account's password for a person who follows a mailed link. The link
// alone only proves that they read the address; without the password check they could verify an
// account that a stranger registered with their address.
func ProveOwnership(ctx context.Context, s Passwords, purpose notify.Purpose, token, password string) error {
	user, err := notify.PeekMailedToken(ctx, s.Store.DB, purpose, token)
	if err != nil {
		return err
	}
	var index []byte
	var hash string
	if err := s.Store.DB.QueryRow(ctx, selectTokenOwner, user).Scan(&index, &hash); err != nil {
		return fmt.Errorf("read password of user %s: %w", user, err)
	}
	if hash == "" {
		return errNoPassword
	}
	if err := ratelimit.Account(ctx, index); err != nil {
		return err
	}
	ok, err := s.Hasher.Verify(ctx, password, hash)
	if err == nil && !ok {
		err = errWrongPassword
	}
	return err
}
