// Package erasure keeps what is gone from coming back: once an organization is erased
// from a database, nothing of it is added there any more, neither by a request that was
// still under way nor by an event that is told late. A domain declares in one line what
// it deletes of an organization: see [Organization].
package erasure

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/shared/audit"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/outbox"
)

const (
	// What is being added to the organization is waited for: then all of it is there to be deleted.
	lockOrganization = `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`
	insertErased     = `INSERT INTO erased_organizations (organization_id) VALUES ($1) ON CONFLICT DO NOTHING`
)

// begin marks the organization of an event as erased from a function's database, and puts
// that into the organization's trail, once. After it, nothing is added that would have to
// be deleted.
func begin(ctx context.Context, db *outbox.DB, e events.OrganizationDeleted) error {
	if e.OrganizationID == uuid.Nil {
		return fault.New(fault.Invalid, "This event does not name an organization")
	}
	err := db.Transact(ctx, func(tx *outbox.Tx) error {
		if _, err := tx.Exec(ctx, lockOrganization, e.OrganizationID.String()); err != nil {
			return err
		}
		inserted, err := tx.Exec(ctx, insertErased, e.OrganizationID)
		if err != nil || inserted.RowsAffected() == 0 {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Action: "organizations:erase", ResourceID: e.OrganizationID.String(), OrganizationID: e.OrganizationID})
	})
	if err != nil {
		return fmt.Errorf("begin to erase organization: %w", err)
	}
	return nil
}

func init() {
	database.Constraint("organization_erased", fault.Forbidden, "Your organization no longer exists: log in again")
}
