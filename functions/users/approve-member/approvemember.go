// Package approvemember lets in a person who asked to join an organization:
// POST /v1/organizations/{id}/members/{user_id}/approve.
package approvemember

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
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/policy"
)

// Operation is the HTTP operation.
var Operation = huma.Operation{
	OperationID: "users-approve-member", Method: http.MethodPost, Path: "/v1/organizations/{id}/members/{user_id}/approve",
	Summary: "Let a person into your organization", Tags: []string{users.Tag}, Security: function.Needs(policy.MembersWrite),
	Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound},
}

// Request names the organization and the person.
type Request struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	UserID uuid.UUID `path:"user_id" format:"uuid"`
}

// Response is the membership.
type Response struct{ Body users.Membership }

// Function approves memberships.
type Function struct{ users.Store }

// New opens the memberships.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := users.Open(ctx, env)
	return &Function{store}, err
}

const approve = `
UPDATE memberships SET status = 'active' WHERE user_id = $1 AND organization_id = $2 AND status = 'requested'
RETURNING user_id, organization_id, role, status`

var errNobody = fault.New(fault.NotFound, "Nobody with this identifier waits to be let into this organization")

// Handle approves what was requested; the person's next token tells of it.
func (f *Function) Handle(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	if in.ID != caller.OrganizationID {
		return nil, errNobody
	}
	var m users.Membership
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		rows, _ := tx.Query(ctx, approve, in.UserID, caller.OrganizationID)
		if m, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[users.Membership]); err != nil {
			return err
		}
		return tx.Publish(ctx, events.MembershipApproved{UserID: m.UserID, OrganizationID: m.OrganizationID, Role: m.Role, ApprovedAt: time.Now().UTC()})
	})
	if database.IsNoRows(err) {
		return nil, errNobody
	}
	if err != nil {
		return nil, fmt.Errorf("approve membership: %w", err)
	}
	return &Response{Body: m}, nil
}
