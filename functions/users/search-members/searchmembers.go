// Package searchmembers finds members of the caller's organization by the first letters of their
// names: GET /v1/organizations/{id}/members/search.
package searchmembers

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/membership"
	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
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
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

const selectMembers = `
SELECT m.user_id, m.role, m.status, u.wrapped_key, u.email, u.first_name, u.last_name
FROM memberships m JOIN users u ON u.id = m.user_id
WHERE m.organization_id = @organization AND m.user_id < @before AND (@manages OR m.status <> 'requested') AND m.user_id IN (
    SELECT user_id FROM name_prefixes WHERE organization_id = @organization AND prefix_index = ANY (@prefixes)
    GROUP BY user_id HAVING count(*) = cardinality(@prefixes::bytea[]))
ORDER BY m.user_id DESC LIMIT @limit`

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
	prefixes, err := person.NamePrefixes(f.store.Keeper, in.ID, in.Name)
	if err != nil {
		return nil, err
	}
	out := &Response{}
	if out.Body.Complete, err = person.IndexNames(ctx, f.store, in.ID); err != nil {
		return nil, err
	}
	if err := audit.Record(ctx, f.store.DB, audit.Entry{Action: "members:search"}); err != nil {
		return nil, err
	}
	args := pgx.NamedArgs{"organization": in.ID, "prefixes": prefixes, "manages": membership.ManagesMembers(caller)}
	members, err := page.List(ctx, f.store.DB, in.Query, func(m found) uuid.UUID { return m.UserID }, selectMembers, args)
	if err != nil {
		return nil, err
	}
	out.Body.NextCursor, out.Body.Items = members.NextCursor, []Member{}
	for _, m := range members.Items {
		name, err := person.OpenName(ctx, f.store, m.WrappedKey, m.SealedName)
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
