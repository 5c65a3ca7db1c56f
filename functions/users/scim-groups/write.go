package scimgroups

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"function/functions/users/internal/access"
	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/provisioning/scim"
	"function/functions/users/internal/store"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/outbox"
	"function/shared/uuid7"
)

const (
	insertProvisioned = `INSERT INTO provisioned_teams (team_id, organization_id, external_id) VALUES ($1, $2, $3)`
	updateTeam        = `UPDATE teams SET name = $2 WHERE id = $1`
	updateProvisioned = `UPDATE provisioned_teams SET external_id = $2, changed_at = now() WHERE team_id = $1`
	deleteTeam        = `DELETE FROM teams WHERE id = $1`
)

// Create provisions a team.
func (f *Function) Create(ctx context.Context, in *provisioning.ProvisionRequest) (*scim.Answer, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	w, err := read(&in.Message)
	if err != nil {
		return scim.Failed(err)
	}
	id := uuid7.New()
	var r scim.Resource
	err = f.store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if err := store.LockOrganization(ctx, tx, caller.OrganizationID); err != nil {
			return err
		}
		if err := access.InsertTeam(ctx, tx, caller.OrganizationID, &access.Team{ID: id, Name: w.name}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertProvisioned, id, caller.OrganizationID, w.external); err != nil {
			return fmt.Errorf("insert provisioned team: %w", err)
		}
		if err := f.setMembers(ctx, tx, caller, id, nil, w.members); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, audit.Entry{Action: "teams:create", ResourceID: id.String(), Detail: map[string]any{"provisioned": true}}); err != nil {
			return err
		}
		r, err = shown(ctx, tx, caller.OrganizationID, id)
		return err
	})
	if err != nil {
		return scim.Failed(provisioning.ProvisioningRefused(ctx, f.store, "teams:create", id, err))
	}
	return scim.Show(http.StatusCreated, r, in.Selecting(scim.Group))
}

// read decodes and validates the body of a request.
func read(message *scim.Message) (w desiredTeam, err error) {
	var sent scim.Resource
	if err := message.Decode(&sent); err != nil {
		return w, err
	}
	r, err := scim.Group.Normalize(sent)
	if err != nil {
		return w, err
	}
	return parseTeam(r)
}

func shown(ctx context.Context, tx *outbox.Tx, organization, id uuid.UUID) (scim.Resource, error) {
	t, err := load(ctx, tx, organization, id, true)
	if err != nil {
		return nil, err
	}
	return t.resource()
}

// Replace replaces a team's attributes with those in the body.
func (f *Function) Replace(ctx context.Context, in *provisioning.ProvisionedChange) (*scim.Answer, error) {
	w, err := read(&in.Message)
	if err != nil {
		return scim.Failed(err)
	}
	return f.change(ctx, in, func(scim.Resource) (desiredTeam, error) { return w, nil })
}

// Patch changes parts of a team (RFC 7644 §3.5.2).
func (f *Function) Patch(ctx context.Context, in *provisioning.ProvisionedChange) (*scim.Answer, error) {
	patch, err := in.Message.Patch()
	if err != nil {
		return scim.Failed(err)
	}
	return f.change(ctx, in, func(r scim.Resource) (w desiredTeam, err error) {
		if r, err = scim.Group.Apply(ctx, patch, r); err != nil {
			return w, err
		}
		return parseTeam(r)
	})
}

func (f *Function) change(ctx context.Context, in *provisioning.ProvisionedChange, to func(scim.Resource) (desiredTeam, error)) (*scim.Answer, error) {
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
		t, r, err := locked(ctx, tx, caller.OrganizationID, id, in.IfMatch)
		if err != nil {
			return err
		}
		w, err := to(r)
		if err != nil {
			return err
		}
		if err := f.save(ctx, tx, caller, t, w); err != nil {
			return err
		}
		now, err = shown(ctx, tx, caller.OrganizationID, id)
		return err
	})
	if err != nil {
		return scim.Failed(provisioning.ProvisioningRefused(ctx, f.store, "team_members:change", id, err))
	}
	return scim.Show(http.StatusOK, now, in.Selecting(scim.Group))
}

// locked reads a team under the organization's lock, so that neither the team nor the
// organization's members can change concurrently.
func locked(ctx context.Context, tx *outbox.Tx, organization, id uuid.UUID, ifMatch string) (t team, r scim.Resource, err error) {
	if err := store.LockOrganization(ctx, tx, organization); err != nil {
		return t, nil, err
	}
	if _, err := tx.Exec(ctx, lockTeam, organization, id); err != nil {
		return t, nil, fmt.Errorf("lock provisioned team: %w", err)
	}
	if t, err = load(ctx, tx, organization, id, true); err != nil {
		return t, nil, err
	}
	if r, err = t.resource(); err != nil {
		return t, nil, err
	}
	return t, r, scim.Matches(ifMatch, r)
}

// save stores the changes of a team.
func (f *Function) save(ctx context.Context, tx *outbox.Tx, caller auth.Caller, t team, w desiredTeam) error {
	if t.Name != w.name {
		if _, err := tx.Exec(ctx, updateTeam, t.ID, w.name); err != nil {
			return fmt.Errorf("rename team: %w", err)
		}
		if err := audit.Record(ctx, tx, audit.Entry{Action: "teams:rename", ResourceID: t.ID.String(), Detail: map[string]any{"provisioned": true}}); err != nil {
			return err
		}
	}
	if err := f.setMembers(ctx, tx, caller, t.ID, t.Members, w.members); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, updateProvisioned, t.ID, w.external); err != nil {
		return fmt.Errorf("update provisioned team: %w", err)
	}
	return nil
}

// Delete deletes a team with its grants.
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
		if _, _, err := locked(ctx, tx, caller.OrganizationID, id, in.IfMatch); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, deleteTeam, id); err != nil {
			return fmt.Errorf("delete team: %w", err)
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "teams:delete", ResourceID: id.String(), Detail: map[string]any{"provisioned": true}})
	})
	if err != nil {
		return scim.Failed(provisioning.ProvisioningRefused(ctx, f.store, "teams:delete", id, err))
	}
	return &scim.Answer{Status: http.StatusNoContent}, nil
}
