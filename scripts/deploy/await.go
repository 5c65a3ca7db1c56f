package main

import (
	"context"
	"fmt"
	"time"
)

// interval is how long to wait before asking again.
const interval = time.Second

// await asks until done says yes, for as long as a step may take.
func (d *deployment) await(ctx context.Context, done func(context.Context) (bool, error)) error {
	for until := time.Now().Add(d.timeout); ; {
		if ok, err := done(ctx); ok || err != nil {
			return err
		}
		if !time.Now().Before(until) {
			return fmt.Errorf("it took longer than %s", d.timeout)
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(interval):
		return nil
	}
}
