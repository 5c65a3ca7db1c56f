// Package disposesessions deletes sessions, with their refresh tokens, that ended longer ago
// than their organization's retention policy keeps them. It runs when the retention sweep
// requests it and when policies change.
package disposesessions

import (
	"context"

	"function/shared/database"
	"function/shared/function"
	"function/shared/retention"
)

// Service declares the function.
var Service = retention.Dispose("users-dispose-sessions", "sessions", database.Users, New)

// New returns the statement that deletes expired sessions.
func New(context.Context, *function.Env) (retention.Work, error) {
	return retention.Statement(deleteSome), nil
}

const deleteSome = `
WITH disposed AS (
    DELETE FROM sessions WHERE id = ANY (ARRAY (
        SELECT s.id FROM sessions s
        LEFT JOIN retention_periods own ON own.resource = @resource AND own.organization_id = s.organization_id
        WHERE least(ended_at, expires_at) >= @from AND least(ended_at, expires_at) < @latest
          AND least(ended_at, expires_at) < @at::timestamptz - coalesce(own.keep_days, @keep_days) * interval '24 hours'
        ORDER BY least(ended_at, expires_at) LIMIT 500 FOR UPDATE OF s))
    RETURNING organization_id, least(ended_at, expires_at) AS over
)
SELECT organization_id, count(*) AS items, 0::bigint AS bytes, min(over) AS oldest, max(over) AS newest
FROM disposed GROUP BY organization_id`
