// Package restartaudit continues an audit trail whose chain is broken in a new segment, and
// records that in the signed checkpoint. An operator runs it.
package restartaudit

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
)

// Command declares the command.
var Command = function.Command{
	Name: "restart-audit", Arguments: []string{"TRAIL", "ORGANIZATION", "REASON"},
	Summary: "Continue an audit trail that was tampered with. The nil UUID is the platform's own organization; the reason must not contain names.",
	Domain:  "platform", Uses: []function.Use{function.Owns(database.Users), function.Owns(database.Datasets), function.Owns(database.Analytics), function.Keys},
	Run: run,
}

func run(ctx context.Context, env *function.Env, arguments []string) error {
	trail, reason := audit.Trail(arguments[0]), arguments[2]
	organization, err := uuid.Parse(arguments[1])
	if err != nil || !slices.Contains(audit.Trails, trail) || reason == "" {
		return fault.New(fault.Invalid, "restart-audit takes a trail (%v), the UUID of an organization (the nil UUID for the platform's own) and a reason without names", audit.Trails)
	}
	users, err := env.Database(ctx, database.Users)
	if err != nil {
		return err
	}
	keeper, err := env.Keeper(ctx)
	if err != nil {
		return err
	}
	db, err := env.Database(ctx, trail.Database())
	if err != nil {
		return err
	}
	signer := auth.NewIssuer(users.Pool, keeper, env.Config.TokenIssuer, env.Config.TokenAudience)
	return audit.Restart(ctx, db.Pool, trail, organization, signer, reason)
}
