package credential

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/store"
	"function/shared/database"
)

// ChallengeLife is how long a started operation waits for the request that completes it.
const ChallengeLife = 5 * time.Minute

// challengePurpose is the only thing that a challenge can be used for.
type challengePurpose string

const (
	forSecondFactor        challengePurpose = "second_factor"
	forPasskeyRegistration challengePurpose = "passkey_registration"
	forPasskeyLogin        challengePurpose = "passkey_login"
	forPasskeyProof        challengePurpose = "passkey_second_factor"
)

const insertChallenge = `
INSERT INTO challenges (hash, purpose, user_id, data, expires_at) VALUES (@hash, @purpose, @user, @data, now() + @life::interval)`

// newChallenge stores what the next request needs and returns the token that finds it. user
// is uuid.Nil while the person is unknown.
func newChallenge(ctx context.Context, tx pgx.Tx, p challengePurpose, user uuid.UUID, data any) (string, error) {
	encoded, err := json.Marshal(data)
	if err != nil {
		return "", fmt.Errorf("encode challenge: %w", err)
	}
	token := store.NewToken()
	_, err = tx.Exec(ctx, insertChallenge, pgx.NamedArgs{
		"hash": store.TokenHash(token), "purpose": p, "user": uuid.NullUUID{UUID: user, Valid: user != uuid.Nil}, "data": encoded, "life": ChallengeLife,
	})
	if err != nil {
		return "", fmt.Errorf("insert challenge: %w", err)
	}
	return token, nil
}

const takeChallenge = `
DELETE FROM challenges WHERE hash = $1 AND purpose = $2 AND user_id IS NOT DISTINCT FROM $3 AND expires_at > now() RETURNING data`

// useChallenge consumes a challenge and decodes its data. It returns false if the challenge is
// unknown, expired, already used, or somebody else's.
func useChallenge(ctx context.Context, tx pgx.Tx, p challengePurpose, user uuid.UUID, token string, data any) (bool, error) {
	var encoded []byte
	err := tx.QueryRow(ctx, takeChallenge, store.TokenHash(token), p, uuid.NullUUID{UUID: user, Valid: user != uuid.Nil}).Scan(&encoded)
	if database.IsNoRows(err) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(encoded, data)
	}
	if err != nil {
		return false, fmt.Errorf("take challenge: %w", err)
	}
	return true, nil
}
