// Package setpolicy sets an organization's retention policy: PUT
// /v1/compliance/retention/policies/{resource}.
package setpolicy

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
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Endpoint(function.Put("compliance-set-policy", "/v1/compliance/retention/policies/{resource}", "Set a retention policy", policy.RetentionWrite).
	Describe("From the next nightly sweep on, your organization's records of this resource are disposed of keep_days after their end or deletion."), New).
	Uses(function.Owns(database.Compliance))

// Request holds the policy.
type Request struct {
	Resource retention.Resource `path:"resource"`
	Body     struct {
		KeepDays int `json:"keep_days" minimum:"0" maximum:"36500" doc:"Days that a record is kept after its end or deletion; 0: until the next sweep"`
	}
}

// Response is the policy now in force.
type Response struct{ Body retention.Policy }

// Function sets policies.
type Function struct{ retention.Store }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := retention.Open(ctx, env)
	return &Function{store}, err
}

const upsertPolicy = `
INSERT INTO compliance.retention_policies (id, organization_id, resource, keep_days, changed_by) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT ON CONSTRAINT retention_policy
DO UPDATE SET keep_days = excluded.keep_days, changed_at = now(), changed_by = excluded.changed_by`

// Handle sets the organization's own policy.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	id := uuid7.New()
	entry := audit.Entry{Action: "retention:set", ResourceID: string(in.Resource), Detail: map[string]any{"keep_days": in.Body.KeepDays}}
	err = act.Do(ctx, f.DB, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		return retention.Change(ctx, tx, in.Resource, func() error {
			_, err := tx.Exec(ctx, upsertPolicy, id, caller.OrganizationID, in.Resource, in.Body.KeepDays, caller.UserID)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("set policy: %w", err)
	}
	return &Response{Body: retention.Policy{Resource: in.Resource, KeepDays: in.Body.KeepDays, Origin: retention.OriginOwn}}, nil
}
