// Package rebuildsearch begins a new index in the search server. An operator runs it after the index was lost or damaged.
package rebuildsearch

import (
	"context"

	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
	"function/shared/search"
)

// Command declares the command.
var Command = function.Command{
	Name:    "rebuild-search",
	Summary: "Begin a new index in the search server. datasets-feed-search fills it, and then replaces the old one.",
	Domain:  "datasets", Uses: []function.Use{function.Owns(database.Datasets), function.Search},
	Run: run,
}

func run(ctx context.Context, env *function.Env, _ []string) error {
	db, err := env.Database(ctx, database.Datasets)
	if err != nil {
		return err
	}
	server, err := env.Search()
	if err != nil {
		return err
	}
	if server == nil {
		return fault.New(fault.Invalid, "there is no search server: set SEARCH_URL, or do nothing, because the index in the database needs no rebuilding")
	}
	return search.Feed{DB: db, Server: server}.Rebuild(ctx)
}
