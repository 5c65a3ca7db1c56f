package invitations

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/membership"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/page"
	"function/shared/secret"
)

// Create invites an address.
func (f *Function) Create(ctx context.Context, in *CreateRequest) (*Response, error) {
	invitation, err := membership.Invite(ctx, f.store, f.mailer, in.ID, string(in.Body.Email), in.Body.Role)
	return &Response{Body: invitation}, err
}

const (
	selectOpen = `
SELECT id, role, invited_by, created_at, expires_at, '' AS email, wrapped_key, email AS sealed FROM invitations
WHERE organization_id = @organization AND id < @before AND ended_at IS NULL AND expires_at > now() ORDER BY id DESC LIMIT @limit`
	revoke = `
UPDATE invitations SET ended_at = now(), end_reason = 'revoked'
WHERE organization_id = $1 AND id = $2 AND ended_at IS NULL AND expires_at > now()`
)

type stored struct {
	membership.Invitation
	WrappedKey, Sealed []byte
}

// List lists open invitations.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	found, err := page.List(ctx, f.store.DB, in.Query, func(s stored) uuid.UUID { return s.ID }, selectOpen, pgx.NamedArgs{"organization": in.ID})
	if err != nil {
		return nil, err
	}
	opened, err := page.Map(found, func(s stored) (membership.Invitation, error) {
		key, err := f.store.Keeper.Unwrap(ctx, s.WrappedKey)
		if err != nil {
			return s.Invitation, err
		}
		s.Email, err = secret.Unseal(key, membership.InvitationField, s.Sealed)
		return s.Invitation, err
	})
	return &ListResponse{Body: opened}, err
}

// Revoke revokes an open invitation.
func (f *Function) Revoke(ctx context.Context, in *Request) (*struct{}, error) {
	entry := audit.Entry{Action: "invitations:revoke", ResourceID: in.InvitationID.String()}
	return nil, act.Do(ctx, f.store.DB, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		revoked, err := tx.Exec(ctx, revoke, in.ID, in.InvitationID)
		if err != nil {
			return fmt.Errorf("revoke invitation: %w", err)
		}
		if revoked.RowsAffected() == 0 {
			return fault.New(fault.NotFound, "There is no open invitation with this identifier")
		}
		return nil
	})
}
