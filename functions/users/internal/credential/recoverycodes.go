package credential

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/store"
)

// Recovery codes are look-up secrets (NIST SP 800-63B §3.1.2) of 120 random bits each, in six
// groups of four characters. A fast hash is enough for 112 bits or more (OWASP ASVS 5.0 §6.5.2),
// so a code is looked up by an index instead of verifying up to ten Argon2id hashes.
const (
	recoveryCodes    = 10
	recoveryCodeSize = 15 // bytes
)

const (
	deleteRecoveryCodes = `DELETE FROM recovery_codes WHERE user_id = $1`
	insertRecoveryCodes = `INSERT INTO recovery_codes (user_id, hash) SELECT $1, unnest($2::bytea[])`
	useRecoveryCode     = `UPDATE recovery_codes SET used_at = now() WHERE hash = $1 AND user_id = $2 AND used_at IS NULL`
)

// ReplaceRecoveryCodes replaces a person's recovery codes and returns the new ones. They cannot
// be shown again, because only keyed hashes are stored.
func ReplaceRecoveryCodes(ctx context.Context, s store.Store, tx pgx.Tx, user uuid.UUID) ([]string, error) {
	codes, hashes := make([]string, recoveryCodes), make([][]byte, recoveryCodes)
	for i := range codes {
		raw := make([]byte, recoveryCodeSize)
		rand.Read(raw)
		plain := strings.ToLower(base32.StdEncoding.EncodeToString(raw))
		groups := slices.Collect(slices.Chunk([]byte(plain), 4))
		codes[i] = string(bytes.Join(groups, []byte("-")))
		hashes[i] = recoveryHash(s, user, codes[i])
	}
	if _, err := tx.Exec(ctx, deleteRecoveryCodes, user); err != nil {
		return nil, fmt.Errorf("delete recovery codes: %w", err)
	}
	if _, err := tx.Exec(ctx, insertRecoveryCodes, user, hashes); err != nil {
		return nil, fmt.Errorf("insert recovery codes: %w", err)
	}
	return codes, nil
}

// recoveryHash returns the keyed hash of a code. It ignores case, dashes and spaces, which may
// change when a person copies the code.
func recoveryHash(s store.Store, user uuid.UUID, code string) []byte {
	plain := strings.NewReplacer("-", "", " ", "").Replace(strings.ToLower(code))
	return s.Keeper.BlindIndex("recovery_codes "+user.String(), plain)
}

// takeRecoveryCode consumes a code, or returns why it is refused.
func takeRecoveryCode(ctx context.Context, s store.Store, tx pgx.Tx, user uuid.UUID, code string) (refused string, err error) {
	used, err := tx.Exec(ctx, useRecoveryCode, recoveryHash(s, user, code), user)
	if err != nil {
		return "", fmt.Errorf("use recovery code: %w", err)
	}
	if used.RowsAffected() == 0 {
		return "wrong_code", nil
	}
	return "", nil
}
