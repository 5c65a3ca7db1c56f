// Package erasure deletes the data of deleted organizations and keeps it from coming back: once an
// organization is erased from a database, requests in progress and late events can no longer add to
// it. A domain declares what it deletes; see [Organization].
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
	// Wait for transactions that are adding to the organization, so that all of their rows can be
	// deleted.
	lockOrganization = `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`
	insertErased     = `INSERT INTO erased_organizations (organization_id) VALUES ($1) ON CONFLICT DO NOTHING`
)

// begin marks an organization as erased from a function's database and records that in the
// organization's trail, once. After that, no rows of the organization can be added.
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
