// Package exportaudit writes an organization's sealed audit trail out, so that
// scripts/verify-audit, or anybody else, can verify it: GET /v1/audit/export.
package exportaudit

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/function"
	"function/shared/policy"
)

// mediaType is that of JSON lines.
const mediaType = "application/jsonl"

// Operation is the HTTP operation.
var Operation = huma.Operation{
	OperationID: "users-export-audit", Method: http.MethodGet, Path: "/v1/audit/export",
	Summary: "Export your organization's audit trail", Tags: []string{users.Tag}, Security: function.Needs(policy.AuditRead),
	Description: "JSON lines, the oldest first: {\"entry\": …} or {\"checkpoint\": …}. The export begins and ends at checkpoints, so it may hold entries from before and after the time. " +
		"What is not sealed yet, of the last minute or two, is not in it. An export that was cut off ends without a checkpoint.",
	Errors: []int{http.StatusUnauthorized, http.StatusForbidden},
	Responses: map[string]*huma.Response{"200": {
		Description: "OK", Content: map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}},
}

// Request is what to export.
type Request struct {
	Trail audit.Trail `query:"trail" enum:"users,datasets,analytics" default:"users"`
	From  time.Time   `query:"from"`
	To    time.Time   `query:"to" doc:"Exclusive"`
}

// Response is written as it is read.
type Response struct{ Body func(huma.Context) }

// Function exports trails.
type Function struct {
	users.Store
	trails users.Trails
}

// New opens the users' trail; the others are opened when they are asked for.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{Store: store, trails: users.NewTrails(env)}, err
}

// Handle has the trail tell of the export, and then writes it.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	db, err := f.trails.Open(ctx, in.Trail)
	if err != nil {
		return nil, err
	}
	err = audit.Record(ctx, f.DB, audit.Entry{Action: "audit:export", Detail: map[string]any{"trail": in.Trail, "from": in.From, "to": in.To}})
	if err != nil {
		return nil, err
	}
	return &Response{Body: users.Stream(ctx, mediaType, fmt.Sprintf("audit-%s.jsonl", in.Trail), func(w io.Writer) error {
		return audit.Export(ctx, db, caller.OrganizationID, in.From, in.To, w)
	})}, nil
}
