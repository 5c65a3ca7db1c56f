package scimusers

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users"
	"function/shared/auth"
	"function/shared/scim"
)

// Get answers one person.
func (f *Function) Get(ctx context.Context, in *users.ProvisionedRequest) (*scim.Answer, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	id, err := in.UUID()
	if err != nil {
		return scim.Failed(err)
	}
	p, err := load(ctx, f.DB, caller.OrganizationID, id)
	if err != nil {
		return scim.Failed(err)
	}
	r, err := f.resource(ctx, p)
	if err != nil {
		return nil, err
	}
	return scim.Show(http.StatusOK, r, in.Selecting(scim.User))
}

// List answers the people that a query asks for.
func (f *Function) List(ctx context.Context, in *scim.Query) (*scim.Answer, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	search, err := scim.User.Search(*in)
	if err != nil {
		return scim.Failed(err)
	}
	if search.Pages() {
		return f.page(ctx, caller.OrganizationID, search, in.Selecting(scim.User))
	}
	found, err := f.candidates(ctx, caller.OrganizationID, search)
	if err != nil {
		return scim.Failed(err)
	}
	page, total := search.Of(found)
	return scim.List(page, total, search.Start, in.Selecting(scim.User))
}

// page answers people in the order in which they were provisioned.
func (f *Function) page(ctx context.Context, organization uuid.UUID, s scim.Search, asked scim.Selection) (*scim.Answer, error) {
	var total int
	if err := f.DB.QueryRow(ctx, countPeople, organization).Scan(&total); err != nil {
		return nil, fmt.Errorf("count provisioned people: %w", err)
	}
	people, err := f.read(ctx, organization, nil, nil, nil, s.Count, s.Start-1)
	if err != nil {
		return nil, err
	}
	resources, err := f.resources(ctx, people)
	if err != nil {
		return nil, err
	}
	return scim.List(resources, total, s.Start, asked)
}

// candidates are the people among whom a search is done: those whom an index finds,
// or everybody.
func (f *Function) candidates(ctx context.Context, organization uuid.UUID, s scim.Search) ([]scim.Resource, error) {
	var id *uuid.UUID
	var userName, external []byte
	equals, _ := s.Equals()
	if text, ok := equals["id"]; ok {
		parsed, err := uuid.Parse(text)
		if err != nil {
			return nil, nil // nobody is called so
		}
		id = &parsed
	}
	if text, ok := equals["userName"]; ok {
		userName = f.userNameIndex(text)
	}
	if text, ok := equals["externalId"]; ok {
		external = f.Keeper.BlindIndex(externalIndex, text)
	}
	people, err := f.read(ctx, organization, id, userName, external, users.MaxSearched+1, 0)
	if err != nil {
		return nil, err
	}
	if len(people) > users.MaxSearched {
		return nil, scim.Wrong(scim.TooMany, "Among more than %d people only id, userName and externalId can be searched, by eq", users.MaxSearched)
	}
	return f.resources(ctx, people)
}

// userNameIndex finds a userName, whatever its case (RFC 7643 §4.1.1).
func (f *Function) userNameIndex(name string) []byte {
	return f.Keeper.BlindIndex(userNameIndex, strings.ToLower(name))
}

func (f *Function) read(ctx context.Context, organization uuid.UUID, id *uuid.UUID, userName, external []byte, limit, offset int) ([]person, error) {
	rows, _ := f.DB.Query(ctx, selectSome, organization, id, userName, external, limit, offset)
	people, err := pgx.CollectRows(rows, pgx.RowToStructByName[person])
	if err != nil {
		return nil, fmt.Errorf("read provisioned people: %w", err)
	}
	return people, nil
}

func (f *Function) resources(ctx context.Context, people []person) ([]scim.Resource, error) {
	resources := make([]scim.Resource, 0, len(people))
	for _, p := range people {
		r, err := f.resource(ctx, p)
		if err != nil {
			return nil, err
		}
		resources = append(resources, r)
	}
	return resources, nil
}
