// Package replacesigningkeys replaces all keys that sign access tokens at once. An operator runs
// it when a key may have leaked.
package replacesigningkeys

import (
	"context"
	"log/slog"

	"function/functions/users/internal/session"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/function"
)

// Command declares the command.
var Command = function.Command{
	Name:    "replace-signing-keys",
	Summary: "Replace all signing keys of access tokens at once.",
	Domain:  "users", Uses: []function.Use{function.Owns(database.Users), function.Keys},
	Run: run,
}

func run(ctx context.Context, env *function.Env, _ []string) error {
	s, err := store.Open(ctx, env)
	if err != nil {
		return err
	}
	kid, err := session.ReplaceSigningKeys(ctx, s, session.NewIssuer(s, env))
	if err != nil {
		return err
	}
	slog.InfoContext(ctx, "signing keys replaced; running processes cache the old ones for some minutes: restart them", "kid", kid)
	return nil
}
