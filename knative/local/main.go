// Command local runs the whole platform in one process, for `make run`. It keeps its own PostgreSQL
// under DATA_DIR, mounts every function of the catalog on one port, and interprets the same
// manifests as a cluster: Triggers, retries, dead letters and PingSources.
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
)

func main() {
	runtime.TuneMemory(800, 192<<20)
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
			return nil // interrupted during the start
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
