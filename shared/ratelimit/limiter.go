package ratelimit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

// Limiter asks a store for the process's requests. A key that is busy claims cells
// in small batches, so that the store is asked some tens of times a second however
// many requests there are. What that costs in exactness: a process that claims and
// then idles wastes at most a twentieth of the key's quota, and cells may be used
// up to a second after they were claimed. More than the quota is never granted, by
// one store: while the first is away the next keeps the limits, from nothing. Where
// all are away nobody is limited.
type Limiter struct {
	stores []Store

	mu   sync.Mutex
	keys map[key]*claim
	away []time.Time // until when each store is not asked
}

const (
	busy         = 100 * time.Millisecond // a claim that is used up sooner makes the next one larger
	claimLife    = time.Second
	maxBatch     = 512
	batchShare   = 20          // of the quota, a batch is at most one part
	pause        = time.Second // after the store did not answer
	keysHeld     = 100_000
	keysLeftOver = "rate limiter drops its local counts: too many keys"
)

// Timeout is how long a request waits for a store.
const Timeout = 250 * time.Millisecond

// NewLimiter makes the limiter of a process, of stores of which each stands in for
// those before it.
func NewLimiter(stores ...Store) *Limiter {
	return &Limiter{stores: stores, keys: map[key]*claim{}, away: make([]time.Time, len(stores))}
}

type key struct{ limit, operation, of string }

// claim is what the process holds of a key.
type claim struct {
	mu      sync.Mutex
	cells   int // claimed and not used
	batch   int // size of the last claim
	at      time.Time
	whole   time.Time // when the quota is whole again
	blocked time.Time // until then there is nothing to claim
}

// State is what became of one request.
type State struct {
	Allowed    bool
	Remaining  int           // of the quota
	Reset      time.Duration // until the quota is whole again
	RetryAfter time.Duration // if not allowed
}

// Header is the state as an item of the RateLimit header field.
func (s State) Header(l Limit) string {
	b := append(make([]byte, 0, 40), '"')
	b = append(append(b, l.Name...), `";r=`...)
	b = append(strconv.AppendInt(b, int64(s.Remaining), 10), ";t="...)
	return string(strconv.AppendInt(b, int64((s.Reset+time.Second-1)/time.Second), 10))
}

// Take takes one cell of a limit: of somebody's requests to an operation, or to all
// of them if that is empty.
func (l *Limiter) Take(ctx context.Context, limit Limit, operation, of string) State {
	k := key{limit.Name, operation, of}
	c := l.claim(k)
	c.mu.Lock() // the requests of one key wait for the claim of the first
	defer c.mu.Unlock()
	now := time.Now()
	if c.blocked.After(now) {
		return State{Reset: c.whole.Sub(now), RetryAfter: c.blocked.Sub(now)}
	}
	if c.cells == 0 || now.Sub(c.at) > claimLife {
		if !l.claimMore(ctx, c, k, limit, now) {
			return State{Allowed: true, Remaining: limit.Quota}
		}
		if c.cells == 0 {
			return State{Reset: c.whole.Sub(now), RetryAfter: c.blocked.Sub(now)}
		}
	}
	c.cells--
	whole := max(0, c.whole.Sub(now))
	return State{Allowed: true, Remaining: min(limit.Quota-1, limit.remaining(whole)+c.cells), Reset: whole}
}

// claimMore asks the first store that is not away, and tells whether one answered.
func (l *Limiter) claimMore(ctx context.Context, c *claim, k key, limit Limit, now time.Time) bool {
	batch := 1
	if now.Sub(c.at) < busy {
		batch = max(1, min(2*c.batch, limit.Quota/batchShare, maxBatch))
	}
	grant, ok := l.ask(ctx, k, limit, batch, now)
	if !ok {
		return false
	}
	c.cells, c.batch, c.at, c.whole = grant.Cells, batch, now, now.Add(grant.Whole)
	if grant.Cells == 0 {
		c.blocked = now.Add(max(limit.Cell(), limit.Wait(grant)))
	}
	return true
}

func (l *Limiter) ask(ctx context.Context, k key, limit Limit, cells int, now time.Time) (Grant, bool) {
	for i, store := range l.stores {
		if l.isAway(i, now) {
			continue
		}
		grant, err := l.try(ctx, store, k, limit, cells)
		if err == nil {
			return grant, true
		}
		l.leave(ctx, i, now, err)
	}
	return Grant{}, false
}

// try asks a store. The claim is for whoever waits, too, so it outlives the request
// that makes it.
func (l *Limiter) try(ctx context.Context, store Store, k key, limit Limit, cells int) (Grant, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Timeout)
	defer cancel()
	return store.Take(ctx, k.sum(), limit, cells)
}

// sum is the key in the store, which learns no addresses.
func (k key) sum() []byte {
	sum := sha256.Sum256([]byte(k.limit + "\x00" + k.operation + "\x00" + k.of))
	return sum[:16]
}

func (l *Limiter) claim(k key) *claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.keys[k]
	if !ok {
		if len(l.keys) >= keysHeld {
			slog.Warn(keysLeftOver)
			clear(l.keys)
		}
		c = &claim{}
		l.keys[k] = c
	}
	return c
}

func (l *Limiter) isAway(store int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.away[store].After(now)
}

func (l *Limiter) leave(ctx context.Context, store int, now time.Time, cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.away[store].After(now) {
		slog.WarnContext(ctx, "the rate limit store does not respond", "store", fmt.Sprintf("%T", l.stores[store]), "next", store+1 < len(l.stores), "error", cause)
	}
	l.away[store] = time.Now().Add(pause)
}
