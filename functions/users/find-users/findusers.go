// Package findusers shows platform admins the accounts: GET /v1/admin/users and GET
// /v1/admin/users/{id}.
package findusers

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/function"
	"function/shared/page"
)

// Parts are the ways into this function.
var Parts = []function.Part[*Function]{
	function.On(ListOperation, (*Function).List),
	function.On(GetOperation, (*Function).Get),
}

// Function shows accounts.
type Function struct{ users.Store }

// New opens the accounts.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

const (
	columns = `
SELECT u.id, u.created_at, u.email_verified_at, u.suspended_at, u.must_change_password, u.platform_admin,
       u.wrapped_key, u.email AS sealed_email, u.first_name AS sealed_first, u.last_name AS sealed_last,
       coalesce((SELECT json_agg(json_build_object('organization_id', m.organization_id, 'role', m.role, 'status', m.status) ORDER BY m.created_at)
                 FROM memberships m WHERE m.user_id = u.id), '[]') AS members
FROM users u `
	selectAll  = columns + `WHERE u.id < $1 ORDER BY u.id DESC LIMIT $2`
	selectMail = columns + `WHERE u.email_index = $1`
	selectOne  = columns + `WHERE u.id = $1`
	selectActs = `
SELECT at, actor_id, action, detail ->> 'sealed_reason' AS reason FROM audit_entries
WHERE organization_id = '00000000-0000-0000-0000-000000000000' AND resource_id = $1 AND detail ? 'sealed_reason' ORDER BY id DESC LIMIT 50`
)

// row is an account as it is stored.
type row struct {
	Account
	WrappedKey, SealedEmail, SealedFirst, SealedLast []byte
	Members                                          json.RawMessage
}

// List lists accounts, or finds the one with an address.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	if err := audit.Record(ctx, f.DB, audit.Entry{Action: "users:find", Platform: true, Detail: map[string]any{"by_email": in.Email != ""}}); err != nil {
		return nil, err
	}
	sql, arguments := selectAll, []any{before, in.Fetch()}
	if in.Email != "" {
		index, err := f.AccountIndex(ctx, f.DB, in.Email)
		if err != nil {
			return nil, err
		}
		sql, arguments = selectMail, []any{index}
	}
	rows, _ := f.DB.Query(ctx, sql, arguments...)
	stored, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	accounts := make([]Account, len(stored))
	for i, r := range stored {
		if accounts[i], _, err = f.open(ctx, r); err != nil {
			return nil, err
		}
	}
	return &ListResponse{Body: page.Of(in.Query, accounts, func(a Account) uuid.UUID { return a.ID })}, nil
}

// Get shows one account, with what admins did to it.
func (f *Function) Get(ctx context.Context, in *GetRequest) (*GetResponse, error) {
	rows, _ := f.DB.Query(ctx, selectOne, in.ID)
	stored, err := pgx.CollectRows(rows, pgx.RowToStructByName[row])
	if err != nil {
		return nil, fmt.Errorf("read account: %w", err)
	}
	if len(stored) == 0 {
		return nil, users.ErrNoPerson
	}
	if err := audit.Record(ctx, f.DB, audit.Entry{Action: "users:read", ResourceID: in.ID.String(), Platform: true}); err != nil {
		return nil, err
	}
	out := &GetResponse{}
	account, key, err := f.open(ctx, stored[0])
	if err != nil {
		return nil, err
	}
	rows, _ = f.DB.Query(ctx, selectActs, in.ID.String())
	acts, err := pgx.CollectRows(rows, pgx.RowToStructByName[Act])
	if err != nil {
		return nil, fmt.Errorf("list acts on account: %w", err)
	}
	for i := range acts {
		if acts[i].Reason, err = users.OpenReason(key, acts[i].Reason); err != nil {
			return nil, err
		}
	}
	out.Body.Account, out.Body.Acts = account, append([]Act{}, acts...)
	return out, nil
}

// open unseals an account with the person's key.
func (f *Function) open(ctx context.Context, r row) (Account, []byte, error) {
	key, err := f.Keeper.Unwrap(ctx, r.WrappedKey)
	if err != nil {
		return r.Account, nil, err
	}
	name, err := users.SealedName{Email: r.SealedEmail, FirstName: r.SealedFirst, LastName: r.SealedLast}.Open(key)
	if err != nil {
		return r.Account, nil, err
	}
	r.Account.Email, r.Account.FirstName, r.Account.LastName = name.Email, name.FirstName, name.LastName
	return r.Account, key, json.Unmarshal(r.Members, &r.Account.Memberships)
}
