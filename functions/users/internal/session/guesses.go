package session

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/store"
	"function/shared/fault"
	"function/shared/outbox"
)

// Wrong second factors are counted across logins, since somebody who knows the password
// could otherwise try six-digit codes in one login after another. Passkeys and recovery
// codes cannot be guessed and remain usable while a person's codes are under attack.
const (
	countGuess = `
INSERT INTO guesses AS g (key, guesses, last_at, blocked_until) VALUES ($1, 1, now(), now())
ON CONFLICT (key) DO UPDATE SET last_at = now(),
    guesses = CASE WHEN g.last_at < now() - interval '1 day' THEN 1 ELSE g.guesses + 1 END,
    blocked_until = CASE WHEN g.last_at < now() - interval '1 day' OR g.guesses < 9 THEN now()
        ELSE now() + least(interval '1 hour', interval '30 seconds' * power(2, least(g.guesses - 9, 10))) END
WHERE g.blocked_until <= now()`
	selectBlock   = `SELECT extract(epoch FROM blocked_until - now())::float8 FROM guesses WHERE key = $1`
	forgetGuesses = `DELETE FROM guesses WHERE key = $1`
)

// LoginGuesses counts wrong codes of a person at login.
func LoginGuesses(s store.Store, user uuid.UUID) []byte {
	return s.Keeper.BlindIndex("guesses.login", user.String())
}

// StepUpGuesses counts wrong codes within a session, so that a stolen session cannot prevent
// its owner from logging in.
func StepUpGuesses(s store.Store, session uuid.UUID) []byte {
	return s.Keeper.BlindIndex("guesses.step_up", session.String())
}

// ForgetGuesses clears a person's wrong codes, so that they can log in with a code at once.
func ForgetGuesses(ctx context.Context, s store.Store, tx *outbox.Tx, user uuid.UUID) error {
	return ForgetGuess(ctx, tx, LoginGuesses(s, user))
}

// CountGuess counts a guess before it is checked and commits on its own, so that
// concurrent guesses are all counted. From the tenth consecutive guess on the delays grow.
func CountGuess(ctx context.Context, s store.Store, key []byte) error {
	counted, err := s.DB.Exec(ctx, countGuess, key)
	if err != nil {
		return fmt.Errorf("count guess: %w", err)
	}
	if counted.RowsAffected() == 1 {
		return nil
	}
	var seconds float64
	if err := s.DB.QueryRow(ctx, selectBlock, key).Scan(&seconds); err != nil {
		return fmt.Errorf("read pause between guesses: %w", err)
	}
	return fault.New(fault.RateLimited, "Too many wrong attempts. Wait, or log in with a passkey or a recovery code.").
		After(time.Duration(max(1, seconds)) * time.Second)
}

func ForgetGuess(ctx context.Context, tx *outbox.Tx, key []byte) error {
	if _, err := tx.Exec(ctx, forgetGuesses, key); err != nil {
		return fmt.Errorf("forget guesses: %w", err)
	}
	return nil
}
