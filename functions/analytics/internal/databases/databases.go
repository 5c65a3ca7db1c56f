// Package databases opens the databases that queries can use in a deployment.
package databases

import (
	"context"
	"fmt"

	"function/functions/analytics/internal/query"
	"function/functions/analytics/internal/query/duckdb"
	"function/functions/analytics/internal/query/postgres"
	"function/shared/function"
)

// stores lists the databases that every deployment has, and how many queries one process runs on
// each concurrently. A query over data sets may use 256 MB and every processor; a query over
// projections uses one connection.
var stores = map[string]struct {
	open    func(context.Context, *function.Env) (query.Backend, error)
	running int
}{
	query.Datasets:   {duckdb.Open, 2},
	query.PostgreSQL: {postgres.Open, 3},
}

// Open opens every database that queries can use.
func Open(ctx context.Context, env *function.Env) (query.Databases, error) {
	databases := query.Databases{}
	for name, store := range stores {
		backend, err := store.open(ctx, env)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", name, err)
		}
		databases[name] = query.Bounded(backend, store.running)
	}
	return databases, nil
}

// Check returns an error if this deployment does not have the database.
func Check(name string) error {
	if _, ok := stores[name]; !ok {
		return query.NotConfigured(name)
	}
	return nil
}
