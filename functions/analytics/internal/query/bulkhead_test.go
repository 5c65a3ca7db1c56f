package query

import (
	"context"
	"errors"
	"testing"
	"time"

	"function/shared/fault"
)

func TestBulkhead_QueueFull_IsUnavailable(t *testing.T) {
	t.Parallel()
	b := newBulkhead(1, 1)
	ctx, cancel := context.WithCancel(context.Background())
	leave, err := b.enter(ctx)
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error)
	go func() { _, err := b.enter(ctx); waiting <- err }()
	for len(b.queued) < 2 {
		time.Sleep(time.Millisecond)
	}
	_, err = b.enter(ctx)
	if f, ok := fault.As(err); !ok || f.Kind != fault.Unavailable || f.RetryAfter == 0 {
		t.Errorf("a third query gets %v, want a fault to try again later", err)
	}
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up waiting gets %v", err)
	}
	leave()
	if len(b.queued)+len(b.running) != 0 {
		t.Errorf("%d slots are still held", len(b.queued)+len(b.running))
	}
}
