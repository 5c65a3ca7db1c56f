package store

import (
	"context"

	"function/shared/audit"
	"function/shared/auth"
	"function/shared/client"
	"function/shared/database"
	"function/shared/fault"
)

// Refused puts a refusal on record, whose transaction was rolled back or never begun,
// and returns it. That a constraint was violated is one; what is our own failure is none.
// Of those whom no token names, a flood becomes a few entries and a count.
func (s Store) Refused(ctx context.Context, entry audit.Entry, err error) error {
	for constraint, refusal := range refusals {
		if database.Violates(err, constraint) {
			err = refusal
		}
	}
	f, ok := fault.As(err)
	if !ok || f.Kind == fault.Internal || f.Kind == fault.Unavailable {
		return err
	}
	entry.Refused = f.Detail
	if auditErr := s.recordRefusal(ctx, entry); auditErr != nil {
		return auditErr
	}
	return err
}

func (s Store) recordRefusal(ctx context.Context, entry audit.Entry) error {
	if _, err := auth.CallerFrom(ctx); err == nil {
		return audit.Record(ctx, s.DB, entry)
	}
	source := s.Keeper.BlindIndex("refusal_counts", client.From(ctx).Source())
	return audit.RecordCounted(ctx, s.DB, source, entry)
}

// refusals are what the constraints of the domain's tables have to say.
var refusals = map[string]*fault.Error{
	"platform_admin_kept":           fault.New(fault.Conflict, "The platform is never without an admin: make somebody else one first"),
	"external_identities_pkey":      fault.New(fault.Conflict, "This login is linked to an account already: unlink it there first"),
	"organization_owner":            fault.New(fault.Conflict, "An organization is never without an owner: make somebody else an owner first"),
	"role_grants_once":              fault.New(fault.Conflict, "The role has been granted so already"),
	"role_grants_member":            fault.New(fault.NotFound, "Nobody with this identifier is in this organization"),
	"team_members_member":           fault.New(fault.NotFound, "Nobody with this identifier is in this organization"),
	"role_grants_team":              fault.New(fault.NotFound, "There is no such team"),
	"teams_name":                    fault.New(fault.Conflict, "A team of this name exists already"),
	"teams_parent":                  ErrTeamsWithin,
	"organization_domains_name":     fault.New(fault.Conflict, "Your organization has claimed this domain already: GET /v1/organizations/{id}/domains shows its record"),
	"organization_domains_verified": fault.New(fault.Conflict, "Another organization has verified this domain, and its record is still published: remove that record from the zone first"),
	"purposes_name":                 fault.New(fault.Conflict, "The organization has a purpose of this name already, or had one"),
	"service_accounts_name":         fault.New(fault.Conflict, "A service account of this name exists already"),
	"invitations_open":              fault.New(fault.Conflict, "This address is being invited at the same time"),
}

var ErrTeamsWithin = fault.New(fault.Conflict, "Other teams lie in this one: move or delete them first")
