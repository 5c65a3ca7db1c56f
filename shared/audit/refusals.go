package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"function/shared/database"
)

// singly is how many refusals of a caller in a minute have an entry each; see
// published.record_refusal.
const singly = 10

const takeCounts = `
DELETE FROM refusal_counts WHERE minute < date_trunc('minute', now()) RETURNING actor_id, organization_id, minute, refusals`

type refusalCount struct {
	ActorID, OrganizationID uuid.UUID
	Minute                  time.Time
	Refusals                int
}

// SumUpRefusals writes one entry for all the refusals of a caller and past minute that
// have none of their own. The counts are in user_management_db.
func SumUpRefusals(ctx context.Context, db *pgxpool.Pool) error {
	return database.Transact(ctx, db, func(tx *database.Tx) error {
		rows, _ := tx.Query(ctx, takeCounts)
		counts, err := pgx.CollectRows(rows, pgx.RowToStructByName[refusalCount])
		if err != nil {
			return fmt.Errorf("take counts of refusals: %w", err)
		}
		for _, c := range counts {
			if c.Refusals <= singly {
				continue
			}
			err := Record(ctx, tx, Entry{
				Action: "refusals:omit", ResourceID: c.ActorID.String(), OrganizationID: c.OrganizationID,
				Detail: map[string]any{"refusals": c.Refusals - singly, "minute": c.Minute.Format(time.RFC3339)},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
