package membership

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/secret"
	"function/shared/uuid7"
)

// InvitationLife is how long an invitation can be accepted.
const InvitationLife = 7 * 24 * time.Hour

// maxInvitations limits the open invitations of one organization.
const maxInvitations = 1000

// InvitationField is the encryption context of an invited address.
const InvitationField = "invitations.email"

// Invitation invites the owner of an address to an organization.
type Invitation struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	Email     string    `json:"email"`
	Role      string    `json:"role"`
	InvitedBy uuid.UUID `json:"invited_by" format:"uuid"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

const (
	replaceInvitation = `
UPDATE invitations SET ended_at = now(), end_reason = 'replaced' WHERE organization_id = $1 AND email_index = $2 AND ended_at IS NULL`
	countInvitations = `SELECT count(*) FROM invitations WHERE organization_id = $1 AND ended_at IS NULL AND expires_at > now()`
	insertInvitation = `
INSERT INTO invitations (id, organization_id, token_hash, email_index, wrapped_key, email, role, invited_by, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`
)

// NewInvitation returns an invitation to pass to [SendInvitation].
func NewInvitation(by uuid.UUID, email, role string) Invitation {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return Invitation{ID: uuid7.New(), Email: email, Role: role, InvitedBy: by, CreatedAt: now, ExpiresAt: now.Add(InvitationLife)}
}

// Invite mails an invitation to join the caller's organization. It replaces any open invitation
// of the address. The result is the same whether or not the address has an account or belongs to
// a member.
func Invite(ctx context.Context, s store.Store, mailer notify.Mailer, organization uuid.UUID, email, role string) (Invitation, error) {
	caller, err := auth.Member(ctx)
	if err == nil {
		err = mailer.Require()
	}
	if err != nil {
		return Invitation{}, err
	}
	i := NewInvitation(caller.UserID, email, role)
	entry := audit.Entry{Action: "invitations:create", ResourceID: i.ID.String(), Detail: map[string]any{"role": role}}
	return i, act.Do(ctx, s.DB, entry, func(tx *outbox.Tx, _ *audit.Entry) error {
		x, err := access.ActorFor(ctx, tx, organization, caller)
		if err != nil {
			return err
		}
		if err := x.CallerMayAddMember(ctx, role); err != nil {
			return err
		}
		return SendInvitation(ctx, s, tx, mailer, organization, i)
	})
}

// SendInvitation stores an invitation, replacing any open one of the address, and mails its
// token. It must run under the organization's lock. An address that was mailed too often, by any
// organization, is fault.RateLimited, and its open invitation stays valid. The caller checks
// that the inviter may invite, and writes the audit entry.
func SendInvitation(ctx context.Context, s store.Store, tx *outbox.Tx, mailer notify.Mailer, organization uuid.UUID, i Invitation) error {
	token, index := store.NewToken(), person.EmailIndex(s.Keeper, i.Email)
	may, err := notify.MayMail(ctx, s, tx, notify.InvitationToken, index)
	if err == nil && !may {
		err = fault.New(fault.RateLimited, "This address has been invited too often recently. Try again later.").After(notify.MailsPerAddress.Every)
	}
	if err != nil {
		return err
	}
	key, wrapped, err := s.Keeper.NewKey(ctx)
	if err != nil {
		return err
	}
	sealed, err := secret.Seal(key, InvitationField, i.Email)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, replaceInvitation, organization, index); err != nil {
		return fmt.Errorf("replace invitation: %w", err)
	}
	var open int
	if err := tx.QueryRow(ctx, countInvitations, organization).Scan(&open); err != nil {
		return fmt.Errorf("count invitations: %w", err)
	}
	if open >= maxInvitations {
		return fault.New(fault.Conflict, "An organization can have at most %d open invitations: revoke some, or wait until they are accepted", maxInvitations)
	}
	if _, err := tx.Exec(ctx, insertInvitation, i.ID, organization, store.TokenHash(token), index, wrapped, sealed, i.Role, i.InvitedBy, i.CreatedAt, i.ExpiresAt); err != nil {
		return fmt.Errorf("insert invitation: %w", err)
	}
	return mailer.Queue(ctx, tx, uuid.Nil, mailer.Invitation(i.Email, token))
}

const selectOffer = `
SELECT o.name AS organization_name, i.role, i.expires_at FROM invitations i JOIN organizations o ON o.id = i.organization_id
WHERE i.token_hash = $1 AND i.ended_at IS NULL AND i.expires_at > now() AND o.deleted_at IS NULL`

// Offer describes an invitation to the person who received it.
type Offer struct {
	OrganizationName string    `json:"organization_name"`
	Role             string    `json:"role"`
	ExpiresAt        time.Time `json:"expires_at"`
}

// OfferOf describes the invitation that a token belongs to. A wrong, expired or used token is
// [ErrInvitation].
func OfferOf(ctx context.Context, s store.Store, token string) (Offer, error) {
	offer, err := database.One[Offer](ctx, s.DB, ErrInvitation, selectOffer, store.TokenHash(token))
	if err != nil {
		return offer, err
	}
	return offer, nil
}

const selectInvited = `
SELECT organization_id, wrapped_key, email FROM invitations
WHERE token_hash = $1 AND email_index = $2 AND ended_at IS NULL AND expires_at > now()`

// InvitedAddress returns the organization that a token invites to and the exact address that it was
// mailed to. The token proves that the person owns that spelling of the address, not another one
// with the same index. Invited does not look up whether the address has an account. A token that
// is wrong, expired, used or for another address is [ErrInvitation].
func InvitedAddress(ctx context.Context, s store.Store, token string, emailIndex []byte) (organization uuid.UUID, email string, err error) {
	var wrapped, sealed []byte
	err = s.DB.QueryRow(ctx, selectInvited, store.TokenHash(token), emailIndex).Scan(&organization, &wrapped, &sealed)
	if database.IsNoRows(err) {
		return organization, "", ErrInvitation
	}
	if err != nil {
		return organization, "", fmt.Errorf("look up invitation: %w", err)
	}
	key, err := s.Keeper.Unwrap(ctx, wrapped)
	if err != nil {
		return organization, "", err
	}
	email, err = secret.Unseal(key, InvitationField, sealed)
	return organization, email, err
}

// ErrInvitation is returned for every token that is unknown, expired, already used or for
// another address.
var ErrInvitation = fault.New(fault.NotFound, "This invitation is for another address, has expired or was already used: ask for a new one")

const (
	selectInviting   = `SELECT organization_id FROM invitations WHERE token_hash = $1`
	acceptInvitation = `
UPDATE invitations SET ended_at = now(), end_reason = 'accepted'
WHERE token_hash = $1 AND email_index = $2 AND ended_at IS NULL AND expires_at > now()
RETURNING id, role, invited_by`
	insertInvited = `
INSERT INTO memberships AS m (user_id, organization_id, role, status) VALUES ($1, $2, $3, 'active')
ON CONFLICT (user_id, organization_id) DO UPDATE SET role = excluded.role, status = 'active' WHERE m.status = 'requested'
RETURNING user_id, organization_id, role, status`
)

// AcceptInvitation makes the person whose address was invited a member with the invitation's
// role, if the person who invited them still may. It runs in the transaction of an acceptance or
// of a registration, in which the account must already exist. It also links the member to a
// provisioned person with the same address, records the acceptance, and publishes
// events.MembershipApproved.
//
// The token alone is not enough, so nobody else can use a forwarded mail. A token that is wrong,
// expired, used or for another address is [ErrInvitation].
func AcceptInvitation(ctx context.Context, s store.Store, tx *outbox.Tx, token string, person uuid.UUID, emailIndex []byte) (m access.Membership, err error) {
	organization, err := LockInvitingOrganization(ctx, tx, token)
	if err != nil {
		return m, err
	}
	var by, id uuid.UUID
	if err := tx.QueryRow(ctx, acceptInvitation, store.TokenHash(token), emailIndex).Scan(&id, &m.Role, &by); database.IsNoRows(err) {
		return m, ErrInvitation
	} else if err != nil {
		return m, fmt.Errorf("accept invitation: %w", err)
	}
	x, err := access.NewActor(ctx, tx, organization, by)
	if err != nil {
		return m, err
	}
	if err := x.MayAddMember(ctx, m.Role); err != nil {
		if _, ok := fault.As(err); ok {
			return m, fault.New(fault.Conflict, "The person who invited you is no longer allowed to: ask for a new invitation")
		}
		return m, err
	}
	already := fault.New(fault.Conflict, "You are already in this organization")
	if m, err = database.One[access.Membership](ctx, tx, already, insertInvited, person, organization, m.Role); err != nil {
		return m, err
	}
	err = audit.Record(ctx, tx, audit.Entry{
		Action: "invitations:accept", ResourceID: id.String(), OrganizationID: organization, ActorID: person, Detail: map[string]any{"role": m.Role},
	})
	if err != nil {
		return m, err
	}
	if err := provisioning.LinkProvisioned(ctx, s, tx, by, person, organization); err != nil {
		return m, err
	}
	return m, publishApproved(ctx, tx, m)
}

// LockInvitingOrganization locks the organization that a token invites to.
func LockInvitingOrganization(ctx context.Context, tx *outbox.Tx, token string) (organization uuid.UUID, err error) {
	err = tx.QueryRow(ctx, selectInviting, store.TokenHash(token)).Scan(&organization)
	if database.IsNoRows(err) {
		return organization, ErrInvitation
	}
	if err != nil {
		return organization, fmt.Errorf("look up invitation: %w", err)
	}
	if err := store.LockOrganization(ctx, tx, organization); err == store.ErrNoOrganization {
		return organization, ErrInvitation
	} else if err != nil {
		return organization, err
	}
	return organization, nil
}
