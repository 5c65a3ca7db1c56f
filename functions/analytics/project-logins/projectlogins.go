// Package projectlogins maintains the projection of logins, the table logins in SQL over
// postgresql. It runs when a session begins and when a person erases their account.
package projectlogins

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Function maintains the projection of logins.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Analytics)
	return &Function{db: db}, err
}

// Service declares the function.
var Service = function.Service("analytics-project-logins", New,
	function.OnEvent((*Function).LoggedIn),
	function.OnEvent((*Function).Erased),
).
	Uses(function.Owns(database.Analytics))

const (
	// Serializes the events of one person.
	lockPerson  = `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`
	insertLogin = `
INSERT INTO projections.logins (id, user_id, organization_id, logged_in_at)
SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT FROM projections.erased WHERE user_id = $2)
ON CONFLICT (id) DO NOTHING`
	insertErased = `INSERT INTO projections.erased (user_id, erased_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	deleteLogins = `DELETE FROM projections.logins WHERE user_id = $1`
)

// LoggedIn inserts the login. The session is its key, so a repeated event has no effect.
func (f *Function) LoggedIn(ctx context.Context, e events.Received[events.UserLoggedIn]) error {
	login := e.Data
	var writes pgx.Batch // without BEGIN, a batch is one transaction in one round trip
	writes.Queue(lockPerson, login.UserID.String())
	writes.Queue(insertLogin, login.SessionID, login.UserID, login.OrganizationID, login.LoggedInAt)
	if err := f.db.SendBatch(ctx, &writes).Close(); err != nil {
		return fmt.Errorf("project a login: %w", err)
	}
	return nil
}

// Erased deletes a person's logins and records the erasure, so that a login event that arrives
// later is ignored.
func (f *Function) Erased(ctx context.Context, e events.Received[events.UserErased]) error {
	return outbox.Once(ctx, f.db, e, func(tx *outbox.Tx) error {
		person := e.Data.UserID
		if err := tx.Write(ctx, lockPerson, person.String()); err != nil {
			return err
		}
		if err := tx.Write(ctx, insertErased, person, e.Data.ErasedAt); err != nil {
			return err
		}
		return tx.Write(ctx, deleteLogins, person)
	})
}
