package refresh

import (
	"context"

	"github.com/google/uuid"

	"function/shared/audit"
	"function/shared/database"
	"function/shared/outbox"
)

const endReused = `
UPDATE sessions SET ended_at = now(), end_reason = 'refresh_token_reused'
WHERE id = (SELECT session_id FROM refresh_tokens WHERE hash = $1) AND ended_at IS NULL
RETURNING id, user_id, organization_id`

// endFamily ends the session of a token that was used before, if it has not ended,
// and tells the person: the thief and they hold tokens of one session.
func (f *Function) endFamily(ctx context.Context, hash []byte) (ended bool, err error) {
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		var session, person, organization uuid.UUID
		ended = false
		err := tx.QueryRow(ctx, endReused, hash).Scan(&session, &person, &organization)
		if database.IsNoRows(err) {
			return nil
		} else if err != nil {
			return err
		}
		entry := audit.Entry{
			Action: "sessions:refresh", ResourceID: session.String(), ActorID: person, OrganizationID: organization,
			Refused: "the refresh token was used a second time; the session was ended",
		}
		if err := audit.Record(ctx, tx, entry); err != nil {
			return err
		}
		ended = true
		return f.post.Tell(ctx, tx, person, f.post.SessionStolen)
	})
	return ended, err
}
