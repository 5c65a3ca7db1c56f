package retention

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/events"
	"function/shared/outbox"
)

const (
	insertVersion = `INSERT INTO compliance.retention_versions VALUES ($1, 0) ON CONFLICT DO NOTHING`
	// The lock is held until the transaction ends, so that no change comes between reading a
	// version and publishing it.
	lockVersion = `SELECT version FROM compliance.retention_versions WHERE resource = $1 FOR UPDATE`
)

// lock prevents concurrent changes to the policies of a resource and returns the version of the
// latest change.
func lock(ctx context.Context, tx *outbox.Tx, resource Resource) (version int64, err error) {
	if err := tx.QueryRow(ctx, lockVersion, resource).Scan(&version); err != nil {
		return 0, fmt.Errorf("lock policies of %s: %w", resource, err)
	}
	return version, nil
}

// Change runs work, which changes policies of a resource, and publishes the changed policies.
func Change(ctx context.Context, tx *outbox.Tx, resource Resource, work func() error) error {
	if _, err := tx.Exec(ctx, insertVersion, resource); err != nil {
		return fmt.Errorf("insert version of %s: %w", resource, err)
	}
	before, err := lock(ctx, tx, resource)
	if err != nil {
		return err
	}
	if err := work(); err != nil {
		return err
	}
	return Publish(ctx, tx, resource, before)
}

// maxPolicies limits the policies in one event, far below events.MaxSize.
const maxPolicies = 1000

const selectChanged = `
SELECT organization_id, keep_days, version FROM compliance.retention_policies
WHERE resource = $1 AND version > $2 ORDER BY version LIMIT $3`

// Publish publishes the current state of all policies of a resource that changed after the given
// version.
func Publish(ctx context.Context, tx *outbox.Tx, resource Resource, after int64) error {
	version, err := lock(ctx, tx, resource)
	if err != nil {
		return err
	}
	for after < version {
		rows, _ := tx.Query(ctx, selectChanged, resource, after, maxPolicies)
		policies, err := pgx.CollectRows(rows, pgx.RowToStructByPos[events.RetentionPolicy])
		if err != nil {
			return fmt.Errorf("list changed policies: %w", err)
		}
		through := version
		if len(policies) == maxPolicies {
			through = policies[len(policies)-1].Version
		}
		if err := tx.Publish(ctx, events.PoliciesChanged{Resource: string(resource), After: after, Through: through, Policies: policies}); err != nil {
			return err
		}
		after = through
	}
	return nil
}

const (
	selectHasDefault = `SELECT EXISTS (SELECT FROM compliance.retention_policies WHERE resource = $1 AND organization_id = $2)`
	insertDefault    = `INSERT INTO compliance.retention_policies (id, organization_id, resource, keep_days) VALUES (gen_random_uuid(), $2, $1, $3)`
	// Ending a policy also removes the last data about a deleted organization.
	endPolicies = `
UPDATE compliance.retention_policies SET keep_days = NULL, changed_by = NULL, ends_at = NULL WHERE resource = $1 AND ends_at < now()`
)

// Settle ends the policies of deleted organizations whose time is up, and inserts the default
// policy of each resource that lacks one.
func Settle(ctx context.Context, tx *outbox.Tx) error {
	for _, r := range resources {
		err := Change(ctx, tx, r.name, func() error {
			var has bool
			if err := tx.QueryRow(ctx, selectHasDefault, r.name, uuid.Nil).Scan(&has); err != nil {
				return fmt.Errorf("look for default policy: %w", err)
			}
			if !has {
				if _, err := tx.Exec(ctx, insertDefault, r.name, uuid.Nil, r.keepDays); err != nil {
					return fmt.Errorf("insert default policy: %w", err)
				}
			}
			if _, err := tx.Exec(ctx, endPolicies, r.name); err != nil {
				return fmt.Errorf("end policies of organizations that are gone: %w", err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Request asks the domains to dispose of everything that the policies no longer keep.
func Request(ctx context.Context, tx *outbox.Tx, sweep events.DisposalRequested) error {
	for _, r := range resources {
		version, err := lock(ctx, tx, r.name)
		if err != nil {
			return err
		}
		sweep.Resource, sweep.Policies = string(r.name), version
		if err := tx.Publish(ctx, sweep); err != nil {
			return err
		}
	}
	return nil
}
