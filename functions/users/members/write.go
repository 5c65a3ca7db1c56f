package members

import (
	"context"

	"function/functions/users"
	"function/shared/auth"
)

// Assign gives a member another role.
func (f *Function) Assign(ctx context.Context, in *AssignRequest) (*users.RoleChangeAnswer, error) {
	return f.ChangeRoles(ctx, in.ID, users.RoleChange{Kind: users.AssignRole, UserID: in.UserID, Role: in.Body.Role})
}

// Suspend takes a member's roles away for a while.
func (f *Function) Suspend(ctx context.Context, in *Request) (*Response, error) {
	m, err := f.ChangeStanding(ctx, in.ID, in.UserID, users.MembershipSuspended)
	return &Response{Body: m}, err
}

// Restore gives them back.
func (f *Function) Restore(ctx context.Context, in *Request) (*Response, error) {
	m, err := f.ChangeStanding(ctx, in.ID, in.UserID, users.MembershipActive)
	return &Response{Body: m}, err
}

// Remove ends a membership.
func (f *Function) Remove(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, f.RemoveMember(ctx, in.ID, in.UserID, users.MembershipActive, users.MembershipSuspended)
}

// Leave ends the caller's own membership, of whichever organization.
func (f *Function) Leave(ctx context.Context, in *Organization) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	return nil, f.Store.Leave(ctx, in.ID, caller.UserID)
}
