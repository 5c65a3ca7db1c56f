// Command serve is the container's process: it serves the one function that
// K_SERVICE names, or, as `serve migrate`, brings the databases to the schema that
// this image expects and ends.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"function/functions"
	"function/shared/database/migrate"
	"function/shared/function"
)

func main() {
	function.TuneMemory()
	function.SetLogger(slog.NewJSONHandler(os.Stdout, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	config, err := function.ConfigFromEnvironment(ctx)
	if err != nil {
		return err
	}
	if len(args) == 1 && args[0] == "migrate" {
		return migrate.All(ctx, os.Getenv("ADMIN_DATABASE_URL"), config.DatabaseURLs(),
			config.IdentityDatabaseURL, config.CatalogDatabaseURL, config.ReaderDatabaseURL)
	}
	declaration, err := function.Find(functions.Catalog, os.Getenv("K_SERVICE"))
	if err != nil {
		return err
	}
	port := os.Getenv("PORT") // Knative runtime contract
	if port == "" {
		port = "8080"
	}
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return function.Serve(ctx, declaration, function.NewEnv(config), listener)
}
