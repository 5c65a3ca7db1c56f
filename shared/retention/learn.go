package retention

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/shared/events"
	"function/shared/fault"
	"function/shared/outbox"
)

const (
	// The upsert locks the row, so that policies do not change while a step runs.
	insertKnown = `
INSERT INTO retention_known AS k (resource, versions) VALUES ($1, int8multirange(int8range($2, $3, '(]')))
ON CONFLICT (resource) DO UPDATE SET versions = k.versions + excluded.versions`
	upsertPeriods = `
INSERT INTO retention_periods AS p (resource, organization_id, keep_days, version)
SELECT $1, * FROM unnest($2::uuid[], $3::int[], $4::bigint[])
ON CONFLICT (resource, organization_id) DO UPDATE SET keep_days = excluded.keep_days, version = excluded.version
WHERE excluded.version > p.version`
)

// learn stores the current policies. A late or repeated event does not change newer ones.
func (d *disposer) learn(ctx context.Context, e events.Received[events.PoliciesChanged]) error {
	if e.Data.Resource != d.resource {
		return nil
	}
	if e.Data.After < 0 || e.Data.Through < e.Data.After {
		return fault.New(fault.Invalid, "This event covers no policy versions: after %d, through %d", e.Data.After, e.Data.Through)
	}
	var organizations []uuid.UUID
	var days []*int
	var versions []int64
	for _, p := range e.Data.Policies {
		organizations, days, versions = append(organizations, p.OrganizationID), append(days, p.KeepDays), append(versions, p.Version)
	}
	err := d.db.Transact(ctx, func(tx *outbox.Tx) error {
		if _, err := tx.Exec(ctx, insertKnown, d.resource, e.Data.After, e.Data.Through); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, upsertPeriods, d.resource, organizations, days, versions)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep retention policies of %s: %w", d.resource, err)
	}
	return nil
}
