package listaudit

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

// The HTTP operations.
var (
	ListOperation = huma.Operation{
		OperationID: "users-list-audit", Method: http.MethodGet, Path: "/v1/audit",
		Summary: "Your organization's audit trail", Tags: []string{users.Tag}, Security: function.Needs(policy.AuditRead),
		Description: "Every act and every refusal. An entry is sealed, which gives it seq and hash, within a minute or two. Reading the trail is itself audited.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden},
	}
	PlatformOperation = huma.Operation{
		OperationID: "users-list-platform-audit", Method: http.MethodGet, Path: "/v1/admin/audit",
		Summary: "The platform's own audit trail", Tags: []string{users.Tag}, Security: function.Needs(policy.PlatformUsers),
		Description: "What platform admins did, and what belongs to no organization.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden},
	}
	CheckpointsOperation = huma.Operation{
		OperationID: "users-list-audit-checkpoints", Method: http.MethodGet, Path: "/v1/audit/checkpoints",
		Summary: "The checkpoints of your organization's audit trail", Tags: []string{users.Tag}, Security: function.Needs(policy.AuditRead),
		Description: "Signed statements of how many entries there were and what hash they had. Keep the newest one elsewhere: with it, verify-audit finds a trail that was cut short.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden},
	}
	PlatformCheckpointsOperation = huma.Operation{
		OperationID: "users-list-platform-audit-checkpoints", Method: http.MethodGet, Path: "/v1/admin/audit/checkpoints",
		Summary: "The checkpoints of the platform's own audit trail", Tags: []string{users.Tag}, Security: function.Needs(policy.PlatformUsers),
		Description: "As those of an organization's: keep the newest one elsewhere.",
		Errors:      []int{http.StatusUnauthorized, http.StatusForbidden},
	}
	KeysOperation = huma.Operation{
		OperationID: "users-list-audit-keys", Method: http.MethodGet, Path: "/v1/audit/keys",
		Summary: "The keys that have signed checkpoints", Tags: []string{users.Tag},
		Description: "A JSON Web Key Set (RFC 7517). Keys that sign no longer stay in it: a checkpoint is verified for as long as the trail is kept.",
	}
)

// TrailQuery names a trail.
type TrailQuery struct {
	Trail audit.Trail `query:"trail" enum:"users,datasets,analytics" default:"users" doc:"Of what was done to people and the organization, to data sets, or by analytics"`
}

// ListRequest asks for one page of what fits.
type ListRequest struct {
	page.Query
	TrailQuery
	ActorID    uuid.UUID `query:"actor_id" format:"uuid" doc:"Who did it"`
	ResourceID string    `query:"resource_id" maxLength:"100" doc:"Of what it was done to"`
	Action     string    `query:"action" maxLength:"100" pattern:"^[a-z0-9_:-]*$" example:"members:approve"`
	Result     string    `query:"result" enum:"done,refused"`
	users.Period
}

// ListResponse is one page.
type ListResponse struct{ Body page.Page[audit.Line] }

// CheckpointsRequest asks for one page.
type CheckpointsRequest struct {
	TrailQuery
	Limit  int   `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many items at the most"`
	Cursor int64 `query:"cursor" minimum:"0" doc:"next_cursor of the page before"`
}

// Checkpoint is a signed statement about the trail.
type Checkpoint struct {
	Seq       int64      `json:"seq" doc:"The entry that it was signed over"`
	Hash      audit.Hash `json:"hash" doc:"Of that entry, hexadecimal"`
	SignedAt  time.Time  `json:"signed_at"`
	Statement string     `json:"statement" doc:"JWS (RFC 7515) of type audit-checkpoint+jwt"`
}

// CheckpointsResponse is one page.
type CheckpointsResponse struct {
	Body page.Page[Checkpoint]
}

// Key is an Ed25519 public key (RFC 8037 §2).
type Key struct {
	KeyType string `json:"kty" enum:"OKP"`
	Curve   string `json:"crv" enum:"Ed25519"`
	ID      string `json:"kid"`
	X       string `json:"x"`
	Use     string `json:"use" enum:"sig"`
}

// KeysResponse is a JSON Web Key Set.
type KeysResponse struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Keys []Key `json:"keys" nullable:"false"`
	}
}
