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

// maxSingleRefusals is the number of a caller's refusals per minute that get their own entry; see
// published.record_refusal.
const maxSingleRefusals = 10

const insertCounted = `
WITH counted AS (
    INSERT INTO refusal_counts AS c (actor_id, minute, organization_id, refusals)
    VALUES ($14, date_trunc('minute', now()), '00000000-0000-0000-0000-000000000000', 1)
    ON CONFLICT (actor_id, minute) DO UPDATE SET refusals = c.refusals + 1
    RETURNING refusals
)
` + insertInto + `SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 FROM counted WHERE refusals <= $15`

// RecordCounted writes an entry about the refusal of an unauthenticated request to
// user_management_db. source is a keyed hash of the request's source. A flood from one source makes
// a few entries and a count, as for authenticated callers.
func RecordCounted(ctx context.Context, db database.Writer, source []byte, e Entry) error {
	values, err := e.values(ctx)
	if err != nil {
		return err
	}
	if err := db.Write(ctx, insertCounted, append(values, unknownSourceID(source), maxSingleRefusals)...); err != nil {
		return fmt.Errorf("record audit entry %s: %w", e.Action, err)
	}
	return nil
}

// unknownSourceVersion is the UUID version (RFC 9562 §5.8) of identifiers in refusal_counts that
// stand for the source of unauthenticated requests.
const unknownSourceVersion = 8

func unknownSourceID(source []byte) (id uuid.UUID) {
	copy(id[:], source)
	id[6], id[8] = id[6]&0x0f|unknownSourceVersion<<4, id[8]&0x3f|0x80
	return id
}

const takeCounts = `
DELETE FROM refusal_counts WHERE minute < date_trunc('minute', now()) RETURNING actor_id, organization_id, minute, refusals`

type refusalCount struct {
	ActorID, OrganizationID uuid.UUID
	Minute                  time.Time
	Refusals                int
}

// SumUpRefusals writes one entry per caller or unauthenticated source and past minute for all
// refusals without their own entry. The counts are in user_management_db.
func SumUpRefusals(ctx context.Context, db *pgxpool.Pool) error {
	return database.Transact(ctx, db, func(tx *database.Tx) error {
		rows, _ := tx.Query(ctx, takeCounts)
		counts, err := pgx.CollectRows(rows, pgx.RowToStructByName[refusalCount])
		if err != nil {
			return fmt.Errorf("take counts of refusals: %w", err)
		}
		for _, c := range counts {
			if c.Refusals <= maxSingleRefusals {
				continue
			}
			e := Entry{
				Action: "refusals:omit", OrganizationID: c.OrganizationID,
				Detail: map[string]any{"refusals": c.Refusals - maxSingleRefusals, "minute": c.Minute.Format(time.RFC3339)},
			}
			if c.ActorID.Version() != unknownSourceVersion {
				e.ResourceID = c.ActorID.String()
			}
			if err := Record(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}
