package scimusers

import (
	"bytes"
	"context"
	"fmt"

	"function/functions/users/internal/access"
	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/membership"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/provisioning/scim"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/outbox"
	"function/shared/policy"
)

// syncMembership updates a person's membership status and address to match their attributes.
func (f *Function) syncMembership(ctx context.Context, tx *outbox.Tx, caller auth.Caller, p provisioned, was, is scim.Resource, active bool) error {
	address, moved := f.newAddress(p, was, is, active)
	if p.Member == nil {
		if address == "" && active && !p.Invited {
			_, err := addressOf(is)
			return err
		}
		return f.syncInvitation(ctx, tx, caller, p, address, moved, active)
	}
	m := access.Membership{UserID: *p.Member, OrganizationID: caller.OrganizationID, Role: *p.Role, Status: *p.Status}
	if err := f.setStatus(ctx, tx, m, active); err != nil {
		return err
	}
	if active && !p.active() && p.Owned && p.Fresh && !moved {
		return notify.Welcome(ctx, f.store, tx, f.mailer, *p.Member)
	}
	if !moved || !active {
		return nil // an inactive person gets the new address when they are reactivated
	}
	return f.changeAddress(ctx, tx, caller, p, address)
}

// newAddress returns a person's new address and reports whether it has changed. An address that
// cannot be parsed counts as unchanged. A change made while the person was inactive takes effect
// when they are reactivated.
func (f *Function) newAddress(p provisioned, was, is scim.Resource, active bool) (address string, moved bool) {
	address, err := addressOf(is)
	if err != nil {
		return "", false
	}
	index := person.EmailIndex(f.store.Keeper, address)
	before, _ := addressOf(was)
	requested := !bytes.Equal(index, person.EmailIndex(f.store.Keeper, before))
	return address, !bytes.Equal(index, p.EmailIndex) && (requested || active && !p.active())
}

const setAddress = `UPDATE provisioned_people SET email_index = $2, domain_id = $3 WHERE id = $1`

// syncInvitation updates a person who is not a member yet: it changes the address of the
// invitation, withdraws it, or sends it again.
func (f *Function) syncInvitation(ctx context.Context, tx *outbox.Tx, caller auth.Caller, p provisioned, address string, moved, active bool) error {
	if p.Invited && (moved || !active) {
		if err := f.revokeInvitation(ctx, tx, p.ID); err != nil {
			return err
		}
		p.Invited = false
	}
	if moved {
		p.EmailIndex = person.EmailIndex(f.store.Keeper, address)
		if _, err := tx.Exec(ctx, setAddress, p.ID, p.EmailIndex, nil); err != nil {
			return fmt.Errorf("set address of provisioned person: %w", err)
		}
	}
	if !active || p.Invited {
		return nil
	}
	if err := f.mailer.Require(); err != nil {
		return err
	}
	m, verified, err := accountOf(ctx, tx, caller.OrganizationID, p.EmailIndex)
	switch {
	case err != nil:
		return err
	case m.Status == access.MembershipRequested && verified:
		if err := f.approve(ctx, tx, caller.OrganizationID, m.UserID); err != nil {
			return err
		}
	case m.Status == "" || m.Status == access.MembershipRequested:
		return f.invite(ctx, tx, caller, address)
	}
	return provisioning.LinkProvisioned(ctx, f.store, tx, caller.UserID, m.UserID, caller.OrganizationID)
}

// setStatus suspends or restores a member to match the requested state.
func (f *Function) setStatus(ctx context.Context, tx *outbox.Tx, m access.Membership, active bool) error {
	if active == (m.Status == access.MembershipActive) {
		return nil
	}
	if m.Role == policy.Owner {
		return errOwner
	}
	action := "members:suspend"
	m.Status = access.MembershipSuspended
	if active {
		m.Status, action = access.MembershipActive, "members:restore"
	}
	if err := membership.SetStatus(ctx, tx, m); err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{Action: action, ResourceID: m.UserID.String(), Detail: map[string]any{"role": m.Role, "provisioned": true}})
}

// errAddressChange is returned if the organization cannot change the address. No token is mailed to
// the new address, because whoever reads it could take over the account.
var errAddressChange = scim.BadRequest(scim.Mutability, "The account is not managed by the organization, or the new address is not in a domain that it has verified. "+
	"The person can change the address (POST /v1/users/email/change), or you can delete and recreate the user.")

// changeAddress changes the address of an account that belongs to the organization to another one
// in a verified domain, and notifies both addresses.
func (f *Function) changeAddress(ctx context.Context, tx *outbox.Tx, caller auth.Caller, p provisioned, address string) error {
	domain, err := membership.VerifiedDomain(ctx, tx, caller.OrganizationID, address)
	switch {
	case err != nil:
		return err
	case !p.Owned || domain == nil:
		return errAddressChange
	case *p.Role == policy.Owner:
		return errOwner
	}
	if err := provisioning.MayChangeAddress(ctx, tx, caller, *p.Member); err != nil {
		return err
	}
	if err := lifecycle.ReplaceAddress(ctx, f.store, tx, f.mailer, *p.Member, address, false); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, setAddress, p.ID, person.EmailIndex(f.store.Keeper, address), domain); err != nil {
		return fmt.Errorf("set address of provisioned person: %w", err)
	}
	if p.Fresh {
		err = notify.Welcome(ctx, f.store, tx, f.mailer, *p.Member)
	} else {
		err = f.mailer.Queue(ctx, tx, *p.Member, f.mailer.EmailMoved(address))
	}
	if err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{Action: "emails:change", ResourceID: p.Member.String(), Detail: map[string]any{"provisioned": true}})
}
