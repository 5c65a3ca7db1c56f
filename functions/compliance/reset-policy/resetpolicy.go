// Package resetpolicy replaces an organization's own retention policy with the platform's
// default: DELETE /v1/compliance/retention/policies/{resource}.
package resetpolicy

import (
	"context"
	"fmt"

	"function/functions/compliance/internal/retention"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Delete("compliance-reset-policy", "/v1/compliance/retention/policies/{resource}", "Return to the default retention policy", policy.RetentionWrite).
	Describe("Has no effect if your organization has no policy of its own."), New).
	Uses(function.Owns(database.Compliance))

// Request identifies the policy.
type Request struct {
	Resource retention.Resource `path:"resource"`
}

// Function resets policies.
type Function struct{ retention.Store }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := retention.Open(ctx, env)
	return &Function{store}, err
}

// The row stays so that the change can be published again.
const resetPolicy = `
UPDATE compliance.retention_policies SET keep_days = NULL, changed_at = now(), changed_by = $3
WHERE organization_id = $1 AND resource = $2 AND keep_days IS NOT NULL`

// Handle removes the organization's own policy.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "retention:reset", ResourceID: string(in.Resource)}
	err = act.Do(ctx, f.DB, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		return retention.Change(ctx, tx, in.Resource, func() error {
			_, err := tx.Exec(ctx, resetPolicy, caller.OrganizationID, in.Resource, caller.UserID)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reset policy: %w", err)
	}
	return nil, nil
}
