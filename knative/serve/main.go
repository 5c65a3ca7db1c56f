// Command serve is the container's process: it serves the function named by K_SERVICE. `serve
// migrate` brings the databases to the schema that this image expects and exits. `serve NAME
// ARGUMENTS` runs a command of the catalog.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"function/functions"
	"function/shared/database/migrate"
	_ "function/shared/drivers"
	"function/shared/function"
	"function/shared/runtime"
)

func main() {
	runtime.TuneMemory(400, 192<<20) // leaves room in the smallest pod
	runtime.SetLogger(slog.NewJSONHandler(os.Stdout, nil))
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
	switch {
	case len(args) == 1 && args[0] == "migrate":
		return migrate.All(ctx, os.Getenv("ADMIN_DATABASE_URL"), config.DatabaseURLs(), config.ReaderURLs()...)
	case len(args) > 0:
		command, err := function.FindCommand(functions.Commands, args[0], args[1:])
		if err != nil {
			return err
		}
		env := function.NewEnv(config)
		return errors.Join(command.Run(ctx, env, args[1:]), env.Close())
	}
	return serve(ctx, config, listen)
}

// listen listens on PORT, as Knative's runtime contract requires.
func listen() (net.Listener, error) {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return listener, nil
}

func serve(ctx context.Context, config function.Config, listen func() (net.Listener, error)) error {
	declaration, err := runtime.Find(functions.Catalog, os.Getenv("K_SERVICE"))
	if err != nil {
		return err
	}
	listener, err := listen()
	if err != nil {
		return err
	}
	return runtime.Serve(ctx, declaration, function.NewEnv(config), listener)
}
