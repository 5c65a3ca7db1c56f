package credential

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/metrics"
	"function/shared/password"
)

// Passwords hashes passwords and checks new ones against the rules of the platform and of
// organizations.
type Passwords struct {
	Store     store.Store
	Hasher    *password.Hasher
	minLength int             // minimum length of a new password in every organization
	breaches  *password.Range // looks up breached passwords; nil: not configured
}

// OpenPasswords opens the store and the process's password hasher. It counts the hashes that
// waited for their turn and those that were refused because the queue was full.
func OpenPasswords(ctx context.Context, env *function.Env) (Passwords, error) {
	s, err := store.Open(ctx, env)
	if err != nil {
		return Passwords{}, err
	}
	hasher, err := env.Hasher()
	if err != nil {
		return Passwords{}, err
	}
	minLength, err := MinPasswordLength(env.Config)
	if err != nil {
		return Passwords{}, err
	}
	p := Passwords{Store: s, Hasher: hasher, minLength: minLength}
	if env.Config.PasswordRangeURL != "" {
		p.breaches = password.NewRange(env.Config.PasswordRangeURL)
	}
	for name, tally := range map[string]*metrics.Tally{"password_hashes_refused_total": &hasher.Refused, "password_hashes_waited_total": &hasher.Waited} {
		tally.Keep(s.DB, name, nil)
		env.OnClose(tally.Close)
	}
	return p, nil
}

// maxMinLength is the largest minimum length that can be required of a new password (NIST SP
// 800-63B-4 §3.1.1.2: passwords of at least 64 characters are accepted).
const maxMinLength = 64

// MinPasswordLength returns the platform's minimum length of a new password (PASSWORD_MIN_LENGTH),
// which applies in every organization.
func MinPasswordLength(c function.Config) (int, error) {
	minLength := cmp.Or(c.PasswordMinLength, password.MinLengthWithSecondFactor)
	if minLength < password.MinLengthWithSecondFactor || minLength > maxMinLength {
		return 0, fmt.Errorf("PASSWORD_MIN_LENGTH is %d: it must be between %d and %d", minLength, password.MinLengthWithSecondFactor, maxMinLength)
	}
	return minLength, nil
}

// PasswordRules are the rules for a person's next password: the strictest of the platform's
// (PASSWORD_MIN_LENGTH) and those of the person's organizations.
type PasswordRules struct {
	MinLength int // characters
	History   int // number of earlier passwords that cannot be reused
}

// PasswordRulesOf returns the rules for a person who is about to join an organization. If
// organization is uuid.Nil or does not exist, it returns the platform's rules.
func PasswordRulesOf(ctx context.Context, s Passwords, organization uuid.UUID) (PasswordRules, error) {
	settings := store.DefaultSettings
	if organization != uuid.Nil {
		var err error
		if settings, err = store.SettingsOf(ctx, s.Store.DB, organization); err != nil && !database.IsNoRows(err) {
			return PasswordRules{}, err
		}
	}
	return PasswordRules{MinLength: max(s.minLength, settings.PasswordMinLength), History: settings.PasswordHistory}, nil
}

// CheckNewPassword checks whether a person may choose a password. words are words related to the
// person, such as their names and address. If user is not uuid.Nil, it also checks the person's
// earlier passwords. A refusal is a fault.Invalid at location, such as body.password.
func CheckNewPassword(ctx context.Context, s Passwords, rules PasswordRules, user uuid.UUID, new, location string, words ...string) error {
	if reason := (password.Policy{MinLength: rules.MinLength}).Check(new, words...); reason != "" {
		return fault.At(location, "%s", reason)
	}
	if breached(ctx, s, new) {
		return fault.At(location, "This password appeared in a data breach of another service. Choose a different one.")
	}
	if user == uuid.Nil || rules.History == 0 {
		return nil
	}
	return checkHistory(ctx, s, user, rules.History, new, location)
}

// breached looks up a password in the breach service, if one is configured. If the service
// fails, the password is accepted, since it has already been checked against the built-in list.
func breached(ctx context.Context, s Passwords, new string) bool {
	if s.breaches == nil {
		return false
	}
	seen, err := s.breaches.Seen(ctx, new)
	if err != nil {
		slog.WarnContext(ctx, "a new password was not checked against breaches", "error", err)
	}
	return seen
}

const selectHistory = `
SELECT array_remove(array_agg(password_hash), NULL) FROM (
    SELECT password_hash FROM users WHERE id = $1
    UNION ALL
    (SELECT password_hash FROM password_history WHERE user_id = $1 ORDER BY replaced_at DESC LIMIT $2)
) h`

func checkHistory(ctx context.Context, s Passwords, user uuid.UUID, keep int, new, location string) error {
	var hashes []string
	if err := s.Store.DB.QueryRow(ctx, selectHistory, user, keep).Scan(&hashes); err != nil {
		return fmt.Errorf("read earlier passwords: %w", err)
	}
	for _, hash := range hashes {
		used, err := s.Hasher.Verify(ctx, new, hash)
		if err != nil {
			return err
		}
		if used {
			return fault.At(location, "This is your current password or one of your last %d. Choose a different one.", keep)
		}
	}
	return nil
}

const (
	insertHistory = `INSERT INTO password_history (user_id, replaced_at, password_hash) VALUES ($1, clock_timestamp(), $2)`
	deleteHistory = `
DELETE FROM password_history WHERE user_id = $1 AND replaced_at NOT IN (
    SELECT replaced_at FROM password_history WHERE user_id = $1 ORDER BY replaced_at DESC LIMIT $2)`
)

// RememberPassword stores the hash of a password that is being replaced and deletes all but the
// newest keep hashes of the person (PasswordRules.History).
func RememberPassword(ctx context.Context, tx pgx.Tx, user uuid.UUID, hash string, keep int) error {
	if keep > 0 && hash != "" {
		if _, err := tx.Exec(ctx, insertHistory, user, hash); err != nil {
			return fmt.Errorf("remember password: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, deleteHistory, user, keep); err != nil {
		return fmt.Errorf("forget earlier passwords: %w", err)
	}
	return nil
}
