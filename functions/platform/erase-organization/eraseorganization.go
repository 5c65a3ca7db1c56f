// Package eraseorganization deletes the dead letters of an organization that is gone:
// nobody is left who could see them. It runs when the users domain has deleted the
// organization for good.
package eraseorganization

import (
	"context"
	"fmt"

	"function/shared/database"
	"function/shared/erasure"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Subscriber("platform-erase-organization", New).
	Uses(function.Owns(database.Analytics))

// Function deletes dead letters.
type Function struct{ db *outbox.DB }

// New opens the dead letters.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db}, err
}

const deleteLetters = `
DELETE FROM platform.dead_letters WHERE id IN (
    SELECT id FROM platform.dead_letters WHERE organization_id = $1 ORDER BY id LIMIT 500 FOR UPDATE)`

// Handle deletes a bounded part in each transaction. The event itself belongs to no
// organization, so that those whom it could not be delivered to get it yet.
func (f *Function) Handle(ctx context.Context, e events.Received[events.OrganizationDeleted]) error {
	if err := erasure.Begin(ctx, f.db, e.Data); err != nil {
		return err
	}
	if err := erasure.InSteps(ctx, f.db, deleteLetters, e.Data.OrganizationID); err != nil {
		return fmt.Errorf("delete dead letters of organization: %w", err)
	}
	return nil
}
