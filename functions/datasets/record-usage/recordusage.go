// Package recordusage counts who queries which data sets. It runs when a query has read data sets.
package recordusage

import (
	"context"

	"function/functions/datasets/internal/catalogue"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Subscriber("datasets-record-usage", New).Uses(function.Owns(database.Datasets))

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
