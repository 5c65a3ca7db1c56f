// Package store opens the database and keys that every function of the users domain needs,
// and provides what they share: the caller's organization, settings and locks.
package store

import (
	"cmp"
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/function"
	"function/shared/metrics"
	"function/shared/outbox"
	"function/shared/password"
	"function/shared/ratelimit"
	"function/shared/secret"
)

const LoginsTotal = "user_logins_total"

// keepTallies writes counts that have no transaction of their own shortly afterwards:
// password hashes that waited or found the queue full, and logins refused because of earlier
// failures.
func keepTallies(s Store, env *function.Env) {
	for _, k := range []struct {
		tally  *metrics.Tally
		name   string
		labels metrics.Labels
	}{
		{&s.Hasher.Refused, "password_hashes_refused_total", nil},
		{&s.Hasher.Waited, "password_hashes_waited_total", nil},
		{s.Locked, LoginsTotal, metrics.Labels{"result": "locked"}},
	} {
		k.tally.Keep(s.DB, k.name, k.labels)
		env.OnClose(k.tally.Close)
	}
}

// mostDemanded is the largest minimum length of a new password that may be required (NIST SP
// 800-63B-4 §3.1.1.2: at least 64 characters must be accepted).
const mostDemanded = 64

// PasswordFloor is the platform's minimum length of a new password (PASSWORD_MIN_LENGTH),
// whatever an organization requires.
func PasswordFloor(c function.Config) (int, error) {
	floor := cmp.Or(c.PasswordMinLength, password.LeastWithSecondFactor)
	if floor < password.LeastWithSecondFactor || floor > mostDemanded {
		return 0, fmt.Errorf("PASSWORD_MIN_LENGTH is %d, but must be %d to %d characters", floor, password.LeastWithSecondFactor, mostDemanded)
	}
	return floor, nil
}

// Queryer is a transaction or a pool that runs queries.
type Queryer interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}

// CodeAttempts is the number of wrong second factors allowed per login.
const CodeAttempts = 5

// Querier is a transaction or a pool.
type Querier interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}

// Store is what every function of this domain opens.
type Store struct {
	DB     *outbox.DB
	Keeper *secret.Keeper // nil where the function does not declare function.Keys
	Hasher *password.Hasher
	Floor  int             // characters of a new password, whatever an organization demands
	Seen   *password.Range // knows breached passwords; nil: nobody is asked
	Locked *metrics.Tally  // logins refused unseen
	AtOnce ratelimit.Limit // of tries at an account
}

// Open opens the domain's database, and the keys if the function declares them.
func Open(ctx context.Context, env *function.Env) (Store, error) {
	db, err := env.Database(ctx, database.Users)
	if err != nil {
		return Store{}, err
	}
	var keeper *secret.Keeper
	if env.Declares(function.Keys) {
		if keeper, err = env.Keeper(ctx); err != nil {
			return Store{}, err
		}
		db.Sources = func(address string) []byte { return keeper.BlindIndex("refusal_counts", address) }
	}
	hasher, err := env.Hasher()
	if err != nil {
		return Store{}, err
	}
	floor, err := PasswordFloor(env.Config)
	if err != nil {
		return Store{}, err
	}
	s := Store{DB: db, Keeper: keeper, Hasher: hasher, Floor: floor, Locked: new(metrics.Tally)}
	if s.AtOnce = env.Config.RateLimits.Account; !s.AtOnce.On() {
		s.AtOnce = ratelimit.Default.Account // what can be guessed at once stays bounded
	}
	if env.Config.PasswordRangeURL != "" {
		s.Seen = password.NewRange(env.Config.PasswordRangeURL)
	}
	keepTallies(s, env)
	return s, nil
}
