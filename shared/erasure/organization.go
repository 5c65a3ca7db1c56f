package erasure

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Part deletes one kind of an organization's data. It does so in small transactions, so that a
// redelivery continues after a failure.
type Part func(ctx context.Context, db *outbox.DB, organization uuid.UUID) error

// Organization declares a function that deletes, part by part, what a database holds of a deleted
// organization.
func Organization(name string, in database.Name, parts ...Part) function.Declaration {
	construct := func(ctx context.Context, env *function.Env) (*outbox.DB, error) { return env.Database(ctx, in) }
	erase := func(db *outbox.DB, ctx context.Context, e events.Received[events.OrganizationDeleted]) error {
		if err := begin(ctx, db, e.Data); err != nil {
			return err
		}
		for _, part := range parts {
			if err := part(ctx, db, e.Data.OrganizationID); err != nil {
				return fmt.Errorf("erase organization: %w", err)
			}
		}
		return nil
	}
	return function.Service(name, construct, function.OnEvent(erase)).Uses(function.Owns(in))
}

// Table deletes the rows of a table by organization_id.
func Table(name ...string) Part {
	table := pgx.Identifier(name).Sanitize()
	return Statement(`DELETE FROM ` + table + ` WHERE ctid = ANY (ARRAY (SELECT ctid FROM ` + table + ` WHERE organization_id = $1 LIMIT 1000 FOR UPDATE))`)
}

// Statement runs SQL with the organization as $1 until it affects no row.
func Statement(sql string) Part {
	return func(ctx context.Context, db *outbox.DB, organization uuid.UUID) error {
		for {
			affected, err := db.Exec(ctx, sql, organization)
			if err != nil || affected.RowsAffected() == 0 {
				return err
			}
		}
	}
}

// Each calls remove for the IDs that SQL lists. The SQL returns, in order and locked, the next IDs
// of the organization $1 after the ID $2.
func Each(sql string, remove func(ctx context.Context, tx *outbox.Tx, organization uuid.UUID, some []uuid.UUID) error) Part {
	return func(ctx context.Context, db *outbox.DB, organization uuid.UUID) error {
		for after := uuid.Nil; ; {
			var some []uuid.UUID
			err := db.Transact(ctx, func(tx *outbox.Tx) (err error) {
				rows, _ := tx.Query(ctx, sql, organization, after)
				some, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
				if err != nil || len(some) == 0 {
					return err
				}
				return remove(ctx, tx, organization, some)
			})
			if err != nil || len(some) == 0 {
				return err
			}
			after = some[len(some)-1]
		}
	}
}
