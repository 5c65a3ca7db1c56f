package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// JWKSMaxAge is how long clients may cache the key set.
const JWKSMaxAge = 5 * time.Minute

// The lifecycle of a key. It is published for keyNotice before it signs, which is longer than
// anyone caches a key set. After its successor starts to sign, it still verifies for keyOverlap:
// until all issuers use the successor and the last token that it signed has expired.
const (
	keyNotice   = time.Hour
	keyOverlap  = keysTTL + AccessTokenLife + leeway
	deleteAfter = 7 * 24 * time.Hour // from retirement to deletion
)

const retireNow = `UPDATE signing_keys SET retired_at = now() WHERE retired_at IS NULL OR retired_at > now()`

// Replace creates a key that signs at once and withdraws all others. Use it for keys that may be
// compromised. Running processes cache keys for up to [keysTTL]; after they restart, no token
// that an old key signed is valid.
func (i *Issuer) Replace(ctx context.Context, tx pgx.Tx) (kid string, err error) {
	if _, err := tx.Exec(ctx, lockKeys); err != nil {
		return "", fmt.Errorf("lock signing keys: %w", err)
	}
	if _, err := tx.Exec(ctx, retireNow); err != nil {
		return "", fmt.Errorf("withdraw signing keys: %w", err)
	}
	key, err := i.makeKey(ctx, tx, 0)
	if err != nil {
		return "", fmt.Errorf("make signing key: %w", err)
	}
	return key.KID, nil
}

const (
	selectYoung = `SELECT EXISTS (SELECT FROM signing_keys WHERE created_at > clock_timestamp() - $1::interval)`
	retire      = `UPDATE signing_keys SET retired_at = now() + $2 WHERE kid <> $1 AND retired_at IS NULL`
	deleteOld   = `DELETE FROM signing_keys WHERE retired_at < now() - $1::interval`
)

// Rotate creates the next signing key unless the newest is younger than age. It returns the new
// key's `kid`, or an empty string if none is due. Of two concurrent rotations, only one creates a
// key. Rotate also deletes keys that were retired long ago.
func (i *Issuer) Rotate(ctx context.Context, tx pgx.Tx, age time.Duration) (kid string, err error) {
	if _, err := tx.Exec(ctx, lockKeys); err != nil {
		return "", fmt.Errorf("lock signing keys: %w", err)
	}
	if _, err := tx.Exec(ctx, deleteOld, deleteAfter); err != nil {
		return "", fmt.Errorf("delete retired signing keys: %w", err)
	}
	var young bool
	if err := tx.QueryRow(ctx, selectYoung, age).Scan(&young); err != nil || young {
		return "", err
	}
	key, err := i.makeKey(ctx, tx, keyNotice)
	if err != nil {
		return "", fmt.Errorf("make signing key: %w", err)
	}
	if _, err := tx.Exec(ctx, retire, key.KID, keyNotice+keyOverlap); err != nil {
		return "", fmt.Errorf("retire signing keys: %w", err)
	}
	return key.KID, nil
}
