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

// maxRecipients limits the recipients of a mail about one change.
const maxRecipients = 200

const selectApprovers = `
SELECT user_id FROM (
    SELECT m.user_id, roles && @mighty OR @permission = ANY (permissions_of(@organization, roles)) AS decides
    FROM memberships m JOIN users u ON u.id = m.user_id CROSS JOIN LATERAL roles_of(m.user_id, m.organization_id) AS roles
    WHERE m.organization_id = @organization AND m.status = 'active' AND u.suspended_at IS NULL) members
WHERE decides OR @all ORDER BY `

// Orders for selecting recipients: any members, or approvers first.
const (
	selectSomeApprovers  = selectApprovers + `user_id LIMIT @limit`
	selectApproversFirst = selectApprovers + `decides DESC, user_id LIMIT @limit`
)

func selectMembers(ctx context.Context, tx pgx.Tx, query string, organization uuid.UUID, all bool, limit int) ([]uuid.UUID, error) {
	approving := slices.DeleteFunc(policy.BuiltIn(), func(role string) bool { return !slices.Contains(policy.Permissions(role), policy.RolesApprove) })
	rows, _ := tx.Query(ctx, query, pgx.NamedArgs{
		"organization": organization, "mighty": approving, "permission": policy.RolesApprove, "all": all, "limit": limit,
	})
	found, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("look who can approve: %w", err)
	}
	return found, nil
}

// errTooFewApprovers refuses to leave fewer than two members who can approve role changes.
var errTooFewApprovers = fault.New(fault.Conflict, "While role changes need a second person's approval, at least two members must be able to approve (%s): "+
	"first give another member such a role, or turn the requirement off (DELETE /v1/organizations/{id}/settings/require_second_person)", policy.RolesApprove)

// RequireApprovers refuses to require second-person approval if fewer than two active members
// could approve role changes.
func RequireApprovers(ctx context.Context, tx pgx.Tx, organization uuid.UUID) error {
	found, err := selectMembers(ctx, tx, selectSomeApprovers, organization, false, 2)
	if err == nil && len(found) < 2 {
		err = errTooFewApprovers
	}
	return err
}

// KeepApprovers runs a change under the organization's lock. If role changes need a second
// person, it refuses a change that leaves fewer than two approvers and fewer than before.
//
// It covers changes that members make to each other. Changes that must not fail because of
// an organization's rule (a suspension by the platform, an erasure, a removal by
// provisioning) may leave a single approver, who can then turn off the requirement
// ([PendingRoleChange.AloneFrom]).
func KeepApprovers(ctx context.Context, tx pgx.Tx, organization uuid.UUID, work func() error) error {
	settings, err := store.SettingsOf(ctx, tx, organization)
	if err != nil {
		return err
	}
	if !settings.RequireSecondPerson {
		return work()
	}
	before, err := selectMembers(ctx, tx, selectSomeApprovers, organization, false, 2)
	if err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	after, err := selectMembers(ctx, tx, selectSomeApprovers, organization, false, 2)
	if err == nil && len(after) < len(before) {
		err = errTooFewApprovers
	}
	return err
}

// mailMembers mails the members of an organization who can approve role changes, or all members. If
// there are too many, approvers are mailed first. Unless all members are mailed, nobody is
// notified of their own action.
func (r RoleChanges) mailMembers(ctx context.Context, tx *outbox.Tx, organization, by uuid.UUID, all bool, write func(to string) mail.Message) error {
	if !r.mailer.Sends() {
		return nil
	}
	people, err := selectMembers(ctx, tx, selectApproversFirst, organization, all, maxRecipients)
	if err != nil {
		return err
	}
	for _, person := range people {
		if person == by && !all {
			continue
		}
		if err := r.mailer.Notify(ctx, tx, person, write); err != nil {
			return err
		}
	}
	return nil
}
