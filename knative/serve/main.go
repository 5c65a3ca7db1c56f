// Command serve is the container's process: it serves the one function that
// K_SERVICE names, or, as `serve migrate`, brings the databases to the schema that
// this image expects and ends; `serve platform-admin EMAIL` makes the person with an
// address a platform admin: the first one, whom no other can make; `serve
// restart-audit TRAIL ORGANIZATION REASON` has an audit trail that was tampered with go on;
// and `serve replace-signing-keys` withdraws all keys of access tokens for a new one at once.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/google/uuid"

	"function/functions"
	sealaudit "function/functions/platform/seal-audit"
	"function/functions/users"
	"function/shared/audit"
	"function/shared/database/migrate"
	"function/shared/function"
	"function/shared/runtime"

	_ "function/shared/drivers"
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
		return migrate.All(ctx, os.Getenv("ADMIN_DATABASE_URL"), config.DatabaseURLs(),
			config.IdentityDatabaseURL, config.CatalogDatabaseURL, config.ReaderDatabaseURL)
	case len(args) == 2 && args[0] == "platform-admin":
		return makeAdmin(ctx, config, args[1])
	case len(args) == 4 && args[0] == "restart-audit":
		return restartAudit(ctx, config, audit.Trail(args[1]), args[2], args[3])
	case len(args) == 1 && args[0] == "replace-signing-keys":
		return replaceKeys(ctx, config)
	}
	return serve(ctx, config, listen)
}

// listen is where Knative's runtime contract has requests come in.
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

// within does something once, in a process that serves nothing.
func within(config function.Config, do func(*function.Env) error) error {
	env := function.NewEnv(config)
	err := do(env)
	return errors.Join(err, env.Close())
}

func makeAdmin(ctx context.Context, config function.Config, email string) error {
	return within(config, func(env *function.Env) error {
		store, err := users.Open(ctx, env)
		if err != nil {
			return err
		}
		return store.MakePlatformAdmin(ctx, email)
	})
}

func restartAudit(ctx context.Context, config function.Config, trail audit.Trail, organization, reason string) error {
	id, err := uuid.Parse(organization)
	if err != nil || !slices.Contains(audit.Trails, trail) || reason == "" {
		return fmt.Errorf("restart-audit takes a trail (%v), the UUID of an organization (the nil UUID: the platform's own) and a reason without names", audit.Trails)
	}
	return within(config, func(env *function.Env) error {
		sealer, err := sealaudit.New(ctx, env)
		if err != nil {
			return err
		}
		return sealer.Restart(ctx, trail, id, reason)
	})
}

func replaceKeys(ctx context.Context, config function.Config) error {
	return within(config, func(env *function.Env) error {
		store, err := users.Open(ctx, env)
		if err != nil {
			return err
		}
		kid, err := store.ReplaceSigningKeys(ctx, store.Issuer(env))
		if err != nil {
			return err
		}
		slog.InfoContext(ctx, "signing keys replaced; processes that run remember the old ones for some minutes: start them anew", "kid", kid)
		return nil
	})
}
