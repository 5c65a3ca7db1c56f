// Package makeplatformadmin makes the person with an address a platform admin. An operator uses
// it to create the first one; further ones are made by a platform admin.
package makeplatformadmin

import (
	"context"

	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/function"
)

// Command declares the command.
var Command = function.Command{
	Name: "platform-admin", Arguments: []string{"EMAIL"},
	Summary: "Make the person with this address a platform admin.",
	Domain:  "users", Uses: []function.Use{function.Owns(database.Users), function.Keys},
	Run: run,
}

func run(ctx context.Context, env *function.Env, arguments []string) error {
	s, err := store.Open(ctx, env)
	if err != nil {
		return err
	}
	return lifecycle.MakePlatformAdmin(ctx, s, arguments[0])
}
