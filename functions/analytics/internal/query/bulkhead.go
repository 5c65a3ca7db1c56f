package query

import (
	"context"
	"fmt"
	"time"

	"function/shared/access"
	"function/shared/fault"
	"function/shared/resultset"
)

// waitingQueries is the maximum number of queries that wait for one backend in one process.
const waitingQueries = 16

// Bounded limits a backend to a number of concurrent queries in one process. Up to waitingQueries
// more queries wait; any further query fails with fault.Unavailable.
func Bounded(b Backend, running int) Backend {
	return bounded{b, newBulkhead(running, waitingQueries)}
}

type bounded struct {
	Backend
	places bulkhead
}

func (b bounded) Run(ctx context.Context, r access.Reader, q Query, limits Limits) (*resultset.Set, error) {
	leave, err := b.places.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return b.Backend.Run(ctx, r, q, limits)
}

// bulkhead limits the queries that run or wait at the same time.
type bulkhead struct {
	running chan struct{} // one slot for each running query
	queued  chan struct{} // one slot for each running or waiting query
}

func newBulkhead(run, wait int) bulkhead {
	return bulkhead{running: make(chan struct{}, run), queued: make(chan struct{}, run+wait)}
}

// enter waits for a slot and returns a function that releases it. It fails with fault.Unavailable
// if the queue is full.
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
