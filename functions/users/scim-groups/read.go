package scimgroups

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/provisioning/scim"
	"function/shared/auth"
)

// Get returns one team.
func (f *Function) Get(ctx context.Context, in *provisioning.ProvisionedRequest) (*scim.Answer, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	id, err := in.UUID()
	if err != nil {
		return scim.Failed(err)
	}
	t, err := load(ctx, f.store.DB, caller.OrganizationID, id, true)
	if err != nil {
		return scim.Failed(err)
	}
	r, err := t.resource()
	if err != nil {
		return nil, err
	}
	return scim.ShowUnless(in.IfNoneMatch, r, in.Selecting(scim.Group))
}

// Search returns the teams that match a query in the body.
func (f *Function) Search(ctx context.Context, in *scim.Posted) (*scim.Answer, error) {
	query, err := in.Query()
	if err != nil {
		return scim.Failed(err)
	}
	return f.List(ctx, &query)
}

// List returns the teams that match a query. It only reads members if they are requested or part
// of the filter.
func (f *Function) List(ctx context.Context, in *scim.Query) (*scim.Answer, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	search, err := scim.Group.Search(*in)
	if err != nil {
		return scim.Failed(err)
	}
	asked := in.Selecting(scim.Group)
	if search.Pages() {
		return f.page(ctx, caller.OrganizationID, search, asked)
	}
	equals, exact := search.Equals()
	id, ok := identifier(equals)
	if !ok {
		return scim.List(nil, 0, search.Start, asked)
	}
	found, members := search.Found(), asked.Wants("members") || !exact
	for after := uuid.Nil; ; { // the number of teams of an organization is limited
		teams, err := f.readTeams(ctx, caller.OrganizationID, members, id, text(equals, "displayName"), text(equals, "externalId"), after, provisioning.SearchBatch, 0)
		if err != nil {
			return nil, err
		}
		for _, t := range teams {
			r, err := t.resource()
			if err != nil {
				return nil, err
			}
			found.Add(r)
			after = t.ID
		}
		if len(teams) < provisioning.SearchBatch {
			break
		}
	}
	page, total := found.Page()
	return scim.List(page, total, search.Start, asked)
}

// identifier returns the identifier that a search asks for. It returns false if no team can have
// it.
func identifier(equals map[string]string) (*uuid.UUID, bool) {
	value, asked := equals["id"]
	if !asked {
		return nil, true
	}
	id, err := uuid.Parse(value)
	return &id, err == nil
}

func text(equals map[string]string, name string) *string {
	if value, ok := equals[name]; ok {
		return &value
	}
	return nil
}

// page returns a page of teams in the order of their creation.
func (f *Function) page(ctx context.Context, organization uuid.UUID, s scim.Search, asked scim.Selection) (*scim.Answer, error) {
	var total int
	if err := f.store.DB.QueryRow(ctx, countTeams, organization).Scan(&total); err != nil {
		return nil, fmt.Errorf("count provisioned teams: %w", err)
	}
	teams, err := f.readTeams(ctx, organization, asked.Wants("members"), nil, nil, nil, uuid.Nil, s.Count, s.Start-1)
	if err != nil {
		return nil, err
	}
	resources := make([]scim.Resource, 0, len(teams))
	for _, t := range teams {
		r, err := t.resource()
		if err != nil {
			return nil, err
		}
		resources = append(resources, r)
	}
	return scim.List(resources, total, s.Start, asked)
}

func (f *Function) readTeams(ctx context.Context, organization uuid.UUID, members bool, id *uuid.UUID, name, external *string, after uuid.UUID, limit, offset int) ([]team, error) {
	rows, _ := f.store.DB.Query(ctx, selectSome, organization, members, id, name, external, after, limit, offset)
	teams, err := pgx.CollectRows(rows, pgx.RowToStructByName[team])
	if err != nil {
		return nil, fmt.Errorf("read provisioned teams: %w", err)
	}
	return teams, nil
}
