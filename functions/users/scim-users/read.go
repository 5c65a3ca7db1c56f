package scimusers

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"function/functions/users/internal/person"
	"function/functions/users/internal/provisioning"
	"function/functions/users/internal/provisioning/scim"
	"function/shared/auth"
)

// Get returns one person.
func (f *Function) Get(ctx context.Context, in *provisioning.ProvisionedRequest) (*scim.Answer, error) {
	caller, err := auth.Member(ctx)
	if err != nil {
		return nil, err
	}
	id, err := in.UUID()
	if err != nil {
		return scim.Failed(err)
	}
	p, err := load(ctx, f.store.DB, caller.OrganizationID, id)
	if err != nil {
		return scim.Failed(err)
	}
	r, err := f.resource(ctx, p)
	if err != nil {
		return nil, err
	}
	return scim.ShowUnless(in.IfNoneMatch, r, in.Selecting(scim.User))
}

// Search returns the people who match a query in the body.
func (f *Function) Search(ctx context.Context, in *scim.Posted) (*scim.Answer, error) {
	query, err := in.Query()
	if err != nil {
		return scim.Failed(err)
	}
	return f.List(ctx, &query)
}

// List returns the people who match a query.
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
	found := search.Found()
	if err := f.find(ctx, caller.OrganizationID, search, found.Add); err != nil {
		return scim.Failed(err)
	}
	page, total := found.Page()
	return scim.List(page, total, search.Start, in.Selecting(scim.User))
}

// page returns a page of people in the order in which they were provisioned.
func (f *Function) page(ctx context.Context, organization uuid.UUID, s scim.Search, asked scim.Selection) (*scim.Answer, error) {
	var total int
	if err := f.store.DB.QueryRow(ctx, countPeople, organization).Scan(&total); err != nil {
		return nil, fmt.Errorf("count provisioned people: %w", err)
	}
	people, err := f.read(ctx, organization, lookup{}, uuid.Nil, s.Count, s.Start-1)
	if err != nil {
		return nil, err
	}
	resources := make([]scim.Resource, 0, len(people))
	for _, p := range people {
		r, err := f.resource(ctx, p)
		if err != nil {
			return nil, err
		}
		resources = append(resources, r)
	}
	return scim.List(resources, total, s.Start, asked)
}

// wanted contains the values to look up by index. nil matches everything.
type lookup struct {
	id                        *uuid.UUID
	userName, external, email []byte
}

// find passes the candidates for a search to add, one batch at a time: the people whom an index
// finds, or all people.
func (f *Function) find(ctx context.Context, organization uuid.UUID, s scim.Search, add func(scim.Resource)) error {
	var w lookup
	equals, _ := s.Equals()
	if text, ok := equals["id"]; ok {
		parsed, err := uuid.Parse(text)
		if err != nil {
			return nil // no person can have this identifier
		}
		w.id = &parsed
	}
	if text, ok := equals["userName"]; ok {
		w.userName = f.userNameIndex(text)
	}
	if text, ok := equals["externalId"]; ok {
		w.external = f.store.Keeper.BlindIndex(externalIndex, text)
	}
	if text, ok := equals["emails"]; ok {
		w.email = person.EmailIndex(f.store.Keeper, text)
	}
	if w.id == nil && w.userName == nil && w.external == nil && w.email == nil {
		if err := f.checkLimit(ctx, organization); err != nil {
			return err
		}
	}
	for after := uuid.Nil; ; {
		people, err := f.read(ctx, organization, w, after, provisioning.SearchBatch, 0)
		if err != nil {
			return err
		}
		for _, p := range people {
			r, err := f.resource(ctx, p)
			if err != nil {
				return err
			}
			add(r)
			after = p.ID
		}
		if len(people) < provisioning.SearchBatch {
			return nil
		}
	}
}

// checkLimit refuses to search more people than one request can.
func (f *Function) checkLimit(ctx context.Context, organization uuid.UUID) error {
	var all int
	if err := f.store.DB.QueryRow(ctx, countPeople, organization).Scan(&all); err != nil {
		return fmt.Errorf("count provisioned people: %w", err)
	}
	if all > provisioning.MaxSearched {
		return scim.BadRequest(scim.TooMany, "With more than %d people only id, userName, externalId and emails can be searched, with eq", provisioning.MaxSearched)
	}
	return nil
}

// userNameIndex returns the blind index of a userName, ignoring case (RFC 7643 §4.1.1).
func (f *Function) userNameIndex(name string) []byte {
	return f.store.Keeper.BlindIndex(userNameIndex, strings.ToLower(name))
}

func (f *Function) read(ctx context.Context, organization uuid.UUID, w lookup, after uuid.UUID, limit, offset int) ([]provisioned, error) {
	rows, _ := f.store.DB.Query(ctx, selectSome, organization, w.id, w.userName, w.external, w.email, after, limit, offset)
	people, err := pgx.CollectRows(rows, pgx.RowToStructByName[provisioned])
	if err != nil {
		return nil, fmt.Errorf("read provisioned people: %w", err)
	}
	return people, nil
}
