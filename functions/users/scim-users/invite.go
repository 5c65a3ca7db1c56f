package scimusers

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/scim"
)

const (
	revokeInvitation = `
UPDATE invitations i SET ended_at = now(), end_reason = 'revoked' FROM provisioned_people p
WHERE p.id = $1 AND i.organization_id = p.organization_id AND i.email_index = p.email_index AND i.ended_at IS NULL`
	isAddress = `SELECT EXISTS (SELECT FROM provisioned_people WHERE id = $1 AND email_index = $2)`
)

// invite asks an address to become a member, by mail.
func (f *Function) invite(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, email string) error {
	caller, err := auth.Member(ctx)
	if err != nil {
		return err
	}
	i := users.NewInvitation(caller.UserID, email, policy.Member)
	if err := f.SendInvitation(ctx, tx, f.post, organization, i); err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{Action: "invitations:create", ResourceID: i.ID.String(), Detail: map[string]any{"role": i.Role, "provisioned": true}})
}

// reinvite invites a person again, at the address that they were provisioned with.
func (f *Function) reinvite(ctx context.Context, tx *outbox.Tx, organization, id uuid.UUID, email string) error {
	if err := f.post.Needed(); err != nil {
		return err
	}
	index, err := f.AccountIndex(ctx, tx, email)
	if err != nil {
		return err
	}
	var still bool
	if err := tx.QueryRow(ctx, isAddress, id, index).Scan(&still); err != nil {
		return fmt.Errorf("compare address: %w", err)
	}
	if !still {
		return scim.Wrong(scim.Mutability, "The email address is another than the one that the user was created with: delete the user, and create them anew")
	}
	return f.invite(ctx, tx, organization, email)
}

func (f *Function) withdraw(ctx context.Context, tx *outbox.Tx, id uuid.UUID) error {
	if _, err := tx.Exec(ctx, revokeInvitation, id); err != nil {
		return fmt.Errorf("revoke invitation: %w", err)
	}
	return audit.Record(ctx, tx, audit.Entry{Action: "invitations:revoke", ResourceID: id.String(), Detail: map[string]any{"provisioned": true}})
}
