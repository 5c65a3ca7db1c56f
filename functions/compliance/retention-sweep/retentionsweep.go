// Package retentionsweep asks the domains to dispose of what the retention
// policies no longer keep. It runs every night at 02:30 UTC.
package retentionsweep

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/compliance"
	"function/shared/database"
	"function/shared/events"
	"function/shared/function"
	"function/shared/outbox"
	"function/shared/uuid7"
)

// Service declares the function.
var Service = function.Scheduled("compliance-retention-sweep", function.Schedule{Cron: "30 2 * * *"}, New).
	Uses(function.Owns(database.Users))

// Function sweeps.
type Function struct{ compliance.Store }

// New opens the policies.
func New(ctx context.Context, env *function.Env) (*Function, error) {
	store, err := compliance.Open(ctx, env)
	return &Function{store}, err
}

const (
	// With the policy goes the last that is known of an organization that is gone.
	deleteEnded    = `DELETE FROM compliance.retention_policies WHERE ends_at < now()`
	insertSweep    = `INSERT INTO compliance.retention_sweeps (id) VALUES ($1)`
	insertPolicies = `
INSERT INTO compliance.swept_policies (sweep_id, policy_id, organization_id, resource, keep_days, cutoff)
SELECT $1, id, organization_id, resource, keep_days, now() - make_interval(days => keep_days)
FROM compliance.retention_policies
RETURNING policy_id, organization_id, resource, cutoff`
)

type policy struct {
	PolicyID       uuid.UUID
	OrganizationID uuid.UUID // uuid.Nil: the platform's default
	Resource       string
	Cutoff         time.Time
}

// Handle records the sweep and publishes one request for each policy. A second
// sweep on one day finds nothing left to dispose of.
func (f *Function) Handle(ctx context.Context) error {
	sweep := uuid7.New()
	return f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		if _, err := tx.Exec(ctx, deleteEnded); err != nil {
			return fmt.Errorf("delete policies of organizations that are gone: %w", err)
		}
		if _, err := tx.Exec(ctx, insertSweep, sweep); err != nil {
			return fmt.Errorf("insert sweep: %w", err)
		}
		rows, _ := tx.Query(ctx, insertPolicies, sweep)
		policies, err := pgx.CollectRows(rows, pgx.RowToStructByName[policy])
		if err != nil {
			return fmt.Errorf("insert policies of sweep: %w", err)
		}
		for _, p := range policies {
			if err := tx.Publish(ctx, request(sweep, p, policies)); err != nil {
				return err
			}
		}
		return nil
	})
}

func request(sweep uuid.UUID, p policy, all []policy) events.Event {
	d := events.Disposal{SweepID: sweep, PolicyID: p.PolicyID, Cutoff: p.Cutoff.UTC(), Only: p.OrganizationID}
	if p.OrganizationID == uuid.Nil {
		d.Except = ownersOf(p.Resource, all)
	}
	if p.Resource == compliance.Sessions {
		return events.SessionDisposalRequested{Disposal: d}
	}
	return events.DatasetDisposalRequested{Disposal: d}
}

// ownersOf are the organizations with a policy of their own for a resource.
func ownersOf(resource string, all []policy) []uuid.UUID {
	var owners []uuid.UUID
	for _, p := range all {
		if p.Resource == resource && p.OrganizationID != uuid.Nil {
			owners = append(owners, p.OrganizationID)
		}
	}
	return owners
}
