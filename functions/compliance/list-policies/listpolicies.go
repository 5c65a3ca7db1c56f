// Package listpolicies lists an organization's retention policies: GET
// /v1/compliance/retention/policies.
package listpolicies

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/compliance/internal/retention"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("compliance-list-policies", "/v1/compliance/retention/policies", "List your organization's retention policies", policy.RetentionRead).
	Describe("One policy for each resource: your organization's own or, if it has none, the platform's default."), New).
	Uses(function.Owns(database.Compliance))

// Response lists every policy on a single page.
type Response struct {
	Body page.Page[retention.Policy]
}

// Function lists policies.
type Function struct{ retention.Store }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := retention.Open(ctx, env)
	return &Function{store}, err
}

const selectPolicies = `
SELECT DISTINCT ON (resource) resource, keep_days, CASE organization_id WHEN $1 THEN 'own' ELSE 'default' END AS origin
FROM compliance.retention_policies
WHERE organization_id IN ($1, $2) AND keep_days IS NOT NULL ORDER BY resource, organization_id = $1 DESC`

// Handle lists the policies in force.
func (f *Function) Handle(ctx context.Context, _ *struct{}) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	rows, _ := f.DB.Query(ctx, selectPolicies, caller.OrganizationID, uuid.Nil)
	policies, err := pgx.CollectRows(rows, pgx.RowToStructByName[retention.Policy])
	if err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	return &Response{Body: page.Page[retention.Policy]{Items: policies}}, nil
}
