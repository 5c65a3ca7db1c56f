package users

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/shared/outbox"
)

// allowance is how often something may happen: burst times at once, and once more
// in each interval after that.
type allowance struct {
	burst int
	every time.Duration
}

// What one address may be mailed at the wish of others, and how often a password may be
// wrong within a session.
var (
	mailsToAddress  = allowance{3, 20 * time.Minute}
	proofsInSession = allowance{5, 5 * time.Minute}
	warningsToOne   = allowance{1, time.Hour}
)

// Of many at once no more than the allowance come through: the limiter's row is locked.
const (
	spend    = `SELECT granted FROM published.rate_limit($1, $2, $3, 1)`
	giveBack = `UPDATE rate_limits SET tat = tat - $2::interval WHERE key = $1`
)

func (a allowance) take(ctx context.Context, db Querier, key []byte) (bool, error) {
	var granted int
	if err := db.QueryRow(ctx, spend, key, a.every.Microseconds(), a.burst).Scan(&granted); err != nil {
		return false, fmt.Errorf("take from an allowance: %w", err)
	}
	return granted == 1, nil
}

// restore gives back what was taken.
func (a allowance) restore(ctx context.Context, db *outbox.DB, key []byte) error {
	if _, err := db.Exec(ctx, giveBack, key, a.every); err != nil {
		return fmt.Errorf("give back to an allowance: %w", err)
	}
	return nil
}

// MayMail tells whether an address, by its [EmailIndex], may be sent one more mail of
// a kind that people who are not its owner can ask for. Who asks is not told: nobody
// can flood a mailbox, and nobody learns that it was full.
func (s Store) MayMail(ctx context.Context, tx Querier, kind Purpose, emailIndex []byte) (bool, error) {
	return mailsToAddress.take(ctx, tx, s.Keeper.BlindIndex("mail."+string(kind), string(emailIndex)))
}

// mayWarn tells whether a person may be mailed that somebody guesses their second factor:
// whoever does must not flood their mailbox.
func (s Store) mayWarn(ctx context.Context, tx Querier, user uuid.UUID) (bool, error) {
	return warningsToOne.take(ctx, tx, s.Keeper.BlindIndex("mail.second_factor_guessed", user.String()))
}
