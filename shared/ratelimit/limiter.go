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

// Limiter applies limits to a process's requests. For a busy key it claims cells in small batches,
// so that the store sees some tens of calls a second, whatever the number of requests. In return it
// is less exact: a process that claims a batch and then idles wastes at most a twentieth of the
// key's quota, and cells may be used up to a second after they were claimed. One store never grants
// more than the quota. While a store is unavailable, the next one takes over with full quotas. If
// none is available, requests are not limited.
type Limiter struct {
	stores []Store

	mu   sync.Mutex
	keys map[key]*claim
	away []time.Time // until when each store is skipped
}

const (
	busy        = 100 * time.Millisecond // a batch that is used up sooner doubles the next one
	claimTTL    = time.Second
	maxBatch    = 512
	batchShare  = 20          // a batch is at most this fraction of the quota
	pause       = time.Second // after a store failed to respond
	maxKeys     = 100_000
	tooManyKeys = "rate limiter drops its local counts: too many keys"
)

// Timeout is how long a request waits for a store.
const Timeout = 250 * time.Millisecond

// NewLimiter returns a process's limiter. Each store is the fallback of those before it.
func NewLimiter(stores ...Store) *Limiter {
	return &Limiter{stores: stores, keys: map[key]*claim{}, away: make([]time.Time, len(stores))}
}

type key struct{ limit, operation, of string }

// claim is the process's share of a key.
type claim struct {
	mu      sync.Mutex
	cells   int // claimed and unused
	batch   int // size of the latest claim
	at      time.Time
	whole   time.Time // when the quota is fully restored
	blocked time.Time // until when nothing can be claimed
}

// State is the result of one request.
type State struct {
	Allowed    bool
	Remaining  int           // remaining quota
	Reset      time.Duration // until the quota is fully restored
	RetryAfter time.Duration // if not allowed
}

// Header formats the state for the RateLimit header field.
func (s State) Header(l Limit) string {
	b := append(make([]byte, 0, 40), '"')
	b = append(append(b, l.Name...), `";r=`...)
	b = append(strconv.AppendInt(b, int64(s.Remaining), 10), ";t="...)
	return string(strconv.AppendInt(b, int64((s.Reset+time.Second-1)/time.Second), 10))
}

// Take takes one cell of a limit. of identifies the client; operation is empty for limits across
// all operations.
func (l *Limiter) Take(ctx context.Context, limit Limit, operation, of string) State {
	k := key{limit.Name, operation, of}
	c := l.claim(k)
	c.mu.Lock() // requests of one key wait for the first one's claim
	defer c.mu.Unlock()
	now := time.Now()
	if c.blocked.After(now) {
		return State{Reset: c.whole.Sub(now), RetryAfter: c.blocked.Sub(now)}
	}
	if c.cells == 0 || now.Sub(c.at) > claimTTL {
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

// claimMore asks the first available store, and reports whether one responded.
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

// try asks one store. Other requests wait for the claim too, so it outlives the request that makes
// it.
func (l *Limiter) try(ctx context.Context, store Store, k key, limit Limit, cells int) (Grant, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Timeout)
	defer cancel()
	return store.Take(ctx, k.sum(), limit, cells)
}

// sum returns the key used in the store, which does not reveal addresses.
func (k key) sum() []byte {
	sum := sha256.Sum256([]byte(k.limit + "\x00" + k.operation + "\x00" + k.of))
	return sum[:16]
}

func (l *Limiter) claim(k key) *claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.keys[k]
	if !ok {
		if len(l.keys) >= maxKeys {
			slog.Warn(tooManyKeys)
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
		slog.WarnContext(ctx, "rate limit store does not respond", "store", fmt.Sprintf("%T", l.stores[store]), "next", store+1 < len(l.stores), "error", cause)
	}
	l.away[store] = time.Now().Add(pause)
}
