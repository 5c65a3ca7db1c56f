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

// Part is something of an organization that goes with it. A part is deleted in small
// transactions, so that another delivery goes on where one has died.
type Part func(ctx context.Context, db *outbox.DB, organization uuid.UUID) error

// Organization declares the function that deletes from a database what it holds of an
// organization that is gone, part by part.
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

// Table is the rows of a table whose organization_id is the organization's.
func Table(name ...string) Part {
	table := pgx.Identifier(name).Sanitize()
	return Statement(`DELETE FROM ` + table + ` WHERE ctid = ANY (ARRAY (SELECT ctid FROM ` + table + ` WHERE organization_id = $1 LIMIT 1000 FOR UPDATE))`)
}

// Statement runs SQL of the organization, $1, until it affects no row.
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

// Each deletes what SQL lists: the next IDs of the organization, $1, after an ID, $2, in
// their order and locked.
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
