package main

import (
	"context"
	"fmt"
	"time"
)

// verify finds whether all of it is ready now, and answers.
func (d *deployment) verify(ctx context.Context) error {
	d.timeout = 5 * time.Second
	for _, store := range d.stores {
		if err := d.awaitStore(ctx, store); err != nil {
			return fmt.Errorf("store %s is not ready: %w", store, err)
		}
	}
	d.say("functions")
	if err := d.awaitReady(ctx, functionKind, "app.kubernetes.io/part-of=aic-data"); err != nil {
		return err
	}
	d.say("broker, triggers, schedules")
	if err := d.awaitReady(ctx, eventKinds, "app.kubernetes.io/part-of=aic-data"); err != nil {
		return err
	}
	return d.callGateway(ctx)
}

// callGateway asks the platform for its signing keys: through the ingress, the gateway and
// a function with a database, all of them perhaps at zero.
func (d *deployment) callGateway(ctx context.Context) error {
	found, err := d.kubectl.exists(ctx, "-n", "kourier-system", "service", "kourier-internal")
	if err != nil {
		return err
	}
	if !found {
		d.say("not called: that takes Kourier in the cluster")
		return nil
	}
	in, err := d.forward(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	const path = "/.well-known/jwks.json"
	begin := time.Now()
	status, err := in.wake(ctx, path)
	if err != nil {
		return fmt.Errorf("http://%s%s: the platform does not answer: %w", ingressHost, path, err)
	}
	d.say("http://%s%s: %d in %.3f s", ingressHost, path, status, time.Since(begin).Seconds())
	if status != 200 {
		return fmt.Errorf("the platform does not answer: its signing keys are status %d", status)
	}
	return d.checkCallers(ctx, in)
}
