package retention

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/audit"
	"function/shared/database"
	"function/shared/events"
	"function/shared/fault"
	"function/shared/outbox"
)

// dispose deletes everything due in small transactions, so that a redelivery continues after a
// failure. If everything is deleted, a redelivery does nothing.
func (d *disposer) dispose(ctx context.Context, e events.Received[events.DisposalRequested]) error {
	if e.Data.Resource != d.resource {
		return nil
	}
	if err := d.complete(ctx, e.Data); err != nil {
		return err
	}
	if d.Before != nil {
		if err := d.Before(ctx); err != nil {
			return err
		}
	}
	due := Due{resource: d.resource, at: e.Data.At.UTC()} // in UTC, a day always has 24 hours
	for more := true; more; {
		if d.Mark != nil {
			err := d.db.Transact(ctx, func(tx *outbox.Tx) error {
				now, err := d.policies(ctx, tx, due)
				if err != nil {
					return err
				}
				return d.Mark(ctx, tx, now)
			})
			if err != nil {
				return fmt.Errorf("mark %s to be disposed of: %w", d.resource, err)
			}
		}
		var newest time.Time
		err := d.db.Transact(ctx, func(tx *outbox.Tx) (err error) {
			newest, err = d.disposeSome(ctx, tx, e.Data.SweepID, due)
			return err
		})
		if err != nil {
			return fmt.Errorf("dispose of %s: %w", d.resource, err)
		}
		due.from, more = newest, !newest.IsZero()
	}
	return nil
}

// The last version before the first gap is the last one up to which all are known.
const selectKnown = `
SELECT coalesce(lower(int8multirange(int8range(0, $2, '(]')) - coalesce((SELECT versions FROM retention_known WHERE resource = $1), '{}')) - 1, $2)`

// complete returns an error unless all policies that the sweep applies are known: an organization's
// own policy may keep data longer than the default. It asks for missing policies.
func (d *disposer) complete(ctx context.Context, e events.DisposalRequested) error {
	var known int64
	if err := d.db.QueryRow(ctx, selectKnown, d.resource, e.Policies).Scan(&known); err != nil {
		return fmt.Errorf("read which policies are known: %w", err)
	}
	if known >= e.Policies {
		return nil
	}
	err := d.db.Transact(ctx, func(tx *outbox.Tx) error {
		return tx.Publish(ctx, events.PoliciesMissing{Resource: d.resource, After: known})
	})
	if err != nil {
		return fmt.Errorf("ask for missing policies: %w", err)
	}
	return fault.New(fault.Unavailable, "Retention policies of %s are known up to version %d, but this sweep needs version %d. They have been requested: try again later.",
		d.resource, known, e.Policies)
}

// The lock keeps the policies unchanged until the step has ended.
const selectDefault = `
SELECT (SELECT keep_days FROM retention_periods WHERE resource = $1 AND organization_id = $2),
       (SELECT min(keep_days) FROM retention_periods WHERE resource = $1)
FROM retention_known WHERE resource = $1 FOR SHARE`

// policies adds the current policies to what is due.
func (d *disposer) policies(ctx context.Context, tx *outbox.Tx, due Due) (Due, error) {
	var keep, least *int
	err := tx.QueryRow(ctx, selectDefault, d.resource, uuid.Nil).Scan(&keep, &least)
	if database.IsNoRows(err) || err == nil && keep == nil {
		return due, fault.New(fault.Invalid, "There is no default retention policy for %s", d.resource)
	}
	if err != nil {
		return due, fmt.Errorf("read default policy: %w", err)
	}
	due.keepDays, due.latest = *keep, due.at.AddDate(0, 0, -*least)
	return due, nil
}

// disposeSome runs one step and records what it deleted. It returns when the newest of the deleted
// items ended, or the zero time if there were none.
func (d *disposer) disposeSome(ctx context.Context, tx *outbox.Tx, sweep uuid.UUID, due Due) (newest time.Time, err error) {
	if due, err = d.policies(ctx, tx, due); err != nil {
		return newest, err
	}
	counts, err := d.Step(ctx, tx, due)
	if err != nil || len(counts) == 0 {
		return newest, err
	}
	disposed, err := d.applied(ctx, tx, due, counts)
	if err != nil {
		return newest, err
	}
	for _, c := range disposed {
		detail := map[string]any{"items": c.Items, "keep_days": c.KeepDays, "sweep": sweep, "cutoff": c.Cutoff}
		if err := audit.Record(ctx, tx, audit.Entry{Action: "retention:dispose", ResourceID: d.resource, OrganizationID: c.OrganizationID, Detail: detail}); err != nil {
			return newest, err
		}
		if c.Newest.After(newest) {
			newest = c.Newest
		}
	}
	for part := range slices.Chunk(disposed, maxDisposedOrganizations) {
		if err := tx.Publish(ctx, events.Disposed{SweepID: sweep, Resource: d.resource, Organizations: part, DisposedAt: time.Now().UTC()}); err != nil {
			return newest, err
		}
	}
	return newest, nil
}

// maxDisposedOrganizations limits the organizations in one event, well below events.MaxSize.
const maxDisposedOrganizations = 1000

const selectOwn = `
SELECT organization_id, keep_days FROM retention_periods WHERE resource = $1 AND organization_id = ANY ($2) AND keep_days IS NOT NULL`

// applied adds to each count the policy that the step applied.
func (d *disposer) applied(ctx context.Context, tx *outbox.Tx, due Due, counts []Count) ([]events.DisposedCount, error) {
	var organizations []uuid.UUID
	for _, c := range counts {
		organizations = append(organizations, c.OrganizationID)
	}
	own := map[uuid.UUID]int{}
	var organization uuid.UUID
	var days int
	rows, _ := tx.Query(ctx, selectOwn, d.resource, organizations)
	_, err := pgx.ForEachRow(rows, []any{&organization, &days}, func() error { own[organization] = days; return nil })
	if err != nil {
		return nil, fmt.Errorf("read policies that applied: %w", err)
	}
	var disposed []events.DisposedCount
	for _, c := range counts {
		days, ok := own[c.OrganizationID]
		if !ok {
			days = due.keepDays
		}
		disposed = append(disposed, events.DisposedCount{
			OrganizationID: c.OrganizationID, KeepDays: days, Cutoff: due.at.AddDate(0, 0, -days),
			Items: c.Items, Bytes: c.Bytes, Oldest: c.Oldest, Newest: c.Newest,
		})
	}
	return disposed, nil
}
