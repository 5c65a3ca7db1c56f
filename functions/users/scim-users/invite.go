package scimusers

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/membership"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/outbox"
	"function/shared/policy"
)

const revokeInvitation = `
UPDATE invitations i SET ended_at = now(), end_reason = 'revoked' FROM provisioned_people p
WHERE p.id = $1 AND i.organization_id = p.organization_id AND i.email_index = p.email_index AND i.ended_at IS NULL`

// invite mails an address an invitation to become a member.
func (f *Function) invite(ctx context.Context, tx *outbox.Tx, caller auth.Caller, email string) error {
	i := membership.NewInvitation(caller.UserID, email, policy.Member)
	if err := membership.SendInvitation(ctx, f.store, tx, f.mailer, caller.OrganizationID, i); err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{Action: "invitations:create", ResourceID: i.ID.String(), Detail: map[string]any{"role": i.Role, "provisioned": true}})
}

func (f *Function) revokeInvitation(ctx context.Context, tx *outbox.Tx, id uuid.UUID) error {
	if _, err := tx.Exec(ctx, revokeInvitation, id); err != nil {
		return fmt.Errorf("revoke invitation: %w", err)
	}
	return audit.Record(ctx, tx, audit.Entry{Action: "invitations:revoke", ResourceID: id.String(), Detail: map[string]any{"provisioned": true}})
}
