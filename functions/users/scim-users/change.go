package scimusers

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/google/uuid"

	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/provisioning/scim"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/events"
	"function/shared/outbox"
)

const (
	updatePerson = `
UPDATE provisioned_people SET attributes = $2, user_name_index = $3, external_index = $4, emails_index = $5, changed_at = now() WHERE id = $1`
	touchPerson = `UPDATE provisioned_people SET changed_at = now() WHERE id = $1`
	updateName  = `
UPDATE users u SET first_name = $2, last_name = $3, profile_revision = profile_revision + 1
WHERE id = $1 AND NOT EXISTS (SELECT FROM memberships m WHERE m.user_id = u.id AND m.organization_id <> $4)`
)

// Replace replaces a person's attributes with those in the body. If `active` is absent, it does
// not change.
func (f *Function) Replace(ctx context.Context, in *provisioning.ProvisionedChange) (*scim.Answer, error) {
	sent, err := read(&in.Message)
	if err != nil {
		return scim.Failed(err)
	}
	return f.change(ctx, in, func(scim.Resource) (scim.Resource, error) { return sent, nil })
}

// Patch changes parts of a person (RFC 7644 §3.5.2).
func (f *Function) Patch(ctx context.Context, in *provisioning.ProvisionedChange) (*scim.Answer, error) {
	patch, err := in.Message.Patch()
	if err != nil {
		return scim.Failed(err)
	}
	return f.change(ctx, in, func(r scim.Resource) (scim.Resource, error) { return scim.User.Apply(ctx, patch, r) })
}

func (f *Function) change(ctx context.Context, in *provisioning.ProvisionedChange, to func(scim.Resource) (scim.Resource, error)) (*scim.Answer, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	id, err := in.UUID()
	if err != nil {
		return scim.Failed(err)
	}
	var now scim.Resource
	err = f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		p, r, err := f.locked(ctx, tx, caller, id, in.IfMatch)
		if err != nil {
			return err
		}
		changed, err := to(r)
		if err != nil {
			return err
		}
		if err := f.save(ctx, tx, caller, p, r, changed); err != nil {
			return err
		}
		if p, err = load(ctx, tx, caller.OrganizationID, id); err != nil {
			return err
		}
		now, err = f.resource(ctx, p)
		return err
	})
	if err != nil {
		return scim.Failed(provisioning.ProvisioningRefused(ctx, f.store, "members:change_provisioned", id, err))
	}
	return scim.Show(http.StatusOK, now, in.Selecting(scim.User))
}

// locked reads a person under the organization's lock, so that neither the person nor the
// organization's roles and members can change concurrently. If a member got the person's address
// without using the invitation, it links them.
func (f *Function) locked(ctx context.Context, tx *outbox.Tx, caller auth.Caller, id uuid.UUID, ifMatch string) (p provisioned, r scim.Resource, err error) {
	organization := caller.OrganizationID
	if err := store.LockOrganization(ctx, tx, organization); err != nil {
		return p, nil, err
	}
	if _, err := tx.Exec(ctx, lockPerson, organization, id); err != nil {
		return p, nil, fmt.Errorf("lock provisioned person: %w", err)
	}
	if p, err = load(ctx, tx, organization, id); err != nil {
		return p, nil, err
	}
	if p.UserID == nil && p.Member != nil {
		if err := provisioning.LinkProvisioned(ctx, f.store, tx, caller.UserID, *p.Member, organization); err != nil {
			return p, nil, err
		}
		if p, err = load(ctx, tx, organization, id); err != nil {
			return p, nil, err
		}
	}
	if r, err = f.resource(ctx, p); err != nil {
		return p, nil, err
	}
	return p, r, scim.Matches(ifMatch, r)
}

// save stores the changes of a person and applies them to the membership and the account.
func (f *Function) save(ctx context.Context, tx *outbox.Tx, caller auth.Caller, p provisioned, was, is scim.Resource) error {
	organization, active := caller.OrganizationID, p.active()
	if requested, ok := is["active"].(bool); ok {
		active = requested
	}
	if active != p.active() {
		if _, err := tx.Exec(ctx, touchPerson, p.ID); err != nil {
			return fmt.Errorf("touch provisioned person: %w", err)
		}
	}
	if err := f.syncMembership(ctx, tx, caller, p, was, is, active); err != nil {
		return err
	}
	p, err := load(ctx, tx, organization, p.ID) // linking has changed the key
	if err != nil {
		return err
	}
	if equalAttributes(was, is) {
		return nil
	}
	key, err := f.store.Keeper.Unwrap(ctx, p.WrappedKey)
	if err != nil {
		return err
	}
	row, err := f.columns(is, key)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, updatePerson, p.ID, row.attributes, row.userName, row.external, row.emails); err != nil {
		return fmt.Errorf("update provisioned person: %w", err)
	}
	if err := f.rename(ctx, tx, organization, p, was, is, key); err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{Action: "members:change_provisioned", ResourceID: p.ID.String()})
}

// equalAttributes reports whether two resources are equal except for the attributes that the
// service provider sets.
func equalAttributes(was, is scim.Resource) bool {
	for _, a := range append([]string{"externalId", scim.EnterpriseSchema}, scim.User.Names()...) {
		if a != "active" && a != "groups" && !reflect.DeepEqual(was[a], is[a]) {
			return false
		}
	}
	return true
}

// rename changes the name of an account that belongs to the organization and is in no other. It
// does not change the address, since only its owner can prove a new one.
func (f *Function) rename(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, p provisioned, was, is scim.Resource, key []byte) error {
	name := nameOf(is)
	if !p.Owned || name == nameOf(was) {
		return nil
	}
	sealed, err := name.Seal(key)
	if err != nil {
		return err
	}
	renamed, err := tx.Exec(ctx, updateName, *p.UserID, sealed.FirstName, sealed.LastName, organization)
	if err != nil {
		return fmt.Errorf("rename account: %w", err)
	}
	if renamed.RowsAffected() == 0 {
		return nil
	}
	return tx.Publish(ctx, events.ProfileChanged{
		UserID: *p.UserID, OrganizationID: organization, Fields: []string{"first_name", "last_name"}, ChangedAt: time.Now().UTC(),
	})
}
