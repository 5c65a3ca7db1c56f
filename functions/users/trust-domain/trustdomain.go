// Package trustdomain assigns a domain to an organization without checking DNS, for a platform
// without a public zone. An operator runs it; elsewhere, POST
// /v1/organizations/{id}/domains/{domain}/verify checks the zone.
package trustdomain

import (
	"context"

	"github.com/google/uuid"

	"function/functions/users/internal/membership"
	"function/functions/users/internal/store"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/function"
)

// Command declares the command.
var Command = function.Command{
	Name: "trust-domain", Arguments: []string{"ORGANIZATION", "DOMAIN"},
	Summary: "Assign a domain to an organization (UUID) without checking DNS.",
	Domain:  "users", Uses: []function.Use{function.Owns(database.Users)},
	Run: run,
}

func run(ctx context.Context, env *function.Env, arguments []string) error {
	organization, err := uuid.Parse(arguments[0])
	if err != nil {
		return fault.New(fault.Invalid, "%q is not the UUID of an organization", arguments[0])
	}
	s, err := store.Open(ctx, env)
	if err != nil {
		return err
	}
	return membership.TrustDomain(ctx, s, organization, arguments[1])
}
