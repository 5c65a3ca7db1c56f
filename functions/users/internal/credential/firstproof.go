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

// disownings remove what somebody has added to an account who never proved that it is
// theirs. Its sessions, its mailed tokens and its password go with the reset that proves it.
var disownings = []string{
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

// Disown removes what was added to an account before anybody proved that its address is
// theirs, in the transaction of a first proof by somebody who need not have known it: who
// chooses a password by a mailed link. Whoever registered the address may have been a
// stranger, who would come back by a passkey or a key of theirs. It does nothing to an
// account that was proved before: its second factors hold against whoever reads its mail.
func Disown(ctx context.Context, s store.Store, tx *outbox.Tx, post notify.Mailer, c Credentials) error {
	var proved bool
	if err := tx.QueryRow(ctx, selectProved, c.UserID).Scan(&proved); err != nil {
		return fmt.Errorf("read whether the account is proved: %w", err)
	}
	if proved {
		return nil
	}
	had, err := otherCredentials(ctx, tx, c.UserID)
	if err != nil {
		return err
	}
	removed := int64(0)
	for _, statement := range disownings {
		tag, err := tx.Exec(ctx, statement, c.UserID)
		if err != nil {
			return fmt.Errorf("remove what was added before the first proof: %w", err)
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
	if err := post.Queue(ctx, tx, c.UserID, post.Disowned(c.Name.Email, had)); err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{
		Action: "users:disown", ActorID: c.UserID, ResourceID: c.UserID.String(), OrganizationID: c.OrganizationID, Detail: map[string]any{"removed": removed},
	})
}

const selectHolder = `SELECT email_index, coalesce(password_hash, '') FROM users WHERE id = $1`

var (
	errHolder     = fault.At("body.password", "this is not the password of the account: enter it, or choose a new one (POST /v1/users/password/forgot), which confirms the address too")
	errNoPassword = fault.At("body.password", "the account has no password: choose one (POST /v1/users/password/forgot), which confirms the address too")
)

// ProveHolder checks that whoever follows a mailed link holds the account that it is about
// by the account's password. The link alone shows that they read the address: following it,
// they would confirm an account that a stranger has prepared for them.
func ProveHolder(ctx context.Context, s Passwords, purpose notify.Purpose, token, password string) error {
	user, err := notify.PeekMailedToken(ctx, s.DB, purpose, token)
	if err != nil {
		return err
	}
	var index []byte
	var hash string
	if err := s.DB.QueryRow(ctx, selectHolder, user).Scan(&index, &hash); err != nil {
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
		err = errHolder
	}
	return err
}
