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

// uses writes down when API keys were used last: once a minute for each key at most,
// and beside the requests, which do not wait for it.
type uses struct {
	db      *pgxpool.Pool
	written *memory[uuid.UUID, time.Time]

	mu      sync.Mutex
	pending []uuid.UUID
	writing bool
	done    sync.WaitGroup
}

const (
	usePause    = time.Minute
	useTimeout  = 5 * time.Second
	usesPending = 1024
)

func newUses(db *pgxpool.Pool) *uses {
	return &uses{db: db, written: newMemory[uuid.UUID, time.Time](callersHeld)}
}

// note has a use written down soon, by one goroutine that ends when nothing is left.
func (u *uses) note(key uuid.UUID) {
	if at, ok := u.written.get(key); ok && time.Since(at) < usePause {
		return
	}
	u.written.put(key, time.Now())
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.pending) < usesPending {
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
		// All processes lock rows in one order, so that none waits for another in a circle.
		slices.SortFunc(keys, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
		ctx, cancel := context.WithTimeout(context.Background(), useTimeout)
		if _, err := u.db.Exec(ctx, recordUses, keys); err != nil {
			slog.WarnContext(ctx, "the last use of API keys was not written down", "error", err)
		}
		cancel()
	}
}
