// Package listaudit lists an organization's audit trail, GET /v1/audit, the checkpoints that
// attest to it, GET /v1/audit/checkpoints, and the keys that signed them, GET /v1/audit/keys.
// GET /v1/admin/audit and GET /v1/admin/audit/checkpoints list the platform's own trail.
package listaudit

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/privacy"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Service("users-list-audit", New,
	function.On(function.Get("users-list-audit", "/v1/audit", "Read your organization's audit trail", policy.AuditRead).
		Describe("Every action and every refusal. Within a minute or two an entry is sealed, which sets its seq and hash. Reading the trail is itself audited."), (*Function).List),
	function.On(function.Get("users-list-platform-audit", "/v1/admin/audit", "Read the platform's own audit trail", policy.PlatformUsers).
		Describe("Actions of platform admins and everything that belongs to no organization."), (*Function).ListPlatform),
	function.On(function.Get("users-list-audit-checkpoints", "/v1/audit/checkpoints", "List the checkpoints of your organization's audit trail", policy.AuditRead).
		Describe("Signed statements of the number of entries and their hash. Keep the newest one elsewhere: with it, verify-audit detects a truncated trail."), (*Function).Checkpoints),
	function.On(function.Get("users-list-platform-audit-checkpoints", "/v1/admin/audit/checkpoints", "List the checkpoints of the platform's own audit trail", policy.PlatformUsers).
		Describe("Like those of an organization's trail. Keep the newest one elsewhere."), (*Function).PlatformCheckpoints),
	function.On(function.Get("users-list-audit-keys", "/v1/audit/keys", "List the keys that have signed checkpoints", policy.Public).
		Describe("A JSON Web Key Set (RFC 7517). It includes retired keys, so that checkpoints can be verified for as long as the trail is kept."), (*Function).Keys),
).
	Uses(function.Owns(database.Users), function.AuditTrails)

// Function lists audit trails.
type Function struct {
	store  store.Store
	trails privacy.Trails
}

// New opens the users' audit trail. The other trails are opened on first use.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	return &Function{store: store, trails: privacy.NewTrails(env)}, nil
}

const selectLines = `
SELECT ` + audit.Columns + ` FROM audit_entries
WHERE organization_id = @organization AND id < @before AND id < @until AND id >= @first
  AND (@actor::uuid IS NULL OR actor_id = @actor) AND (@resource = '' OR resource_id = @resource)
  AND (@action = '' OR action = @action) AND (@result = '' OR result = @result)
ORDER BY id DESC LIMIT @limit`

// List lists the trail of the caller's organization and records that it was read.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	return f.list(ctx, caller.OrganizationID, in)
}

// ListPlatform lists the entries that belong to no organization.
func (f *Function) ListPlatform(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	return f.list(ctx, uuid.Nil, in)
}

func (f *Function) list(ctx context.Context, organization uuid.UUID, in *ListRequest) (*ListResponse, error) {
	if err := in.Check(); err != nil {
		return nil, err
	}
	db, err := f.trails.Open(ctx, in.Trail)
	if err != nil {
		return nil, err
	}
	until := uuid.Max
	if !in.To.IsZero() {
		until = uuid7.First(in.To)
	}
	err = audit.Record(ctx, f.store.DB, audit.Entry{Action: "audit:read", Platform: organization == uuid.Nil, Detail: in.filters()})
	if err != nil {
		return nil, err
	}
	lines, err := page.List(ctx, db, in.Query, func(l audit.Line) uuid.UUID { return l.ID }, selectLines, pgx.NamedArgs{
		"organization": organization, "first": uuid7.First(in.From), "until": until, "actor": optional(in.ActorID),
		"resource": in.ResourceID, "action": in.Action, "result": in.Result,
	})
	return &ListResponse{Body: lines}, err
}

// filters returns the filters for the audit entry. It leaves out a resource that is not an
// identifier, since somebody may have typed a name or an address.
func (in *ListRequest) filters() map[string]any {
	detail := map[string]any{"trail": in.Trail}
	for name, value := range map[string]string{"action": in.Action, "result": in.Result, "before": in.Cursor} {
		if value != "" {
			detail[name] = value
		}
	}
	if in.ActorID != uuid.Nil {
		detail["actor_id"] = in.ActorID
	}
	if id, err := uuid.Parse(in.ResourceID); err == nil {
		detail["resource_id"] = id
	}
	for name, value := range map[string]time.Time{"from": in.From, "to": in.To} {
		if !value.IsZero() {
			detail[name] = value.UTC()
		}
	}
	return detail
}

func optional(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}
