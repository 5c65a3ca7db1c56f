package mailtokens

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/notify"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/events"
	"function/shared/outbox"
)

const takeRequest = `DELETE FROM password_reset_requests WHERE id = $1 RETURNING email_index`

// Reset mails a link to choose a new password to the owner of the account.
func (f *Function) Reset(ctx context.Context, e events.Received[events.PasswordResetRequested]) error {
	return outbox.Once(ctx, f.store.DB, e, func(tx *outbox.Tx) error {
		var index []byte
		err := tx.QueryRow(ctx, takeRequest, e.Data.RequestID).Scan(&index)
		if database.IsNoRows(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take request: %w", err)
		}
		entry := audit.Entry{Action: "passwords:mail_reset", ResourceID: e.Data.RequestID.String()}
		owner, err := f.owner(ctx, tx, index)
		if err != nil {
			return err
		}
		if owner == uuid.Nil {
			entry.Refused = "address has no account"
			return audit.Record(ctx, tx, entry)
		}
		entry.Detail = map[string]any{"user_id": owner}
		may, err := notify.MayMail(ctx, f.store, tx, notify.PasswordReset, index)
		if err != nil {
			return err
		}
		if !may {
			entry.Refused = "address was mailed too often"
			return audit.Record(ctx, tx, entry)
		}
		token, address, err := notify.NewMailedToken(ctx, f.store, tx, notify.PasswordReset, owner, nil)
		if err != nil {
			return err
		}
		if err := f.mailer.Queue(ctx, tx, owner, f.mailer.ResetPassword(address, token)); err != nil {
			return err
		}
		return audit.Record(ctx, tx, entry)
	})
}
