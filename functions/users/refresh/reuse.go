package refresh

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/outbox"
	"function/shared/secret"
)

// reuseGrace is how long after its exchange a token may be used again, because two tabs may refresh
// at the same time and responses may get lost.
const reuseGrace = 10 * time.Second

// successorField is the encryption context of a sealed successor.
const successorField = "refresh_tokens.successor"

// successorKey derives the key that seals a token's successor. It is derived from the token,
// which is not stored, so that nobody who reads the database can unseal the successor.
func successorKey(token string) []byte {
	key := sha256.Sum256([]byte(successorField + " " + token))
	return key[:]
}

func sealSuccessor(token, next string) ([]byte, error) {
	return secret.Seal(successorKey(token), successorField, next)
}

const (
	selectSuccessor = `
SELECT session_id, sealed_successor FROM refresh_tokens
WHERE hash = $1 AND sealed_successor IS NOT NULL AND used_at > now() - $2::interval`
	isUnused = `SELECT EXISTS (SELECT FROM refresh_tokens WHERE hash = $1 AND session_id = $2 AND used_at IS NULL)`
)

// reuse handles a token that was used before. Within the grace period it returns the same
// successor as the first time, if that is still unused. Otherwise it ends the session.
func (f *Function) reuse(ctx context.Context, token string) (known auth.Caller, next string, err error) {
	var ended bool
	err = f.store.DB.Transact(ctx, func(tx *outbox.Tx) (err error) {
		ended = false // the transaction may be retried
		var session uuid.UUID
		if session, next, err = successor(ctx, tx, token); err != nil {
			return err
		}
		if next == "" {
			ended, err = f.endReusedSession(ctx, tx, store.TokenHash(token))
			return err
		}
		known, err = lookUp(ctx, tx, session)
		return err
	})
	if err == nil && next == "" {
		err = errNotAccepted
	}
	if errors.Is(err, errNotAccepted) && !ended { // unless the end of the session was recorded
		err = act.Refused(ctx, f.store.DB, audit.Entry{Action: "sessions:refresh"}, err)
	}
	return known, next, err
}

// successor returns the token for which a token was exchanged, or an empty string if the grace
// period is over or the successor was used.
func successor(ctx context.Context, tx pgx.Tx, token string) (session uuid.UUID, next string, err error) {
	var sealed []byte
	err = tx.QueryRow(ctx, selectSuccessor, store.TokenHash(token), reuseGrace).Scan(&session, &sealed)
	if database.IsNoRows(err) {
		return session, "", nil
	}
	if err != nil {
		return session, "", fmt.Errorf("look up successor: %w", err)
	}
	if next, err = secret.Unseal(successorKey(token), successorField, sealed); err != nil {
		return session, "", err
	}
	var unused bool
	if err := tx.QueryRow(ctx, isUnused, store.TokenHash(next), session).Scan(&unused); err != nil {
		return session, "", fmt.Errorf("look up successor: %w", err)
	}
	if !unused {
		next = ""
	}
	return session, next, nil
}

const endReused = `
UPDATE sessions SET ended_at = now(), end_reason = 'refresh_token_reused'
WHERE id = (SELECT session_id FROM refresh_tokens WHERE hash = $1) AND ended_at IS NULL
RETURNING id, user_id, organization_id`

// endReusedSession ends the session of a reused token, if it is still open, and notifies the
// person, because they and a thief may both hold tokens of the session.
func (f *Function) endReusedSession(ctx context.Context, tx *outbox.Tx, hash []byte) (ended bool, err error) {
	var session, person, organization uuid.UUID
	err = tx.QueryRow(ctx, endReused, hash).Scan(&session, &person, &organization)
	if database.IsNoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("end session of a reused token: %w", err)
	}
	entry := audit.Entry{
		Action: "sessions:refresh", ResourceID: session.String(), ActorID: person, OrganizationID: organization,
		Refused: "the refresh token was used a second time; the session was ended",
	}
	if err := audit.Record(ctx, tx, entry); err != nil {
		return false, err
	}
	return true, f.mailer.Notify(ctx, tx, person, f.mailer.SessionStolen)
}
