package access

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/shared/database"
	"function/shared/policy"
)

const selectSubject = `
SELECT CASE WHEN waits_for IS NULL THEN roles ELSE '{}' END AS roles,
       CASE WHEN waits_for IS NULL THEN permissions_of(@organization, roles) ELSE '{}' END AS own, coalesce(waits_for, '') AS waits_for
FROM (
    SELECT roles_of(u.id, o.id) AS roles, CASE
        WHEN o.deleted_at IS NOT NULL THEN 'organization'
        WHEN m.status <> 'active' OR u.suspended_at IS NOT NULL THEN 'approval'
        WHEN u.must_change_password THEN 'password' END AS waits_for
    FROM memberships m JOIN users u ON u.id = m.user_id JOIN organizations o ON o.id = m.organization_id
    WHERE m.user_id = @id AND m.organization_id = @organization
    UNION ALL
    SELECT (SELECT coalesce(array_agg(role ORDER BY role), '{}') FROM role_grants WHERE service_account_id = a.id), CASE
        WHEN o.deleted_at IS NOT NULL THEN 'organization'
        WHEN a.disabled_at IS NOT NULL THEN 'approval' END
    FROM service_accounts a JOIN organizations o ON o.id = a.organization_id
    WHERE a.id = @id AND a.organization_id = @organization
) s`

// SubjectOf returns what a person or service account may do in an organization, independent
// of a session: as if logged in with a second factor but without step-up authentication. For
// an unknown subject it returns no rights.
func SubjectOf(ctx context.Context, tx pgx.Tx, organization, id uuid.UUID) (policy.Subject, error) {
	type row struct {
		Roles    []string
		Own      []policy.Permission
		WaitsFor string
	}
	found, err := database.One[row](ctx, tx, pgx.ErrNoRows, selectSubject, pgx.NamedArgs{"organization": organization, "id": id})
	if database.IsNoRows(err) {
		return policy.Subject{BlockedBy: policy.BlockedByMembership}, nil
	}
	if err != nil {
		return policy.Subject{}, fmt.Errorf("read what %s may do: %w", id, err)
	}
	return policy.Subject{Roles: found.Roles, CustomPermissions: found.Own, BlockedBy: found.WaitsFor}, nil
}
