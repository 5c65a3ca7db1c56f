// Package access decides and changes who may do what in an organization, for the functions
// that read or change roles, grants and teams and that approve such changes.
package access

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/store"
	"function/shared/fault"
	"function/shared/mail"
	"function/shared/outbox"
	"function/shared/policy"
)

// toldAtOnce limits the recipients of a mail about one change.
const toldAtOnce = 200

const selectDeciders = `
SELECT user_id FROM (
    SELECT m.user_id, roles && @mighty OR @permission = ANY (permissions_of(@organization, roles)) AS decides
    FROM memberships m JOIN users u ON u.id = m.user_id CROSS JOIN LATERAL roles_of(m.user_id, m.organization_id) AS roles
    WHERE m.organization_id = @organization AND m.status = 'active' AND u.suspended_at IS NULL) members
WHERE decides OR @all ORDER BY `

// Orders for selecting recipients: any members, or approvers first.
const (
	firstDeciders = selectDeciders + `user_id LIMIT @limit`
	decidersFirst = selectDeciders + `decides DESC, user_id LIMIT @limit`
)

func members(ctx context.Context, tx pgx.Tx, query string, organization uuid.UUID, all bool, limit int) ([]uuid.UUID, error) {
	mighty := slices.DeleteFunc(policy.BuiltIn(), func(role string) bool { return !slices.Contains(policy.Permissions(role), policy.RolesApprove) })
	rows, _ := tx.Query(ctx, query, pgx.NamedArgs{
		"organization": organization, "mighty": mighty, "permission": policy.RolesApprove, "all": all, "limit": limit,
	})
	found, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("look who can approve: %w", err)
	}
	return found, nil
}

// errFewDeciders refuses to leave fewer than two members who can approve role changes.
var errFewDeciders = fault.New(fault.Conflict, "While role changes need a second person's approval, at least two members must be able to approve (%s): "+
	"first give another member such a role, or turn the requirement off (DELETE /v1/organizations/{id}/settings/require_second_person)", policy.RolesApprove)

// NeedDeciders refuses to require second-person approval if fewer than two active members
// could approve role changes.
func NeedDeciders(ctx context.Context, tx pgx.Tx, organization uuid.UUID) error {
	found, err := members(ctx, tx, firstDeciders, organization, false, 2)
	if err == nil && len(found) < 2 {
		err = errFewDeciders
	}
	return err
}

// KeepDeciders runs a change under the organization's lock. If role changes need a second
// person, it refuses a change that leaves fewer than two approvers and fewer than before.
//
// It covers changes that members make to each other. Changes that must not fail because of
// an organization's rule (a suspension by the platform, an erasure, a removal by
// provisioning) may leave a single approver, who can then turn off the requirement
// ([PendingRoleChange.AloneFrom]).
func KeepDeciders(ctx context.Context, tx pgx.Tx, organization uuid.UUID, work func() error) error {
	settings, err := store.SettingsOf(ctx, tx, organization)
	if err != nil {
		return err
	}
	if !settings.RequireSecondPerson {
		return work()
	}
	before, err := members(ctx, tx, firstDeciders, organization, false, 2)
	if err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	after, err := members(ctx, tx, firstDeciders, organization, false, 2)
	if err == nil && len(after) < len(before) {
		err = errFewDeciders
	}
	return err
}

// tell mails the members of an organization who can approve role changes, or all members. If
// there are too many, approvers are mailed first. Unless all members are mailed, nobody is
// notified of their own action.
func (r RoleChanges) tell(ctx context.Context, tx *outbox.Tx, organization, by uuid.UUID, all bool, write func(to string) mail.Message) error {
	if !r.post.Sends() {
		return nil
	}
	people, err := members(ctx, tx, decidersFirst, organization, all, toldAtOnce)
	if err != nil {
		return err
	}
	for _, person := range people {
		if person == by && !all {
			continue
		}
		if err := r.post.Tell(ctx, tx, person, write); err != nil {
			return err
		}
	}
	return nil
}
