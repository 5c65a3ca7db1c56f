package users

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"function/shared/fault"
)

// allowance is how often something may happen: burst times at once, and once more
// in each interval after that.
type allowance struct {
	burst int
	every time.Duration
}

// What one address may be mailed at the wish of others, and how often one person's
// password may be tried from within a session.
var (
	mailsToAddress = allowance{3, 20 * time.Minute}
	proofsOfPerson = allowance{5, 5 * time.Minute}
	warningsToOne  = allowance{1, time.Hour}
)

// spend takes one from an allowance (GCRA): a row is touched only if there is one
// left, so that of many at once no more than the allowance come through.
const spend = `
INSERT INTO rate_limits (key, tat) VALUES ($1, now() + $2::interval)
ON CONFLICT (key) DO UPDATE SET tat = greatest(rate_limits.tat, now()) + $2::interval
WHERE rate_limits.tat <= now() + $3::interval`

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

// MayProve bounds how often the password of a logged-in person is tried: a stolen
// session must not find it out (fault.Limited).
func (s Store) MayProve(ctx context.Context, user uuid.UUID) error {
	ok, err := proofsOfPerson.take(ctx, s.DB, s.Keeper.BlindIndex("password.proof", user.String()))
	if err == nil && !ok {
		return fault.New(fault.Limited, "The password was tried too often: wait a few minutes").After(proofsOfPerson.every)
	}
	return err
}
