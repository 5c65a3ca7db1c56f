// Package sealaudit numbers and chains the new entries of the audit trails in every database, and
// signs a checkpoint for each chain. It runs every minute.
package sealaudit

import (
	"context"
	"errors"
	"log/slog"

	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/function"
	"function/shared/outbox"
)

// Service declares the function.
var Service = function.Scheduled("platform-seal-audit", function.Schedule{Cron: "* * * * *"}, New).
	Uses(function.Owns(database.Users), function.Owns(database.Datasets), function.Owns(database.Analytics), function.Keys)

// Function seals audit trails.
type Function struct {
	databases map[database.Name]*outbox.DB
	signer    *auth.Issuer
}

// New connects the function to every database and the signing key.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	f := &Function{databases: map[database.Name]*outbox.DB{}}
	for _, name := range database.Names {
		db, err := env.Database(ctx, name)
		if err != nil {
			return nil, err
		}
		f.databases[name] = db
	}
	keeper, err := env.Keeper(ctx)
	if err != nil {
		return nil, err
	}
	f.signer = auth.NewIssuer(f.databases[database.Users].Pool, keeper, env.Config.TokenIssuer, env.Config.TokenAudience)
	return f, nil
}

// Handle seals the new entries of every trail. A failure in one does not stop the others.
func (f *Function) Handle(ctx context.Context) error {
	failures := []error{audit.SumUpRefusals(ctx, f.databases[database.Users].Pool)}
	for _, trail := range audit.Trails {
		sealed, err := audit.Seal(ctx, f.databases[trail.Database()].Pool, trail, f.signer)
		if sealed > 0 {
			slog.InfoContext(ctx, "audit entries sealed", "trail", trail, "entries", sealed)
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}
