package organizations

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/membership"
	"function/functions/users/internal/store"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/page"
)

const (
	columns    = `o.id, o.name, o.created_at, o.deleted_at`
	selectMine = `
SELECT ` + columns + `, m.role, m.status FROM memberships m JOIN organizations o ON o.id = m.organization_id
WHERE m.user_id = @user AND o.id < @before ORDER BY o.id DESC LIMIT @limit`
	selectOne   = `SELECT ` + columns + ` FROM organizations o WHERE o.id = $1`
	lockPerson  = `SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE`
	countOwned  = `SELECT count(*) FROM memberships WHERE user_id = $1 AND role = 'owner'`
	rename      = `UPDATE organizations o SET name = $2 WHERE id = $1 RETURNING ` + columns
	markDeleted = `UPDATE organizations o SET deleted_at = now() WHERE id = $1 RETURNING ` + columns
	lockAny     = `SELECT FROM organizations WHERE id = $1 FOR NO KEY UPDATE` // the last owner may be leaving concurrently
	restore     = `
UPDATE organizations o SET deleted_at = NULL
WHERE id = $1 AND deleted_at > now() - $3::interval
  AND EXISTS (SELECT FROM memberships WHERE organization_id = o.id AND user_id = $2 AND role = 'owner' AND status = 'active')
RETURNING ` + columns
)

// maxOwned limits the organizations that one person owns.
const maxOwned = 100

// List lists the caller's organizations, including those that have not approved the caller yet.
func (f *Function) List(ctx context.Context, in *ListRequest) (*ListResponse, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	mine, err := page.List(ctx, f.store.DB, in.Query, func(m MyOrganization) uuid.UUID { return m.ID }, selectMine, pgx.NamedArgs{"user": caller.UserID})
	return &ListResponse{Body: mine}, err
}

// Create creates an organization that the caller owns.
func (f *Function) Create(ctx context.Context, in *CreateRequest) (*Response, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	var o membership.Organization
	err = act.Do(ctx, f.store.DB, audit.Entry{Action: "organizations:create"}, func(tx *outbox.Tx, entry *audit.Entry) error {
		var owned int
		if _, err := tx.Exec(ctx, lockPerson, caller.UserID); err != nil {
			return fmt.Errorf("lock person: %w", err)
		}
		if err := tx.QueryRow(ctx, countOwned, caller.UserID).Scan(&owned); err != nil {
			return fmt.Errorf("count organizations: %w", err)
		}
		if owned >= maxOwned {
			return fault.New(fault.Conflict, "You own %d organizations, which is the limit: delete one first", owned)
		}
		if o, err = membership.NewOrganization(ctx, tx, caller.UserID, string(in.Body.Name)); err != nil {
			return err
		}
		entry.OrganizationID, entry.ResourceID = o.ID, o.ID.String()
		return nil
	})
	return &Response{Body: o}, err
}

// Get returns the organization in which the caller acts.
func (f *Function) Get(ctx context.Context, in *Request) (*Response, error) {
	o, err := database.One[membership.Organization](ctx, f.store.DB, pgx.ErrNoRows, selectOne, in.ID)
	return &Response{Body: o}, err
}

// Rename renames the organization.
func (f *Function) Rename(ctx context.Context, in *RenameRequest) (*Response, error) {
	return f.change(ctx, audit.Entry{Action: "organizations:rename", ResourceID: in.ID.String()}, true, rename, in.ID, in.Body.Name)
}

// Delete marks the organization as deleted.
func (f *Function) Delete(ctx context.Context, in *Request) (*Response, error) {
	return f.change(ctx, audit.Entry{Action: "organizations:delete", ResourceID: in.ID.String()}, true, markDeleted, in.ID)
}

// Restore restores an organization that is being deleted. Nobody has an effective role in such
// an organization, so the right to restore it depends on the membership.
func (f *Function) Restore(ctx context.Context, in *Request) (*Response, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "organizations:restore", ResourceID: in.ID.String()}
	return f.change(ctx, entry, false, restore, in.ID, caller.UserID, membership.DeletionGrace)
}

// change runs a statement on an organization and records it. If alive is set, it refuses an
// organization that is being deleted.
func (f *Function) change(ctx context.Context, entry audit.Entry, alive bool, statement string, arguments ...any) (*Response, error) {
	var out Response
	err := act.Do(ctx, f.store.DB, entry, func(tx *outbox.Tx, entry *audit.Entry) (err error) {
		if alive {
			if err := store.LockOrganization(ctx, tx, arguments[0].(uuid.UUID)); err != nil {
				return err
			}
		} else if _, err := tx.Exec(ctx, lockAny, arguments[0]); err != nil {
			return fmt.Errorf("lock organization: %w", err)
		}
		missing := fault.New(fault.NotFound, "You do not own an organization with this identifier that can be restored")
		out.Body, err = database.One[membership.Organization](ctx, tx, missing, statement, arguments...)
		entry.OrganizationID = out.Body.ID // only now, since others must not write to an organization's trail
		return err
	})
	if _, ok := fault.As(err); err != nil && !ok {
		return nil, fmt.Errorf("change organization: %w", err)
	}
	return &out, err
}
