// Package eraseorganization lets the retention policies of an organization that is gone
// run out. It runs when the users domain has deleted the organization for good.
//
// What the organization left is disposed of as its policy says, so that the policy has
// to outlive it for as long. The record of disposals stays (SOX, HIPAA §164.316).
package eraseorganization

import (
	"context"
	"fmt"

	"function/functions/compliance/internal/retention"
	"function/shared/erasure"
	"function/shared/events"
	"function/shared/function"
)

// Service declares the function.
var Service = function.Subscriber("compliance-erase-organization", New)

// Function ends policies.
type Function struct{ retention.Store }

// New opens the policies.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := retention.Open(ctx, env)
	return &Function{store}, err
}

// The other domains may learn of it later than this one: a month is ample. What is left
// even then is disposed of by the platform's own policy.
const endPolicies = `
UPDATE compliance.retention_policies SET ends_at = now() + make_interval(days => keep_days + 30)
WHERE organization_id = $1 AND ends_at IS NULL AND keep_days IS NOT NULL`

// Handle sets the end.
func (f *Function) Handle(ctx context.Context, e events.Received[events.OrganizationDeleted]) error {
	if err := erasure.Begin(ctx, f.DB, e.Data); err != nil {
		return err
	}
	if _, err := f.DB.Exec(ctx, endPolicies, e.Data.OrganizationID); err != nil {
		return fmt.Errorf("end retention policies of organization: %w", err)
	}
	return nil
}
