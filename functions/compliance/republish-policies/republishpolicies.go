// Package republishpolicies publishes retention policies again to a domain that lacks some. It
// runs when a domain reports missing policies: after the update that introduced their
// publication, and when events were lost.
package republishpolicies

import (
	"context"
	"fmt"

	"function/functions/compliance/internal/retention"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Subscriber("compliance-republish-policies", New).
	Uses(function.Owns(database.Compliance))

// Function republishes policies.
type Function struct{ retention.Store }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := retention.Open(ctx, env)
	return &Function{store}, err
}

// Handle publishes the policies that changed after the last version that the domain knows.
func (f *Function) Handle(ctx context.Context, e events.Received[events.PoliciesMissing]) error {
	resource := retention.Resource(e.Data.Resource)
	if !resource.Known() {
		return fault.New(fault.Invalid, "There are no retention policies for %q", e.Data.Resource)
	}
	err := outbox.Once(ctx, f.DB, e, func(tx *outbox.Tx) error {
		return retention.Publish(ctx, tx, resource, max(0, e.Data.After))
	})
	if err != nil {
		return fmt.Errorf("republish policies of %s: %w", resource, err)
	}
	return nil
}
