// Command local is the whole platform in one process, for a laptop: it runs when a
// person types `make run`. It keeps a PostgreSQL of its own under DATA_DIR, mounts
// every function of the catalog on one port, and does what Knative does on a
// cluster by the same manifests: Triggers, retries, dead letters, PingSources.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"function/shared/runtime"

	_ "function/shared/drivers"
)

func main() {
	runtime.TuneMemory(800, 512<<20)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := dataDir(environment("DATA_DIR", ".local"))
	if err != nil {
		return err
	}
	listener, err := listen(environment("PORT", "8080"))
	if err != nil {
		return err
	}
	defer listener.Close()
	logFile, err := os.OpenFile(filepath.Join(dir, "platform.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer logFile.Close()
	runtime.SetLogger(slog.NewJSONHandler(logFile, nil))

	stores, err := openStores(ctx, dir, listener.Addr())
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while starting
		}
		return err
	}
	p, err := newPlatform(stores)
	if err != nil {
		return errors.Join(err, stores.close())
	}
	return errors.Join(p.serve(ctx, listener), stores.close())
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
