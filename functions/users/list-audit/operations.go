package listaudit

import (
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/privacy"
	"function/shared/audit"
	"function/shared/page"
)

// TrailQuery selects a trail.
type TrailQuery struct {
	Trail audit.Trail `query:"trail" enum:"users,datasets,analytics" default:"users" doc:"The audit trail to read: people and organizations (users), data sets, or analytics"`
}

// ListRequest selects one page of the matching entries.
type ListRequest struct {
	page.Query
	TrailQuery
	ActorID    uuid.UUID `query:"actor_id" format:"uuid" doc:"Who did it"`
	ResourceID string    `query:"resource_id" maxLength:"100" doc:"Identifier of what it was done to"`
	Action     string    `query:"action" maxLength:"100" pattern:"^[a-z0-9_:-]*$" example:"members:approve"`
	Result     string    `query:"result" enum:"done,refused"`
	privacy.Period
}

// ListResponse is one page.
type ListResponse struct{ Body page.Page[audit.Line] }

// CheckpointsRequest selects one page.
type CheckpointsRequest struct {
	TrailQuery
	Limit  int   `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of items"`
	Cursor int64 `query:"cursor" minimum:"0" doc:"next_cursor of the previous page"`
}

// Checkpoint is a signed statement about the trail.
type Checkpoint struct {
	Seq       int64      `json:"seq" doc:"seq of the last entry that it covers"`
	Hash      audit.Hash `json:"hash" doc:"Hash of that entry, hexadecimal"`
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
