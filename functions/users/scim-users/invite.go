package scimusers

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/mail"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/scim"
	"function/shared/secret"
	"function/shared/uuid7"
)

// How invitations are made: those of a person differ in nothing.
const (
	invitationLife  = 7 * 24 * time.Hour
	invitationField = "invitations.email"
)

const (
	selectOrganization = `SELECT name FROM organizations WHERE id = $1`
	replaceInvitation  = `
UPDATE invitations SET ended_at = now(), end_reason = 'replaced' WHERE organization_id = $1 AND email_index = $2 AND ended_at IS NULL`
	insertInvitation = `
INSERT INTO invitations (id, organization_id, token_hash, email_index, wrapped_key, email, role, invited_by, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9)`
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
	key, wrapped, err := f.Keeper.NewKey(ctx)
	if err != nil {
		return err
	}
	sealed, err := secret.Seal(key, invitationField, email)
	if err != nil {
		return err
	}
	id, token, index := uuid7.New(), users.NewToken(), users.EmailIndex(f.Keeper, email)
	if _, err := tx.Exec(ctx, replaceInvitation, organization, index); err != nil {
		return fmt.Errorf("replace invitation: %w", err)
	}
	if _, err := tx.Exec(ctx, insertInvitation, id, organization, users.TokenHash(token), index, wrapped, sealed, policy.Member, caller.UserID, invitationLife); err != nil {
		return fmt.Errorf("insert invitation: %w", err)
	}
	if err := audit.Record(ctx, tx, audit.Entry{Action: "invitations:create", ResourceID: id.String(), Detail: map[string]any{"role": policy.Member, "provisioned": true}}); err != nil {
		return err
	}
	var name string
	if err := tx.QueryRow(ctx, selectOrganization, organization).Scan(&name); err != nil {
		return fmt.Errorf("read organization: %w", err)
	}
	return mail.Queue(ctx, tx, f.Keeper, mail.Message{
		To: email, Subject: "An invitation",
		Text: fmt.Sprintf("You are invited to join the organization %q.\n\n"+
			"Log in, and accept within 7 days with this token:\n\n%s\n\n"+
			"If you do not know why, ignore this mail: nothing happens.\n", name, token),
	})
}

// reinvite invites a person again, at the address that they were provisioned with.
func (f *Function) reinvite(ctx context.Context, tx *outbox.Tx, organization, id uuid.UUID, email string) error {
	var still bool
	if err := tx.QueryRow(ctx, isAddress, id, users.EmailIndex(f.Keeper, email)).Scan(&still); err != nil {
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
