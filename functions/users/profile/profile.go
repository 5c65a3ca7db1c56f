// Package profile tells a person what is on file about them: GET /v1/users/profile.
package profile

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/auth"
	"function/shared/function"
)

// Operation is the HTTP operation.
var Operation = huma.Operation{
	OperationID: "users-profile", Method: http.MethodGet, Path: "/v1/users/profile",
	Summary: "Your profile", Tags: []string{users.Tag}, Security: function.Person,
	Errors: []int{http.StatusUnauthorized},
}

// Response is the account and its standing in the organization.
type Response struct {
	Body struct {
		users.Account
		Role             string `json:"role"`
		MembershipStatus string `json:"membership_status" enum:"requested,active,suspended"`
	}
}

// Function reads profiles.
type Function struct{ users.Store }

// New opens the accounts.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

const selectAccount = `
SELECT u.id, u.wrapped_key, u.email, u.first_name, u.last_name, u.created_at, m.organization_id, m.role, m.status
FROM sessions s
JOIN users u ON u.id = s.user_id
JOIN memberships m ON m.user_id = s.user_id AND m.organization_id = s.organization_id
WHERE s.id = $1`

type account struct {
	ID             uuid.UUID
	WrappedKey     []byte
	CreatedAt      time.Time
	OrganizationID uuid.UUID
	Role, Status   string
	users.SealedName
}

// Handle unseals the caller's own account.
func (f *Function) Handle(ctx context.Context, _ *struct{}) (*Response, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	rows, _ := f.DB.Query(ctx, selectAccount, caller.SessionID)
	a, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[account])
	if err != nil {
		return nil, fmt.Errorf("read account: %w", err)
	}
	key, err := f.Keeper.Unwrap(ctx, a.WrappedKey)
	if err != nil {
		return nil, err
	}
	var out Response
	out.Body.ID, out.Body.OrganizationID, out.Body.CreatedAt = a.ID, a.OrganizationID, a.CreatedAt.UTC()
	out.Body.Role, out.Body.MembershipStatus = a.Role, a.Status
	name, err := a.SealedName.Open(key)
	if err != nil {
		return nil, err
	}
	out.Body.Email, out.Body.FirstName, out.Body.LastName = name.Email, name.FirstName, name.LastName
	return &out, nil
}
