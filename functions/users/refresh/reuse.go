package refresh

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"function/functions/users/internal/store"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/outbox"
	"function/shared/secret"
)

// grace is how long after its exchange a token may come again: for two tabs that refresh at
// once, and for answers that were lost on their way.
const grace = 10 * time.Second

// successorField is what a sealed successor is bound to.
const successorField = "refresh_tokens.successor"

// successorKey seals what a token is exchanged for. The token itself is not stored, so that
// nobody who reads the database can open it.
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

// again answers a token that was used before: in its grace by the same successor as the
// first time, if nobody has used that; else by the end of the session.
func (f *Function) again(ctx context.Context, token string) (known auth.Caller, next string, err error) {
	var ended bool
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) (err error) {
		ended = false // it may run again
		var session uuid.UUID
		if session, next, err = successor(ctx, tx, token); err != nil {
			return err
		}
		if next == "" {
			ended, err = f.endFamily(ctx, tx, store.TokenHash(token))
			return err
		}
		known, err = lookUp(ctx, tx, session)
		return err
	})
	if err == nil && next == "" {
		err = errNotAccepted
	}
	if errors.Is(err, errNotAccepted) && !ended { // the end of a session is on record
		err = act.Refused(ctx, f.DB, audit.Entry{Action: "sessions:refresh"}, err)
	}
	return known, next, err
}

// successor is what a token was exchanged for, in its grace and while nobody has used it;
// else empty.
func successor(ctx context.Context, tx pgx.Tx, token string) (session uuid.UUID, next string, err error) {
	var sealed []byte
	err = tx.QueryRow(ctx, selectSuccessor, store.TokenHash(token), grace).Scan(&session, &sealed)
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

// endFamily ends the session of a token that was used before, if it has not ended,
// and tells the person: the thief and they hold tokens of one session.
func (f *Function) endFamily(ctx context.Context, tx *outbox.Tx, hash []byte) (ended bool, err error) {
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
