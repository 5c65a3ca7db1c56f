// Package checkfreshness reports data sets whose current version is older than their contract allows. It runs every five
// minutes, and reports each missed time once: by an event, a notice to the data set's owner, and a metric.
package checkfreshness

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/metrics"
	"function/shared/outbox"
	"function/shared/quality"
)

// Service declares the function.
var Service = function.Scheduled("datasets-check-freshness", function.Schedule{Cron: "*/5 * * * *"}, New).
	Uses(function.Owns(database.Datasets))

// Function reports late data sets.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

const (
	// Without a version, the data set is as old as its first contract.
	selectPromises = `
SELECT p.dataset_id AS id, coalesce(c.contract -> 'service_levels' ->> 'freshness', '') AS freshness, d.organization_id, coalesce(d.owner_id, d.created_by) AS owner,
       coalesce(d.ready_version, 0) AS version, coalesce(v.uploaded_at, p.since) AS since, d.deleted_at IS NOT NULL AS deleted, now() AS now
FROM (SELECT dataset_id, min(created_at) AS since, max(revision) AS revision FROM dataset_contracts
      WHERE dataset_id > $1 GROUP BY dataset_id ORDER BY dataset_id LIMIT 1000) p
JOIN dataset_contracts c USING (dataset_id, revision) JOIN datasets d ON d.id = p.dataset_id
LEFT JOIN dataset_versions v ON v.dataset_id = d.id AND v.version = d.ready_version
ORDER BY p.dataset_id`
	insertLateness = `INSERT INTO dataset_lateness (dataset_id, due_at, version) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
)

// promise is what the newest contract of a data set says about its age.
type promise struct {
	ID, OrganizationID, Owner uuid.UUID
	Freshness                 string
	Version                   int
	Since, Now                time.Time
	Deleted                   bool
}

// due is when a newer version should be there, if the contract says so.
func (p promise) due() (at time.Time, promised bool) {
	age := quality.ServiceLevel{Freshness: p.Freshness}.MaxAge()
	return p.Since.Add(age), age > 0
}

// Handle looks through all contracts, and reports each late data set in a transaction of its own.
func (f *Function) Handle(ctx context.Context) error {
	after := uuid.Nil
	for {
		rows, _ := f.db.Query(ctx, selectPromises, after)
		found, err := pgx.CollectRows(rows, pgx.RowToStructByName[promise])
		if err != nil {
			return fmt.Errorf("list contracts: %w", err)
		}
		if len(found) == 0 {
			return nil
		}
		for _, p := range found {
			due, promised := p.due()
			if p.Deleted || !promised || !due.Before(p.Now) {
				continue
			}
			if err := f.report(ctx, p, due); err != nil {
				return err
			}
		}
		after = found[len(found)-1].ID
	}
}

func (f *Function) report(ctx context.Context, p promise, due time.Time) error {
	return f.db.Transact(ctx, func(tx *outbox.Tx) error {
		inserted, err := tx.Exec(ctx, insertLateness, p.ID, due, p.Version)
		if err != nil {
			return fmt.Errorf("record lateness: %w", err)
		}
		if inserted.RowsAffected() == 0 {
			return nil // reported before
		}
		if err := tx.Publish(ctx, events.FreshnessMissed{DatasetID: p.ID, OrganizationID: p.OrganizationID, Version: p.Version, DueAt: due}); err != nil {
			return err
		}
		if err := tx.Publish(ctx, events.NoticeRequested{
			OrganizationID: p.OrganizationID, UserID: p.Owner, Notice: "dataset_late", Params: map[string]string{"dataset_id": p.ID.String()},
		}); err != nil {
			return err
		}
		return metrics.Add(ctx, tx, "data_freshness_missed_total", nil, 1)
	})
}
