package store

import (
	"function/shared/database"
	"function/shared/fault"
)

// Errors for violated constraints of the domain's tables.
func init() {
	database.Constraint("platform_admin_kept", fault.Conflict, "The platform needs at least one admin: make somebody else one first")
	database.Constraint("external_identities_pkey", fault.Conflict, "This login is already linked to an account: unlink it there first")
	database.Constraint("organization_owner", fault.Conflict, "An organization needs at least one owner: make somebody else an owner first")
	database.Constraint("role_grants_once", fault.Conflict, "This role is already granted there")
	database.Constraint("role_grants_member", fault.NotFound, "This organization has no member with this identifier")
	database.Constraint("team_members_member", fault.NotFound, "This organization has no member with this identifier")
	database.Constraint("role_grants_team", fault.NotFound, "There is no such team")
	database.Constraint("teams_name", fault.Conflict, "A team with this name already exists")
	database.Constraint("organization_domains_name", fault.Conflict, "Your organization has already claimed this domain: GET /v1/organizations/{id}/domains shows its record")
	database.Constraint("organization_domains_verified", fault.Conflict, "Another organization has verified this domain, and its record is still published: remove that record from the zone first")
	database.Constraint("purposes_name", fault.Conflict, "The organization already has or had a purpose with this name: choose a different name")
	database.Constraint("service_accounts_name", fault.Conflict, "A service account with this name already exists")
	database.Constraint("invitations_open", fault.Conflict, "This address is being invited by another request at the same time: try again")
	database.Constraint("teams_parent", ErrHasSubteams.Kind, ErrHasSubteams.Detail)
}

// ErrHasSubteams refuses to delete a team that has subteams.
var ErrHasSubteams = fault.New(fault.Conflict, "This team has subteams: move or delete them first")
