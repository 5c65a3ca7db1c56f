// Package feedsearch copies what searches find to the search server, if there is one. It runs every five minutes.
package feedsearch

import (
	"context"
	"time"

	"function/shared/database"
	"function/shared/function"
	"function/shared/search"
)

// Service declares the function.
var Service = function.Scheduled("datasets-feed-search", function.Schedule{Cron: "*/5 * * * *"}, New).
	Uses(function.Owns(database.Datasets), function.Search)

// Function copies changes.
type Function struct {
	feed search.Feed // its Server is nil if none is configured
}

// New connects the function to its database, and opens the search server.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	db, err := env.Database(ctx, database.Datasets)
	if err != nil {
		return nil, err
	}
	server, err := env.Search()
	return &Function{search.Feed{DB: db, Server: server}}, err
}

// runs is how long one run copies. The next one continues.
const runs = 4 * time.Minute

// Handle copies changes, and fills a new index.
func (f *Function) Handle(ctx context.Context) error {
	if f.feed.Server == nil {
		return nil
	}
	return f.feed.Run(ctx, time.Now().Add(runs))
}
