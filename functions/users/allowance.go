package users

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
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

// spend takes one from an allowance (GCRA): a row is touched only if there is one
// left, so that of many at once no more than the allowance come through.
const spend = `
INSERT INTO rate_limits (key, tat) VALUES ($1, now() + $2::interval)
ON CONFLICT (key) DO UPDATE SET tat = greatest(rate_limits.tat, now()) + $2::interval
WHERE rate_limits.tat <= now() + $3::interval`

const giveBack = `UPDATE rate_limits SET tat = tat - $2::interval WHERE key = $1`

type executor interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
}

func (a allowance) take(ctx context.Context, db executor, key []byte) (bool, error) {
	tag, err := db.Exec(ctx, spend, key, a.every, time.Duration(a.burst-1)*a.every)
	if err != nil {
		return false, fmt.Errorf("take from an allowance: %w", err)
	}
	return tag.RowsAffected() == 1, nil
}

// restore gives back what was taken.
func (a allowance) restore(ctx context.Context, db executor, key []byte) error {
	if _, err := db.Exec(ctx, giveBack, key, a.every); err != nil {
		return fmt.Errorf("give back to an allowance: %w", err)
	}
	return nil
}

// MayMail tells whether an address, by its [EmailIndex], may be sent one more mail of
// a kind that people who are not its owner can ask for. Who asks is not told: nobody
// can flood a mailbox, and nobody learns that it was full.
func (s Store) MayMail(ctx context.Context, tx executor, kind Purpose, emailIndex []byte) (bool, error) {
	return mailsToAddress.take(ctx, tx, s.Keeper.BlindIndex("mail."+string(kind), string(emailIndex)))
}

// mayWarn tells whether a person may be mailed that somebody guesses their second factor:
// whoever does must not flood their mailbox.
func (s Store) mayWarn(ctx context.Context, tx executor, user uuid.UUID) (bool, error) {
	return warningsToOne.take(ctx, tx, s.Keeper.BlindIndex("mail.second_factor_guessed", user.String()))
}
