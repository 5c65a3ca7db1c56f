// Package exportaudit exports a sealed audit trail, which scripts/verify-audit or anybody else
// can verify: an organization's trail, GET /v1/audit/export, and the platform's own, GET
// /v1/admin/audit/export.
package exportaudit

import (
	"context"
	"fmt"
	"io"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users/internal/privacy"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/policy"
)

// mediaType is the media type of JSON lines.
const mediaType = "application/jsonl"

// Service declares the function.
var Service = function.Service("users-export-audit", New,
	function.On(function.Get("users-export-audit", "/v1/audit/export", "Export your organization's audit trail", policy.AuditRead).
		Describe("JSON lines, oldest first: {\"entry\": …} or {\"checkpoint\": …}. The export begins and ends at checkpoints, so it may contain entries from before and after the requested time. "+
			"Entries of the last minute or two that are not yet sealed are left out. A truncated export does not end with a checkpoint.").
		Answers(responses), (*Function).Export),
	function.On(function.Get("users-export-platform-audit", "/v1/admin/audit/export", "Export the platform's own audit trail", policy.PlatformUsers).
		Describe("Actions of platform admins and everything that belongs to no organization, as JSON lines like those of an organization's export.").
		Answers(responses), (*Function).ExportPlatform),
).
	Uses(function.Owns(database.Users), function.AuditTrails)

var responses = map[string]*huma.Response{"200": {
	Description: "OK", Content: map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: huma.TypeString}}},
}}

// Request selects what to export.
type Request struct {
	Trail audit.Trail `query:"trail" enum:"users,datasets,analytics" default:"users"`
	privacy.Period
}

// Response streams the export.
type Response struct{ Body func(huma.Context) }

// Function exports audit trails.
type Function struct {
	store  store.Store
	trails privacy.Trails
}

// New opens the users' audit trail. The other trails are opened on first use.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store: store, trails: privacy.NewTrails(env)}, err
}

// Export records the export in the trail and then streams it.
func (f *Function) Export(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	return f.export(ctx, caller.OrganizationID, in)
}

// ExportPlatform is [Function.Export] for the entries that belong to no organization.
func (f *Function) ExportPlatform(ctx context.Context, in *Request) (*Response, error) {
	return f.export(ctx, uuid.Nil, in)
}

func (f *Function) export(ctx context.Context, organization uuid.UUID, in *Request) (*Response, error) {
	if err := in.Check(); err != nil {
		return nil, err
	}
	db, err := f.trails.Open(ctx, in.Trail)
	if err != nil {
		return nil, err
	}
	err = audit.Record(ctx, f.store.DB, audit.Entry{
		Action: "audit:export", Platform: organization == uuid.Nil, Detail: map[string]any{"trail": in.Trail, "from": in.From, "to": in.To},
	})
	if err != nil {
		return nil, err
	}
	return &Response{Body: privacy.Stream(ctx, mediaType, fmt.Sprintf("audit-%s.jsonl", in.Trail), func(w io.Writer) error {
		return audit.Export(ctx, db, organization, in.From, in.To, w)
	})}, nil
}
