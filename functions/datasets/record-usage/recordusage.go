// Package recordusage counts who queries which data sets. It runs when a query has read data sets. Every hour it deletes old counts, and
// makes the newest and the most popular data sets those that searches look at first.
package recordusage

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"function/functions/datasets/internal/catalogue"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Service("datasets-record-usage", New,
	function.OnEvent((*Function).Handle),
	function.OnSchedule(function.Schedule{Cron: "37 * * * *"}, (*Function).Tidy),
).Uses(function.Owns(database.Datasets))

// Function counts reads.
type Function struct{ db *outbox.DB }

// New connects the function to its database.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	return &Function{db: db}, err
}

// Handle counts one read of each data set.
func (f *Function) Handle(ctx context.Context, e events.Received[events.DatasetsRead]) error {
	return outbox.Once(ctx, f.db, e, func(tx *outbox.Tx) error {
		return catalogue.Count(ctx, tx, catalogue.Queries, e.Data.UserID, e.Data.DatasetIDs...)
	})
}

// Each statement changes a batch of rows, so that none is locked for long. The next hour changes what is left after a number of batches.
const (
	batch   = 1000
	batches = 200

	// Usage is shown for the last 365 days.
	deleteUsage = `
WITH deleted AS (
    DELETE FROM dataset_usage WHERE ctid = ANY (ARRAY (
        SELECT ctid FROM dataset_usage WHERE day < (now() AT TIME ZONE 'UTC')::date - 400 LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1
) SELECT count(*) FROM deleted`
	// Nothing reads changes of more than a day without an index in a search server: a new one is filled with all documents.
	deleteChanges = `
WITH deleted AS (
    DELETE FROM search_changes WHERE id = ANY (ARRAY (
        SELECT id FROM search_changes WHERE at < now() - interval '1 day' AND NOT EXISTS (SELECT FROM search_feeds) LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1
) SELECT count(*) FROM deleted`
	refreshHot  = `SELECT refresh_hot_documents(14400, 1600, $1) AS count`
	forgetWords = `SELECT forget_words($1) AS count`
)

// Tidy deletes counts that are older than 400 days, refreshes what searches look at first, and deletes words that are no longer in any data set.
func (f *Function) Tidy(ctx context.Context) error {
	for _, statement := range []string{deleteUsage, deleteChanges, refreshHot, forgetWords} {
		for range batches {
			changed, err := database.One[struct{ Count int64 }](ctx, f.db, pgx.ErrNoRows, statement, batch)
			if err != nil {
				return fmt.Errorf("tidy the catalogue: %w", err)
			}
			if changed.Count == 0 {
				break
			}
		}
	}
	return nil
}
