package scimusers

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/membership"
	"function/functions/users/internal/person"
	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/provisioning/scim"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/policy"
)

const (
	deletePerson              = `DELETE FROM provisioned_people WHERE id = $1`
	lockAccount               = `SELECT FROM users WHERE id = $1 FOR UPDATE`
	selectWithoutOrganization = `
SELECT FROM users u WHERE id = $1 AND NOT platform_admin AND NOT EXISTS (SELECT FROM memberships m WHERE m.user_id = u.id)`
)

// errOwner protects the owners of an organization from its admins' provisioning system.
var errOwner = fault.New(fault.Forbidden, "Provisioning cannot suspend or remove an owner of the organization")

// Delete removes a person from the organization. It deletes the account if it belongs to the
// organization and is in no other.
func (f *Function) Delete(ctx context.Context, in *provisioning.ProvisionedName) (*scim.Answer, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	id, err := in.UUID()
	if err != nil {
		return scim.Failed(err)
	}
	err = f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		p, _, err := f.locked(ctx, tx, caller, id, in.IfMatch)
		if err != nil {
			return err
		}
		return f.remove(ctx, tx, caller.OrganizationID, p)
	})
	if err != nil {
		return scim.Failed(provisioning.ProvisioningRefused(ctx, f.store, "members:change_provisioned", id, err))
	}
	return &scim.Answer{Status: http.StatusNoContent}, nil
}

func (f *Function) remove(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, p provisioned) error {
	if p.Member == nil {
		if err := f.revokeInvitation(ctx, tx, p.ID); err != nil {
			return err
		}
	} else if *p.Role == policy.Owner {
		return errOwner
	}
	if _, err := tx.Exec(ctx, deletePerson, p.ID); err != nil {
		return fmt.Errorf("delete provisioned person: %w", err)
	}
	if p.Member == nil {
		return audit.Record(ctx, tx, audit.Entry{Action: "members:deprovision", ResourceID: p.ID.String()})
	}
	if err := membership.Delete(ctx, tx, *p.Member, organization); err != nil {
		return err
	}
	if err := audit.Record(ctx, tx, audit.Entry{Action: "members:remove", ResourceID: p.Member.String(), Detail: map[string]any{"role": *p.Role, "provisioned": true}}); err != nil {
		return err
	}
	if !p.Owned {
		return membership.EnsurePersonalOrganization(ctx, tx, *p.Member)
	}
	return f.deleteAccount(ctx, tx, *p.Member)
}

// deleteAccount deletes an account that is in no other organization.
func (f *Function) deleteAccount(ctx context.Context, tx *outbox.Tx, account uuid.UUID) error {
	if _, err := tx.Exec(ctx, lockAccount, account); err != nil {
		return fmt.Errorf("lock account: %w", err)
	}
	if err := tx.QueryRow(ctx, selectWithoutOrganization, account).Scan(); database.IsNoRows(err) {
		return membership.EnsurePersonalOrganization(ctx, tx, account) // a platform admin, or a member of other organizations
	} else if err != nil {
		return fmt.Errorf("look for organizations of account: %w", err)
	}
	former, err := person.NameOf(ctx, f.store, tx, account)
	if err != nil {
		return err
	}
	if err := lifecycle.CloseAccount(ctx, f.store, tx, account); err != nil {
		return err
	}
	if err := f.mailer.Queue(ctx, tx, uuid.Nil, f.mailer.AccountClosed(former.Email)); err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{Action: "accounts:delete", ResourceID: account.String(), Detail: map[string]any{"provisioned": true}})
}
