// Package findusers lets platform admins find and read accounts: GET /v1/admin/users and GET
// /v1/admin/users/{id}.
package findusers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/page"
	"function/shared/policy"
)

// Service declares the function.
var Service = function.Service("users-find-users", New,
	function.On(function.Get("users-find-users", "/v1/admin/users", "Find accounts across the platform", policy.PlatformUsers).
		Fails(fault.Conflict).
		Describe("Newest first; all filters apply together. Searching by name works within an organization whose setting search_by_name allows it. The search is audited."), (*Function).List),
	function.On(function.Get("users-get-user", "/v1/admin/users/{id}", "Read one account and what platform admins did to it", policy.PlatformUsers), (*Function).Get),
).
	Uses(function.Owns(database.Users), function.Keys)

// Function finds accounts.
type Function struct{ store store.Store }

// New opens the store.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := store.Open(ctx, env)
	return &Function{store}, err
}

const (
	columns = `
SELECT u.id, u.created_at, u.email_verified_at, u.suspended_at, u.must_change_password, u.platform_admin,
       u.wrapped_key, u.email AS sealed_email, u.first_name AS sealed_first, u.last_name AS sealed_last,
       coalesce((SELECT json_agg(json_build_object('organization_id', m.organization_id, 'role', m.role, 'status', m.status) ORDER BY m.created_at)
                 FROM memberships m WHERE m.user_id = u.id), '[]') AS members
FROM users u `
	named = `u.id IN (SELECT user_id FROM name_prefixes WHERE organization_id = @organization AND prefix_index = ANY (@name)
    GROUP BY user_id HAVING count(*) = cardinality(@name::bytea[]))`
	selectOne  = columns + `WHERE u.id = $1`
	selectActs = `
SELECT at, actor_id, action, detail ->> 'sealed_reason' AS reason FROM audit_entries
WHERE organization_id = '00000000-0000-0000-0000-000000000000' AND resource_id = $1 AND detail ? 'sealed_reason' ORDER BY id DESC LIMIT 50`
)

// row is an account as stored in the database.
type row struct {
	Account
	WrappedKey, SealedEmail, SealedFirst, SealedLast []byte
	Members                                          json.RawMessage
}

// query builds the query for the requested filters. Each condition is supported by an index.
func (f *Function) query(ctx context.Context, in *ListRequest) (sql string, arguments pgx.NamedArgs, err error) {
	conditions := []string{`u.id < @before`}
	arguments = pgx.NamedArgs{"organization": in.OrganizationID}
	if in.Email != "" {
		conditions = append(conditions, `u.email_index = @email`)
		if arguments["email"], err = person.AccountIndex(ctx, f.store, f.store.DB, in.Email); err != nil {
			return "", nil, err
		}
	}
	switch in.Suspended {
	case "true":
		conditions = append(conditions, `u.suspended_at IS NOT NULL`)
	case "false":
		conditions = append(conditions, `u.suspended_at IS NULL`)
	}
	switch in.PlatformAdmin {
	case "true":
		conditions = append(conditions, `u.platform_admin`)
	case "false":
		conditions = append(conditions, `NOT u.platform_admin`)
	}
	if in.OrganizationID != uuid.Nil {
		conditions = append(conditions, `u.id IN (SELECT user_id FROM memberships WHERE organization_id = @organization)`)
	}
	if in.Name != "" {
		if in.OrganizationID == uuid.Nil {
			return "", nil, fault.At("query.name", "a search by name also needs organization_id: names are indexed by organization")
		}
		conditions = append(conditions, named)
		if arguments["name"], err = person.NamePrefixes(f.store.Keeper, in.OrganizationID, in.Name); err != nil {
			return "", nil, err
		}
	}
	return columns + "WHERE " + strings.Join(conditions, " AND ") + " ORDER BY u.id DESC LIMIT @limit", arguments, nil
}

// List lists accounts.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	sql, arguments, err := f.query(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &ListResponse{}
	if in.Name != "" {
		complete, err := person.IndexNames(ctx, f.store, in.OrganizationID)
		if err != nil {
			return nil, err
		}
		out.Body.Complete = &complete
	}
	entry := audit.Entry{Action: "users:find", Platform: true, Detail: map[string]any{"by_email": in.Email != "", "by_name": in.Name != "", "organization": in.OrganizationID}}
	if err := audit.Record(ctx, f.store.DB, entry); err != nil {
		return nil, err
	}
	found, err := page.List(ctx, f.store.DB, in.Query, func(r row) uuid.UUID { return r.ID }, sql, arguments)
	if err != nil {
		return nil, err
	}
	out.Body.NextCursor, out.Body.Items = found.NextCursor, []Account{}
	for _, r := range found.Items {
		account, _, err := f.open(ctx, r)
		if err != nil {
			return nil, err
		}
		name := person.Name{FirstName: account.FirstName, LastName: account.LastName}
		if in.Name == "" || person.NameMatches(name, in.Name) { // the indexes only cover the first letters of each word
			out.Body.Items = append(out.Body.Items, account)
		}
	}
	return out, nil
}

// Get returns one account with the actions of platform admins on it.
func (f *Function) Get(ctx context.Context, in *GetRequest) (*GetResponse, error) {
	stored, err := database.One[row](ctx, f.store.DB, lifecycle.ErrNoPerson, selectOne, in.ID)
	if err != nil {
		return nil, err
	}
	if err := audit.Record(ctx, f.store.DB, audit.Entry{Action: "users:read", ResourceID: in.ID.String(), Platform: true}); err != nil {
		return nil, err
	}
	out := &GetResponse{}
	account, key, err := f.open(ctx, stored)
	if err != nil {
		return nil, err
	}
	rows, _ := f.store.DB.Query(ctx, selectActs, in.ID.String())
	acts, err := pgx.CollectRows(rows, pgx.RowToStructByName[Act])
	if err != nil {
		return nil, fmt.Errorf("list acts on account: %w", err)
	}
	for i := range acts {
		if acts[i].Reason, err = lifecycle.OpenReason(key, acts[i].Reason); err != nil {
			return nil, err
		}
	}
	out.Body.Account, out.Body.Acts = account, append([]Act{}, acts...)
	return out, nil
}

// open unseals an account with the person's key.
func (f *Function) open(ctx context.Context, r row) (Account, []byte, error) {
	key, err := f.store.Keeper.Unwrap(ctx, r.WrappedKey)
	if err != nil {
		return r.Account, nil, err
	}
	name, err := person.SealedName{Email: r.SealedEmail, FirstName: r.SealedFirst, LastName: r.SealedLast}.Open(key)
	if err != nil {
		return r.Account, nil, err
	}
	r.Account.Email, r.Account.FirstName, r.Account.LastName = name.Email, name.FirstName, name.LastName
	err = json.Unmarshal(r.Members, &r.Account.Memberships)
	return r.Account, key, err
}
