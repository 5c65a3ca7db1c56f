// Package resetpolicy gives up your organization's own retention policy for the
// platform's default: DELETE /v1/compliance/retention/policies/{resource}.
package resetpolicy

import (
	"context"
	"fmt"

	"function/functions/compliance"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Delete("compliance-reset-policy", "/v1/compliance/retention/policies/{resource}", "Return to the default retention policy", policy.RetentionWrite).
	Describe("Only an owner may do this. It does no harm when there is no policy of your own."), New).
	Uses(function.Owns(database.Users))

// Request names the policy.
type Request struct {
	Resource string `path:"resource" enum:"sessions,datasets"`
}

// Function resets policies.
type Function struct{ compliance.Store }

// New opens the policies.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := compliance.Open(ctx, env)
	return &Function{store}, err
}

const deletePolicy = `DELETE FROM compliance.retention_policies WHERE organization_id = $1 AND resource = $2`

// Handle deletes the organization's own policy.
func (f *Function) Handle(ctx context.Context, in *Request) (*struct{}, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if _, err := tx.Exec(ctx, deletePolicy, caller.OrganizationID, in.Resource); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "retention:reset", ResourceID: in.Resource})
	})
	if err != nil {
		return nil, fmt.Errorf("reset policy: %w", err)
	}
	return nil, nil
}
