// Package listdisposals lists the data that retention policies disposed of: GET
// /v1/compliance/retention/disposals.
package listdisposals

import (
	"context"
	"time"

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
var Service = function.Endpoint(function.Get("compliance-list-disposals", "/v1/compliance/retention/disposals", "List disposals", policy.RetentionRead).
	Describe("Each retention sweep records the data of your organization that it disposed of. These records are kept permanently."), New).
	Uses(function.Owns(database.Compliance))

// Disposal is the data of one resource that a sweep disposed of under one policy.
type Disposal struct {
	ID         uuid.UUID          `json:"id" format:"uuid"`
	SweepID    uuid.UUID          `json:"sweep_id" format:"uuid" doc:"The sweep that requested the disposal"`
	Resource   retention.Resource `json:"resource"`
	KeepDays   int                `json:"keep_days" doc:"The policy at the time"`
	Cutoff     time.Time          `json:"cutoff" doc:"Records that had ended before this time were disposed of"`
	Items      int64              `json:"items" doc:"Number of records disposed of"`
	Bytes      int64              `json:"size_bytes" doc:"Stored bytes disposed of"`
	Oldest     time.Time          `json:"oldest" doc:"When the oldest of them had ended"`
	Newest     time.Time          `json:"newest"`
	DisposedAt time.Time          `json:"disposed_at"`
}

// Request selects one page.
type Request struct{ page.Query }

// Response is one page of disposals.
type Response struct{ Body page.Page[Disposal] }

// Function lists disposals.
type Function struct{ retention.Store }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := retention.Open(ctx, env)
	return &Function{store}, err
}

const selectDisposals = `
SELECT id, sweep_id, resource, keep_days, cutoff, items, bytes, oldest, newest, disposed_at
FROM compliance.retention_disposals WHERE organization_id = @organization AND id < @before ORDER BY id DESC LIMIT @limit`

// Handle lists the disposals of the caller's organization.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	disposals, err := page.List(ctx, f.DB, in.Query, func(d Disposal) uuid.UUID { return d.ID }, selectDisposals, pgx.NamedArgs{"organization": caller.OrganizationID})
	return &Response{Body: disposals}, err
}
