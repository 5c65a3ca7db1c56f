package query

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/shared/fault"
	"function/shared/resultset"
)

// waitingQueries is how many queries of one backend wait in one process.
const waitingQueries = 16

// Bounded is a backend of which so many queries run at once in one process, and some
// more wait; further ones are fault.Unavailable.
func Bounded(b Backend, running int) Backend {
	return bounded{b, newBulkhead(running, waitingQueries)}
}

type bounded struct {
	Backend
	places bulkhead
}

func (b bounded) Run(ctx context.Context, organization uuid.UUID, q Query, limits Limits) (*resultset.Set, error) {
	leave, err := b.places.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return b.Backend.Run(ctx, organization, q, limits)
}

// bulkhead bounds the queries that run, and wait, at once.
type bulkhead struct {
	running chan struct{} // a slot for each query that runs
	queued  chan struct{} // a slot for each that runs or waits
}

func newBulkhead(run, wait int) bulkhead {
	return bulkhead{running: make(chan struct{}, run), queued: make(chan struct{}, run+wait)}
}

// enter waits for a slot; leave gives it back. A full queue is fault.Unavailable.
func (b bulkhead) enter(ctx context.Context) (leave func(), err error) {
	select {
	case b.queued <- struct{}{}:
	default:
		return nil, fault.New(fault.Unavailable, "Too many queries are running at once; try again in a few seconds").After(5 * time.Second)
	}
	select {
	case b.running <- struct{}{}:
		return func() { <-b.running; <-b.queued }, nil
	case <-ctx.Done():
		<-b.queued
		return nil, fmt.Errorf("wait to run a query: %w", ctx.Err())
	}
}
