// Package searchmembers finds members of the caller's organization by the first letters of their
// names: GET /v1/organizations/{id}/members/search.
package searchmembers

import (
	"context"
	"fmt"

	"function/functions/users/internal/membership"
	"function/functions/users/internal/person"
	"function/functions/users/internal/store"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Endpoint(function.Get("users-search-members", "/v1/organizations/{id}/members/search", "Find members by the first letters of their names", policy.MembersRead).
	Fails(fault.Conflict).
	Describe("Matches prefixes of the words of a name, ignoring case and accents. Requires the organization's setting search_by_name."), New).
	Uses(function.Owns(database.Users), function.Keys)

// Request selects one page.
type Request struct {
	ID uuid.UUID `path:"id" format:"uuid"`
	page.Query
	Name string `query:"name" required:"true" minLength:"1" maxLength:"100" example:"love"`
}

// Member is a member who was found.
type Member struct {
	UserID    uuid.UUID `json:"user_id" format:"uuid"`
	Email     string    `json:"email"`
	FirstName string    `json:"first_name"`
	LastName  string    `json:"last_name"`
	Role      string    `json:"role"`
	Status    string    `json:"status" enum:"requested,active,suspended"`
}

// Response is one page. It may have fewer items than the limit although another page follows.
type Response struct {
	Body struct {
		page.Page[Member]
		Complete bool `json:"complete" doc:"Whether all names are indexed. If false, search again in a moment"`
	}
}

// Function finds members.
type Function struct{ store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

const selectMembers = `
SELECT m.user_id, m.role, m.status, u.wrapped_key, u.email, u.first_name, u.last_name
FROM memberships m JOIN users u ON u.id = m.user_id
WHERE m.organization_id = $1 AND m.user_id < $3 AND ($5 OR m.status <> 'requested') AND m.user_id IN (
    SELECT user_id FROM name_prefixes WHERE organization_id = $1 AND prefix_index = ANY ($2)
    GROUP BY user_id HAVING count(*) = cardinality($2::bytea[]))
ORDER BY m.user_id DESC LIMIT $4`

type found struct {
	UserID       uuid.UUID
	Role, Status string
	WrappedKey   []byte
	person.SealedName
}

// Handle finds candidates by the hashes of name prefixes and then compares the decrypted names.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	prefixes, err := person.NamePrefixes(f.Keeper, in.ID, in.Name)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	if out.Body.Complete, err = person.IndexNames(ctx, f.Store, in.ID); err != nil {
		return nil, err
	}
	if err := audit.Record(ctx, f.DB, audit.Entry{Action: "members:search"}); err != nil {
		return nil, err
	}
	rows, _ := f.DB.Query(ctx, selectMembers, in.ID, prefixes, before, in.Fetch(), membership.ManagesMembers(caller))
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[found])
	if err != nil {
		return nil, fmt.Errorf("find members: %w", err)
	}
	page := page.Of(in.Query, list, func(m found) uuid.UUID { return m.UserID })
	out.Body.NextCursor, out.Body.Items = page.NextCursor, []Member{}
	for _, m := range page.Items {
		name, err := person.OpenName(ctx, f.Store, m.WrappedKey, m.SealedName)
		if err != nil {
			return nil, err
		}
		if person.NameMatches(name, in.Name) {
			out.Body.Items = append(out.Body.Items, Member{
				UserID: m.UserID, Email: name.Email, FirstName: name.FirstName, LastName: name.LastName, Role: m.Role, Status: m.Status,
			})
		}
	}
	return out, nil
}
