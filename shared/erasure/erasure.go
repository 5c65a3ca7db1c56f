// Package erasure keeps what is gone from coming back: once an organization is erased
// from a database, nothing of it is added there any more, neither by a request that was
// still under way nor by an event that is told late.
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

// Begin begins to erase the organization of an event from a function's database, and
// puts that into the organization's trail, once. When it has returned, what is left is
// for the function to delete, in as many transactions as that takes: another delivery
// goes on where one has died.
func Begin(ctx context.Context, db *outbox.DB, e events.OrganizationDeleted) error {
	if e.OrganizationID == uuid.Nil {
		return fault.New(fault.Invalid, "This event is about no organization")
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

// InSteps runs a statement that deletes a bounded part, each time in a transaction of
// its own, until nothing is left.
func InSteps(ctx context.Context, db *outbox.DB, sql string, arguments ...any) error {
	for {
		deleted, err := db.Exec(ctx, sql, arguments...)
		if err != nil || deleted.RowsAffected() == 0 {
			return err
		}
	}
}
