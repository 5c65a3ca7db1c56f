package session

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/store"
	"function/shared/client"
	"function/shared/database"
)

// sourceIndex returns the keyed hash of a source from which the owner of an address has logged
// in. It differs for each address.
func sourceIndex(s store.Store, emailIndex []byte, source string) []byte {
	return s.Keeper.BlindIndex("known_sources", hex.EncodeToString(emailIndex)+" "+source)
}

// knownSources is the number of recent sources stored per person.
const knownSources = 20

// Updates a source once a day only, so that concurrent logins do not wait for its row.
const rememberSource = `
WITH noted AS (
    INSERT INTO known_sources (source_index, user_id) SELECT $1, $2
    WHERE NOT EXISTS (SELECT FROM known_sources WHERE source_index = $1 AND last_seen_at > now() - interval '1 day')
    ON CONFLICT (source_index) DO UPDATE SET last_seen_at = now() RETURNING user_id
)
DELETE FROM known_sources WHERE user_id IN (SELECT user_id FROM noted) AND source_index IN (
    SELECT source_index FROM known_sources WHERE user_id = $2 AND source_index <> $1 ORDER BY last_seen_at DESC OFFSET $3)`

// RememberSource stores the request's source for a person who has just authenticated.
// Failures from elsewhere do not delay their logins there.
func RememberSource(ctx context.Context, s store.Store, tx database.Writer, user uuid.UUID, emailIndex []byte) error {
	source := client.From(ctx).Source()
	if source == "" {
		return nil
	}
	if err := tx.Write(ctx, rememberSource, sourceIndex(s, emailIndex, source), user, knownSources-1); err != nil {
		return fmt.Errorf("remember source: %w", err)
	}
	return nil
}
