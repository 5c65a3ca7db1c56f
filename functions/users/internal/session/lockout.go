package session

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/store"
	"function/shared/client"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/metrics"
	"function/shared/ratelimit"
)

// Attempt is an attempt to authenticate with a password. Consecutive failures delay the next
// attempt (NIST SP 800-63B-4 §3.2.2, OWASP Authentication). They are counted per pair of
// account and source, per account, and per source (an address, of IPv6 its /64), whether or
// not the account exists. At sources from which the owner has logged in before only the pair
// counts, so that nobody elsewhere can lock the owner out.
//
// Concurrent attempts are checked before any of them has failed. So each first takes from an
// allowance, the pair's and, from unknown sources, the account's, which limits the number of
// concurrent attempts (RATE_LIMITS: account; 30). Once failures cause a delay, one attempt
// is allowed each time it elapses.
type Attempt struct {
	guard       Guard
	user        uuid.UUID // uuid.Nil: there is no such account
	keys        map[scope][]byte
	known       []byte // the source in known_sources; nil: the request has none
	knownSource bool   // the owner has logged in from it before
	failed      map[scope]failed
	granted     map[scope]ratelimit.Grant // what the allowances granted
}

// Guard slows down password guessing.
type Guard struct {
	Store       store.Store
	locked      *metrics.Tally  // logins refused because of earlier failures
	concurrency ratelimit.Limit // of concurrent attempts on an account
}

// NewGuard returns a process's Guard.
func NewGuard(s store.Store, env *function.Env) Guard {
	g := Guard{Store: s, locked: new(metrics.Tally), concurrency: env.Config.RateLimits.Account}
	if !g.concurrency.On() {
		g.concurrency = ratelimit.Default.Account // the number of concurrent guesses must stay limited
	}
	g.locked.Keep(s.DB, LoginsTotal, metrics.Labels{"result": "locked"})
	env.OnClose(g.locked.Close)
	return g
}

// scope is what failures are counted for.
type scope string

const (
	pairScope    scope = "pair"
	accountScope scope = "account"
	addressScope scope = "address"
)

// failed holds the earlier failures of a scope and, for a source, the number of accounts
// tried.
type failed struct {
	times int
	ago   time.Duration // since the newest one
}

// freeFailures is the number of consecutive failures without a delay.
var freeFailures = map[scope]int{pairScope: 5, accountScope: 20, addressScope: 50}

const (
	longestDelay  = 15 * time.Minute
	failureMemory = 24 * time.Hour // without a failure, after which counting begins anew
	addressMemory = 6 * time.Hour  // of one account that an address has failed at
	addressCounts = 100            // accounts at the most, after which it makes no difference
	fromOneSource = 10             // failures that one source adds to an account: alone it delays nobody elsewhere
	unlockEvery   = 100            // failures: at the longest delay they take a day
)

// delay returns the delay after a number of consecutive failures: 1 s, 2 s, 4 s … once the
// free ones are used up.
func (s scope) delay(failures int) time.Duration {
	over := failures - freeFailures[s]
	if over <= 0 {
		return 0
	}
	return min(time.Duration(math.Exp2(float64(min(over-1, 20))))*time.Second, longestDelay)
}

// NewAttempt returns an attempt by the request's client on the account that EmailIndex finds.
func (g Guard) NewAttempt(ctx context.Context, emailIndex []byte) *Attempt {
	s := g.Store
	a := &Attempt{guard: g, failed: map[scope]failed{}, granted: map[scope]ratelimit.Grant{}}
	source := client.From(ctx).Source()
	a.keys = map[scope][]byte{
		accountScope: FailuresKey(s, emailIndex),
		pairScope:    s.Keeper.BlindIndex("login_failures.pair", hex.EncodeToString(emailIndex)+" "+source),
	}
	if source != "" {
		a.keys[addressScope] = s.Keeper.BlindIndex("login_failures.address", source)
		a.known = sourceIndex(s, emailIndex, source)
	}
	return a
}

// FailuresKey returns the key under which an account's failed logins are counted.
func FailuresKey(s store.Store, emailIndex []byte) []byte {
	return s.Keeper.BlindIndex("login_failures.account", string(emailIndex))
}

const (
	selectFailures = `
SELECT key, failures, now() - last_failed_at FROM login_failures WHERE key IN ($1, $2) AND last_failed_at > now() - $4::interval
UNION ALL
SELECT $3, count(*)::int, now() - max(last_failed_at) FROM (
    SELECT last_failed_at FROM login_failures WHERE source = $3 AND last_failed_at > now() - $5::interval ORDER BY last_failed_at DESC LIMIT $6) l
HAVING count(*) > 0`
	// Do not take from the account's allowance if the source is already delayed: one source
	// alone must not exhaust it.
	takeAllowances = `
SELECT k.known, p.granted, p.whole, a.granted, a.whole
FROM (SELECT EXISTS (SELECT FROM known_sources WHERE source_index = $1) AS known OFFSET 0) k
CROSS JOIN published.rate_limit($2, $4, $5, 1) p
LEFT JOIN LATERAL (
    SELECT r.granted, r.whole FROM published.rate_limit($3, $4, $5, 1) r
    WHERE NOT k.known AND NOT EXISTS (SELECT FROM login_failures WHERE key = $2 AND failures > $6 AND last_failed_at > now() - $7::interval)) a ON true`
)

// Read queues reading the earlier failures and taking from the allowances.
func (a *Attempt) Read(b *pgx.Batch) {
	b.Queue(selectFailures, a.keys[pairScope], a.keys[accountScope], a.keys[addressScope], failureMemory, addressMemory, addressCounts).Query(a.readFailures)
	limit := a.guard.concurrency
	b.Queue(takeAllowances, a.known, a.keys[pairScope], a.keys[accountScope], limit.Cell().Microseconds(), limit.Quota, freeFailures[pairScope], failureMemory).QueryRow(a.readAllowances)
}

func (a *Attempt) readFailures(rows pgx.Rows) error {
	scopes := map[string]scope{}
	for s, key := range a.keys {
		scopes[string(key)] = s
	}
	var key []byte
	var f failed
	_, err := pgx.ForEachRow(rows, []any{&key, &f.times, &f.ago}, func() error {
		a.failed[scopes[string(key)]] = f
		return nil
	})
	if err != nil {
		return fmt.Errorf("read failures: %w", err)
	}
	return nil
}

func (a *Attempt) readAllowances(row pgx.Row) error {
	var ofAll *int
	var whole, wholeOfAll *int64
	var pair int
	if err := row.Scan(&a.knownSource, &pair, &whole, &ofAll, &wholeOfAll); err != nil {
		return fmt.Errorf("take from the allowances of a login: %w", err)
	}
	a.granted[pairScope] = ratelimit.Grant{Cells: pair, Whole: time.Duration(*whole) * time.Microsecond}
	if ofAll != nil {
		a.granted[accountScope] = ratelimit.Grant{Cells: *ofAll, Whole: time.Duration(*wholeOfAll) * time.Microsecond}
	}
	return nil
}

// SetUser sets the account's owner, uuid.Nil if there is none.
func (a *Attempt) SetUser(user uuid.UUID) { a.user = user }

// Allowed reports whether the attempt may be made now. Otherwise it returns
// fault.RateLimited with the time to wait. It takes the same time whether or not the account
// exists.
func (a *Attempt) Allowed(ctx context.Context) error {
	var wait time.Duration
	for _, grant := range a.granted {
		if grant.Cells == 0 {
			wait = max(wait, a.guard.concurrency.Wait(grant))
		}
	}
	for s, f := range a.failed {
		if delay := a.delay(s); delay > 0 {
			wait = max(wait, delay-f.ago)
		}
	}
	for _, s := range []scope{pairScope, addressScope, accountScope} {
		delay := a.delay(s)
		if wait > 0 || delay == 0 {
			continue
		}
		// The delay has elapsed: one of several concurrent attempts is allowed and restarts it.
		once := ratelimit.Limit{Quota: 1, Window: delay}
		grant, err := ratelimit.NewPostgres(a.guard.Store.DB.Pool).Take(ctx, a.guard.Store.Keeper.BlindIndex("login_failures.once", string(a.keys[s])), once, 1)
		if err != nil {
			return err
		}
		if grant.Cells == 0 {
			wait = once.Wait(grant)
		}
	}
	if wait <= 0 {
		return nil
	}
	a.guard.locked.Inc()
	whole := wait.Truncate(time.Second) + time.Second
	return fault.New(fault.RateLimited, "Too many failed or simultaneous logins. Wait, then try again. A mail with an unlock link may have been sent to the account's address.").After(whole)
}

// delay returns how long a scope's failures delay this attempt after the latest of them.
func (a *Attempt) delay(s scope) time.Duration {
	if a.knownSource && s != pairScope {
		return 0
	}
	return s.delay(a.failed[s].times)
}
