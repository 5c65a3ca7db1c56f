package auth

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// uses records when API keys were last used, at most once a minute per key and in the background.
type uses struct {
	db      *pgxpool.Pool
	written *cache[uuid.UUID, time.Time]

	mu      sync.Mutex
	pending []uuid.UUID
	writing bool
	done    sync.WaitGroup
}

const (
	useInterval    = time.Minute
	useTimeout     = 5 * time.Second
	maxPendingUses = 1024
)

func newUses(db *pgxpool.Pool) *uses {
	return &uses{db: db, written: newCache[uuid.UUID, time.Time](maxCallers)}
}

// note queues a use. A goroutine that ends when the queue is empty writes it.
func (u *uses) note(key uuid.UUID) {
	if at, ok := u.written.get(key); ok && time.Since(at) < useInterval {
		return
	}
	u.written.put(key, time.Now())
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.pending) < maxPendingUses {
		u.pending = append(u.pending, key)
	}
	if !u.writing {
		u.writing = true
		u.done.Go(u.write)
	}
}

const recordUses = `SELECT published.api_key_used(key) FROM unnest($1::uuid[]) key`

func (u *uses) write() {
	for {
		u.mu.Lock()
		keys := u.pending
		u.pending, u.writing = nil, len(keys) > 0
		u.mu.Unlock()
		if len(keys) == 0 {
			return
		}
		// All processes lock rows in the same order to avoid deadlocks.
		slices.SortFunc(keys, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
		ctx, cancel := context.WithTimeout(context.Background(), useTimeout)
		if _, err := u.db.Exec(ctx, recordUses, keys); err != nil {
			slog.WarnContext(ctx, "last use of API keys not recorded", "error", err)
		}
		cancel()
	}
}
