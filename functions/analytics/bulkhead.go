package analytics

import (
	"context"
	"fmt"
	"time"

	"function/shared/fault"
)

// bulkhead bounds the queries of one kind that run, and wait, at once.
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
