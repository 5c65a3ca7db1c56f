package store

import (
	"function/shared/database"
	"function/shared/fault"
)

// What the constraints of the domain's tables have to say.
func init() {
	database.Constraint("platform_admin_kept", fault.Conflict, "The platform is never without an admin: make somebody else one first")
	database.Constraint("external_identities_pkey", fault.Conflict, "This login is linked to an account already: unlink it there first")
	database.Constraint("organization_owner", fault.Conflict, "An organization is never without an owner: make somebody else an owner first")
	database.Constraint("role_grants_once", fault.Conflict, "The role has been granted so already")
	database.Constraint("role_grants_member", fault.NotFound, "Nobody with this identifier is in this organization")
	database.Constraint("team_members_member", fault.NotFound, "Nobody with this identifier is in this organization")
	database.Constraint("role_grants_team", fault.NotFound, "There is no such team")
	database.Constraint("teams_name", fault.Conflict, "A team of this name exists already")
	database.Constraint("organization_domains_name", fault.Conflict, "Your organization has claimed this domain already: GET /v1/organizations/{id}/domains shows its record")
	database.Constraint("organization_domains_verified", fault.Conflict, "Another organization has verified this domain, and its record is still published: remove that record from the zone first")
	database.Constraint("purposes_name", fault.Conflict, "The organization has a purpose of this name already, or had one")
	database.Constraint("service_accounts_name", fault.Conflict, "A service account of this name exists already")
	database.Constraint("invitations_open", fault.Conflict, "This address is being invited at the same time")
	database.Constraint("teams_parent", ErrHasSubteams.Kind, ErrHasSubteams.Detail)
}

// ErrHasSubteams refuses to delete a team that has subteams.
var ErrHasSubteams = fault.New(fault.Conflict, "Other teams lie in this one: move or delete them first")
