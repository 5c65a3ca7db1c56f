package auth

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// lookups batches session lookups: sessions that requests wait for, and sessions in use whose
// cached answers are about to expire. A thousand busy sessions cost a few queries a second, and few
// requests wait for one.
type lookups struct {
	mu      sync.Mutex
	wanted  map[uuid.UUID]*lookup
	working int
	done    sync.WaitGroup
}

type lookup struct {
	done   chan struct{}
	caller Caller
	err    error
}

// Limits on concurrent queries and on sessions per query, so that the first answers of a query
// arrive soon.
const (
	maxLookupQueries  = 2
	maxLookupSessions = 256
	lookupTimeout     = 10 * time.Second
)

// want queues the lookup of a session. Goroutines that end when the queue is empty do the lookups.
func (v *Verifier) want(session uuid.UUID) *lookup {
	l := &v.lookups
	l.mu.Lock()
	defer l.mu.Unlock()
	if already, ok := l.wanted[session]; ok {
		return already
	}
	if l.wanted == nil {
		l.wanted = map[uuid.UUID]*lookup{}
	}
	wanted := &lookup{done: make(chan struct{})}
	l.wanted[session] = wanted
	if l.working < maxLookupQueries {
		l.working++
		l.done.Go(v.lookUp)
	}
	return wanted
}

// next takes the next batch off the queue.
func (l *lookups) next() map[uuid.UUID]*lookup {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch := map[uuid.UUID]*lookup{}
	for id, wanted := range l.wanted {
		if len(batch) == maxLookupSessions {
			break
		}
		batch[id] = wanted
		delete(l.wanted, id)
	}
	if len(batch) == 0 {
		l.working--
	}
	return batch
}

func (v *Verifier) lookUp() {
	for {
		batch := v.lookups.next()
		if len(batch) == 0 {
			return
		}
		asked := time.Now()
		alive, err := v.aliveAmong(batch)
		for id, l := range batch {
			caller, ok := alive[id]
			switch who := bySessionID(id); {
			case err != nil:
				l.err = err
			case !ok:
				v.callers.drop(who)
				l.err = errToken
			default:
				v.callers.put(who, seen{caller, asked})
				l.caller = caller
			}
			close(l.done)
		}
	}
}

func bySessionID(id uuid.UUID) who {
	w := who{kind: bySession}
	copy(w.id[:], id[:])
	return w
}

func (v *Verifier) aliveAmong(batch map[uuid.UUID]*lookup) (map[uuid.UUID]Caller, error) {
	ids := make([]uuid.UUID, 0, len(batch))
	for id := range batch {
		ids = append(ids, id)
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	rows, _ := v.db.Query(ctx, selectCallers, ids)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[session])
	if err != nil {
		return nil, fmt.Errorf("look up sessions: %w", err)
	}
	alive := make(map[uuid.UUID]Caller, len(found))
	for _, s := range found {
		if s.Alive {
			alive[s.SessionID] = v.callerOf(s)
		}
	}
	return alive, nil
}
