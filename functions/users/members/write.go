package members

import (
	"context"

	"function/functions/users/internal/access"
	"function/functions/users/internal/membership"
	"function/shared/auth"
)

// Assign changes a member's role.
func (f *Function) Assign(ctx context.Context, in *AssignRequest) (*access.RoleChangeResponse, error) {
	return f.ChangeRoles(ctx, in.ID, access.RoleChange{Kind: access.AssignRole, UserID: in.UserID, Role: in.Body.Role})
}

// Suspend suspends a member.
func (f *Function) Suspend(ctx context.Context, in *Request) (*Response, error) {
	m, err := membership.ChangeStatus(ctx, f.Store, in.ID, in.UserID, access.MembershipSuspended)
	return &Response{Body: m}, err
}

// Restore ends a member's suspension.
func (f *Function) Restore(ctx context.Context, in *Request) (*Response, error) {
	m, err := membership.ChangeStatus(ctx, f.Store, in.ID, in.UserID, access.MembershipActive)
	return &Response{Body: m}, err
}

// Remove ends a membership.
func (f *Function) Remove(ctx context.Context, in *Request) (*struct{}, error) {
	return nil, membership.Remove(ctx, f.Store, in.ID, in.UserID, access.MembershipActive, access.MembershipSuspended)
}

// Leave ends the caller's own membership in any organization.
func (f *Function) Leave(ctx context.Context, in *Organization) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	return nil, membership.Leave(ctx, f.Store, in.ID, caller.UserID)
}
