// Package listconsents shows an organization what its members have consented to: GET
// /v1/organizations/{id}/consents.
package listconsents

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("users-list-consents", "/v1/organizations/{id}/consents", "List what the members of your organization have consented to", policy.ConsentsRead), New).
	Uses(function.Owns(database.Users))

// Request selects one page of the latest decisions, on one purpose or all.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
	Purpose string `query:"purpose" maxLength:"63"`
}

// Consent is a person's latest decision on a purpose.
type Consent struct {
	ID        uuid.UUID `json:"id" format:"uuid" doc:"Identifier of the decision"`
	UserID    uuid.UUID `json:"user_id" format:"uuid"`
	Purpose   string    `json:"purpose"`
	Version   int       `json:"version"`
	Given     bool      `json:"given" doc:"false: withdrawn"`
	Member    bool      `json:"member" doc:"Whether the person is currently a member. Leaving does not withdraw a consent"`
	DecidedAt time.Time `json:"decided_at"`
}

// Count counts the members' decisions on a purpose.
type Count struct {
	Purpose    string `json:"purpose"`
	Given      int    `json:"given" doc:"Consents to the newest text"`
	GivenToOld int    `json:"given_to_older" doc:"Consents to an earlier text"`
	Withdrawn  int    `json:"withdrawn"`
	Undecided  int    `json:"undecided"`
	Former     int    `json:"former" doc:"Consents to any version by former members, not included in the other numbers"`
}

// Response contains the counts and one page of the latest decisions.
type Response struct {
	Body struct {
		page.Page[Consent]
		Counts []Count `json:"counts" nullable:"false"`
	}
}

// Function lists consents.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

// last selects each person's latest decision on each purpose of the organization.
const last = `
WITH last AS (
    SELECT DISTINCT ON (d.purpose_id, d.user_id) d.id, d.user_id, d.purpose_id, p.name AS purpose, d.version, d.given, d.decided_at
    FROM purposes p JOIN consent_decisions d ON d.purpose_id = p.id
    WHERE p.organization_id = @organization AND (@purpose = '' OR p.name = @purpose) AND d.organization_id = @organization
    ORDER BY d.purpose_id, d.user_id, d.number DESC
)`

const (
	selectConsents = last + `
SELECT id, user_id, purpose, version, given, decided_at,
       EXISTS (SELECT FROM memberships m WHERE m.user_id = last.user_id AND m.organization_id = @organization AND m.status <> 'requested') AS member
FROM last WHERE id < @before ORDER BY id DESC LIMIT @limit`
	selectCounts = last + `
SELECT p.name AS purpose, count(*) FILTER (WHERE l.given AND l.version = t.newest) AS given,
       count(*) FILTER (WHERE l.given AND l.version < t.newest) AS given_to_old,
       count(*) FILTER (WHERE NOT l.given) AS withdrawn, count(*) FILTER (WHERE m.user_id IS NOT NULL AND l.id IS NULL) AS undecided,
       (SELECT count(*) FROM last f WHERE f.purpose_id = p.id AND f.given
          AND NOT EXISTS (SELECT FROM memberships WHERE user_id = f.user_id AND organization_id = @organization AND status <> 'requested')) AS former
FROM purposes p
CROSS JOIN LATERAL (SELECT max(version) AS newest FROM purpose_texts WHERE purpose_id = p.id) t
LEFT JOIN memberships m ON m.organization_id = p.organization_id AND m.status = 'active'
LEFT JOIN last l ON l.purpose_id = p.id AND l.user_id = m.user_id
WHERE p.organization_id = @organization AND (@purpose = '' OR p.name = @purpose) GROUP BY p.id ORDER BY p.name`
)

// Handle lists the latest decisions, newest first.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	args := pgx.NamedArgs{"organization": in.ID, "purpose": in.Purpose}
	rows, _ := f.store.DB.Query(ctx, selectCounts, args)
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByName[Count])
	if err != nil {
		return nil, fmt.Errorf("count consents: %w", err)
	}
	out := &Response{}
	out.Body.Counts = append([]Count{}, counts...)
	out.Body.Page, err = page.List(ctx, f.store.DB, in.Query, func(c Consent) uuid.UUID { return c.ID }, selectConsents, args)
	return out, err
}
