// Package lifecycle creates accounts, changes their addresses, administers them and erases them
// (GDPR Article 17).
package lifecycle

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/functions/users/internal/membership"
	"function/functions/users/internal/person"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/metrics"
	"function/shared/outbox"
	"function/shared/policy"
	"function/shared/uuid7"
)

// NewAccount is an account that is about to be created.
type NewAccount struct {
	ID               uuid.UUID
	EmailIndex       []byte
	WrappedKey       []byte
	PasswordHash     string     // empty: the person must choose a password before they can log in
	Verified         bool       // the person has proved that the address is theirs
	JoinsID          *uuid.UUID // the organization that the person asks to join; nil: a new one
	OrganizationName string     // name of the new one; empty: [membership.DefaultOrganizationName]
	person.SealedName
}

// PrepareAccount creates a person's key and seals their name and address with it. emailIndex is
// the [person.EmailIndex] of the address.
func PrepareAccount(ctx context.Context, s store.Store, n person.Name, emailIndex []byte) (NewAccount, error) {
	key, wrapped, err := s.Keeper.NewKey(ctx)
	if err != nil {
		return NewAccount{}, err
	}
	sealed, err := n.Seal(key)
	return NewAccount{ID: uuid7.New(), EmailIndex: emailIndex, WrappedKey: wrapped, SealedName: sealed}, err
}

const (
	insertOrganization = `INSERT INTO organizations (id, name) VALUES ($1, $2)`
	insertUser         = `
INSERT INTO users (id, email_index, wrapped_key, email, first_name, last_name, password_hash, created_at, email_verified_at)
VALUES ($1, $2, $3, $4, $5, $6, nullif($7, ''), $8::timestamptz, CASE WHEN $9 THEN $8::timestamptz END)`
	// An organization that accepts no requests violates the same constraint as one that does not
	// exist.
	insertMembership = `
INSERT INTO memberships (user_id, organization_id, role, status)
VALUES ($1, coalesce((SELECT id FROM organizations WHERE id = $2 AND ($4 <> 'requested' AND deleted_at IS NULL OR ` + AcceptsRequests + `)), '00000000-0000-0000-0000-000000000000'), $3, $4)`
	// AcceptsRequests is the SQL condition for an organization that people can request to join.
	AcceptsRequests = `deleted_at IS NULL AND NOT coalesce((settings ->> 'refuse_requests')::boolean, false)`
)

// OpenAccount creates an account, either with an organization of its own or with a request to
// join one. The returned account has no name, because names are sealed.
func OpenAccount(ctx context.Context, tx *outbox.Tx, a NewAccount) (person.Account, error) {
	m := access.Membership{UserID: a.ID, OrganizationID: uuid7.New(), Role: policy.Owner, Status: access.MembershipActive}
	if a.JoinsID != nil {
		m.OrganizationID, m.Role, m.Status = *a.JoinsID, policy.Member, access.MembershipRequested
	} else if _, err := tx.Exec(ctx, insertOrganization, m.OrganizationID, cmp.Or(a.OrganizationName, membership.DefaultOrganizationName(m.OrganizationID))); err != nil {
		return person.Account{}, fmt.Errorf("insert organization: %w", err)
	}
	opened, err := OpenAccountIn(ctx, tx, a, m)
	if err != nil {
		return opened, err
	}
	return opened, recordOpened(ctx, tx, m)
}

// OpenInvited creates an account with the token of an invitation to its address. The person
// becomes a member of the inviting organization at once. It returns the same errors as
// [membership.AcceptInvitation].
func OpenInvited(ctx context.Context, s store.Store, tx *outbox.Tx, a NewAccount, token string) (person.Account, error) {
	// Lock the organization before the address, as provisioning does, to avoid deadlocks.
	organization, err := membership.LockInvitingOrganization(ctx, tx, token)
	if err != nil {
		return person.Account{}, err
	}
	opened, err := a.insert(ctx, tx, organization)
	if err != nil {
		return opened, err
	}
	m, err := membership.AcceptInvitation(ctx, s, tx, token, a.ID, a.EmailIndex)
	if err != nil {
		return opened, err
	}
	if err := recordOpened(ctx, tx, m); err != nil {
		return opened, err
	}
	return opened, opened.Publish(ctx, tx, m.Role)
}

func recordOpened(ctx context.Context, tx *outbox.Tx, m access.Membership) error {
	return audit.Record(ctx, tx, audit.Entry{
		Action: "users:register", ActorID: m.UserID, ResourceID: m.UserID.String(), OrganizationID: m.OrganizationID, Detail: map[string]any{"membership": m.Status},
	})
}

// OpenAccountIn creates an account with its first membership and publishes the events. It
// publishes nothing to an organization that the person has only requested to join; approval does
// that. The caller writes the audit entry.
func OpenAccountIn(ctx context.Context, tx *outbox.Tx, a NewAccount, m access.Membership) (person.Account, error) {
	opened, err := a.insert(ctx, tx, m.OrganizationID)
	if err != nil {
		return opened, err
	}
	if _, err := tx.Exec(ctx, insertMembership, m.UserID, m.OrganizationID, m.Role, m.Status); err != nil {
		return opened, fmt.Errorf("insert membership: %w", err)
	}
	switch m.Status {
	case access.MembershipActive:
		err = opened.Publish(ctx, tx, m.Role)
	case access.MembershipSuspended:
		err = access.PublishMembership(ctx, tx, m)
	}
	return opened, err
}

// insert stores an account and counts the registration.
func (a NewAccount) insert(ctx context.Context, tx *outbox.Tx, organization uuid.UUID) (person.Account, error) {
	opened := person.Account{ID: a.ID, OrganizationID: organization, CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	_, err := tx.Exec(ctx, insertUser, a.ID, a.EmailIndex, a.WrappedKey, a.Email, a.FirstName, a.LastName, a.PasswordHash, opened.CreatedAt, a.Verified)
	if err != nil {
		return opened, fmt.Errorf("insert user: %w", err)
	}
	return opened, metrics.Add(ctx, tx, "user_registrations_total", nil, 1)
}
