package scimgroups

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/provisioning"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/outbox"
)

const (
	// FOR KEY SHARE keeps the people from being removed until the transaction ends.
	countKnown = `
SELECT count(*) FROM (SELECT FROM provisioned_people WHERE organization_id = $1 AND id = ANY ($2) FOR KEY SHARE) known`
	addMembers = `
INSERT INTO team_members (team_id, user_id, organization_id)
SELECT $2, user_id, organization_id FROM provisioned_people WHERE organization_id = $1 AND id = ANY ($3) AND user_id IS NOT NULL
ON CONFLICT DO NOTHING`
	addWaiting = `
INSERT INTO provisioned_waiting (team_id, person_id)
SELECT $2, id FROM provisioned_people WHERE organization_id = $1 AND id = ANY ($3) AND user_id IS NULL
ON CONFLICT DO NOTHING`
	removeMembers = `
DELETE FROM team_members m USING provisioned_people p
WHERE p.organization_id = $1 AND p.id = ANY ($3) AND m.team_id = $2 AND m.user_id = p.user_id`
	removeWaiting = `DELETE FROM provisioned_waiting WHERE team_id = $1 AND person_id = ANY ($2)`
)

// setMembers makes exactly the wanted people members of a team. Members who are not provisioned
// are not affected.
func (f *Function) setMembers(ctx context.Context, tx *outbox.Tx, caller auth.Caller, id uuid.UUID, are, wanted []uuid.UUID) error {
	organization := caller.OrganizationID
	added, removed := difference(wanted, are), difference(are, wanted)
	if len(added) > 0 {
		if err := provisioning.MayProvisionTeam(ctx, tx, caller, id); err != nil {
			return err
		}
		var known int
		if err := tx.QueryRow(ctx, countKnown, organization, added).Scan(&known); err != nil {
			return fmt.Errorf("look for members: %w", err)
		}
		if known != len(added) {
			return errMember
		}
		for _, statement := range []string{addMembers, addWaiting} {
			if _, err := tx.Exec(ctx, statement, organization, id, added); err != nil {
				return fmt.Errorf("add members: %w", err)
			}
		}
	}
	if len(removed) > 0 {
		if _, err := tx.Exec(ctx, removeMembers, organization, id, removed); err != nil {
			return fmt.Errorf("remove members: %w", err)
		}
		if _, err := tx.Exec(ctx, removeWaiting, id, removed); err != nil {
			return fmt.Errorf("remove members: %w", err)
		}
	}
	if len(added)+len(removed) == 0 {
		return nil
	}
	detail := map[string]any{"provisioned": true, "added": truncate(added), "removed": truncate(removed), "added_count": len(added), "removed_count": len(removed)}
	return audit.Record(ctx, tx, audit.Entry{Action: "team_members:change", ResourceID: id.String(), Detail: detail})
}

// truncate limits the identifiers in an audit entry.
func truncate(people []uuid.UUID) []uuid.UUID { return people[:min(len(people), 100)] }

// difference returns the distinct elements of a that are not in b.
func difference(a, b []uuid.UUID) []uuid.UUID {
	seen := make(map[uuid.UUID]bool, len(b))
	for _, id := range b {
		seen[id] = true
	}
	more := []uuid.UUID{}
	for _, id := range a {
		if !seen[id] {
			seen[id] = true
			more = append(more, id)
		}
	}
	return more
}
